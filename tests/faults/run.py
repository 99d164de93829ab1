#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes calls of hcnn-cl fail, one in each run, and checks what the program does. docs/faults.md
describes it. `make check-faults` runs this:

    python3 tests/faults/run.py --library tests/faults/inject.so ./hcnn-cl

A first run of each command records the distinct call stacks of the calls that can fail. Then each
stack has two runs: in one its first call fails, in the other every call from there on.
"""
import argparse
import fnmatch
import json
import multiprocessing
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from files import Broken, fingerprint, plain_text  # noqa: E402
from scenarios import SCENARIOS, TREE  # noqa: E402

HANG_SECONDS = 60  # includes compiling a few kernels again
# In the output of train: it does without a file; the store lacks the end of a run until REMEDY.
NOTE = "; the run continues"
LOST = "; the store does not know how this run ended"
REMEDY = ["runs", "--add"]
COLUMNS = ("injected", "messages", "right", "crashes", "hangs", "wrong", "exempt", "not reached",
           "left out")


class Work:
    """A directory with a cache of compiled kernels, in which one command runs at a time."""

    def __init__(self, root, program, library, cache, is_warm):
        self.root, self.program, self.library = root, program, library
        self.place, self.log, self.cache = root / "place", root / "log", root / "cache"
        self.sound_cache, self.is_warm, self.made = cache, is_warm, {}
        shutil.copytree(cache, self.cache)

    def keep_cache(self):
        shutil.rmtree(self.sound_cache, ignore_errors=True)
        shutil.copytree(self.cache, self.sound_cache)

    def refresh_cache(self):
        """Undoes what a run changed in the cache."""
        if listing(self.cache) != listing(self.sound_cache):
            shutil.rmtree(self.cache, ignore_errors=True)
            shutil.copytree(self.sound_cache, self.cache)

    def environment(self, inject=None):
        kept = {name: value for name, value in os.environ.items()
                if name in ("PATH", "OCL_ICD_VENDORS")}
        kept |= {"HOME": str(self.root), "XDG_CACHE_HOME": str(self.cache), "HCNN_SELFTEST": "0",
                 "POCL_CACHE_DIR": str(self.cache / "pocl"), "HCNN_DEVICE": "cpu", "LC_ALL": "C"}
        if inject:
            kept |= {"LD_PRELOAD": str(self.library), "HCNN_INJECT": inject,
                     "HCNN_INJECT_LOG": str(self.log)}
        return kept

    def start(self, words, limit, inject=None):
        """Runs the program in place. Returns its exit code (None: it hung), output and messages."""
        self.log.unlink(missing_ok=True)
        with open(self.root / "out", "wb") as out, open(self.root / "err", "wb") as err:
            words = [str(self.root.parent / word.lower()) if word.startswith("TREE") else word
                     for word in words]
            child = subprocess.Popen([self.program, *words], cwd=self.place, stdout=out, stderr=err,
                                     stdin=subprocess.DEVNULL, env=self.environment(inject),
                                     start_new_session=True)
            try:
                code = child.wait(limit)
            except subprocess.TimeoutExpired:
                code = None
            left = end_group(child)
        out = (self.root / "out").read_bytes().decode(errors="replace")
        err = (self.root / "err").read_bytes().decode(errors="replace")
        return code, out, err + ("(a process is left)" if left and code is not None else "")


def end_group(child):
    """Kills what is left of a command. Returns whether anything was."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    child.wait()
    return True


def listing(directory):
    return sorted((str(path.relative_to(directory)), path.stat().st_size, path.stat().st_mtime_ns)
                  for path in directory.rglob("*") if path.is_file())


def read_tree(place):
    """The fingerprints of all files, by name. A name that varies with the time has no digits."""
    found = {}
    for path in sorted(place.rglob("*")):
        if ".new-" in path.name:
            found[str(path.relative_to(place))] = "directory"
        elif path.is_file() and not path.name.endswith(("-wal", "-shm", "-journal")):
            name = str(path.relative_to(place))
            name = re.sub(r"tfevents\..*", "tfevents", name)
            name = re.sub(r"optimizer-\d+", "optimizer-N", name)
            found[name] = fingerprint(path, place)
    return found


class Scenario:
    """A command, the directory that it starts in, and what an undisturbed run of it leaves."""

    def __init__(self, description):
        self.__dict__.update(description)
        self.old, self.new, self.out, self.limit = {}, {}, {}, {}

    def begin(self, work):
        """Prepares the directory, and runs the command undisturbed."""
        self.prepare(work)
        self.old[work.root] = read_tree(work.place)
        if not work.is_warm:  # the kernels are compiled in a run of their own
            self.undisturbed(work, self.command)
            self.fill(work)
        self.stacks = self.record(work)

    def home(self, work):
        return work.root / "homes" / self.name

    def fill(self, work):
        """Makes the directory as it is before the command. Its files may contain its path."""
        shutil.rmtree(work.place, ignore_errors=True)
        shutil.copytree(self.home(work), work.place)

    def prepare(self, work):
        """Runs the commands before, unless another scenario has already done so."""
        shutil.rmtree(work.place, ignore_errors=True)
        work.place.mkdir()
        for i, words in enumerate(self.before):
            made = work.made.get(repr(self.before[:i + 1]))
            if made:
                shutil.rmtree(work.place)
                shutil.copytree(made, work.place)
                continue
            self.undisturbed(work, words)
            made = work.made[repr(self.before[:i + 1])] = work.root / f"made-{len(work.made)}"
            shutil.copytree(work.place, made)
        shutil.copytree(work.place, self.home(work))

    @staticmethod
    def undisturbed(work, words, inject=None):
        if callable(words):
            words(work.place)
            return ""
        code, out, err = work.start(words, 600, inject)
        if code != 0 or err:
            sys.exit(f"hcnn-cl {' '.join(words)}: {code}\n{out}{err}")
        return out

    def record(self, work):
        start = time.monotonic()
        self.out[work.root] = plain_text(self.undisturbed(work, self.command, "record:all:0"))
        self.limit[work.root] = HANG_SECONDS + 5 * (time.monotonic() - start)
        self.new[work.root] = new = read_tree(work.place)
        for name, value in new.items():
            if isinstance(value, Broken):
                sys.exit(f"{self.name}: {name}: {value}")
        lines = [line.split() for line in work.log.read_text().splitlines()]
        return [(line[0], line[1], line[2:]) for line in lines]

    def is_optional(self, name):
        return any(fnmatch.fnmatch(name, pattern) for pattern in self.optional)

    def check_files(self, work, done, said, short=False):
        """A list of what is wrong with the files. `short`: removing a tree was not possible."""
        wrong = []
        now, old, new = read_tree(work.place), self.old[work.root], self.new[work.root]
        for name, value in now.items():
            if re.search(r"\.(tmp|new|link)-", name):
                if not (short and any(fnmatch.fnmatch(name, pattern) for pattern in self.swept)):
                    wrong.append(f"{name} is left")
            elif isinstance(value, Broken):
                if not (self.is_grown(name) and not done):
                    wrong.append(f"{name}: {value}")
            elif any(fnmatch.fnmatch(name, pattern) for pattern in self.extra):
                pass
            elif name not in old and name not in new:
                wrong.append(f"{name} is unknown")
            elif not (value == new.get(name) or self.is_earlier(name, value, old, done, said)):
                wrong.append(f"{name} is neither the old nor the new one")
        expected = new.keys() if done else old.keys() & new.keys()
        wrong += [f"{name} is missing" for name in sorted(expected - now.keys())
                  if not (said and self.is_optional(name))]
        return wrong

    def is_grown(self, name):
        """Files that grow line by line: a failed run leaves a part."""
        return any(fnmatch.fnmatch(name, pattern) for pattern in self.grown)

    def is_earlier(self, name, value, old, done, said):
        if done:
            return said and self.is_optional(name)
        return value == old.get(name) or self.is_grown(name) or any(
            fnmatch.fnmatch(name, pattern) for pattern in self.checkpoints)

    def next_start(self, work):
        """What is wrong with a start without faults after one that failed."""
        words = self.again or self.command
        if self.resume and (work.place / self.resume).exists():
            words = ["train", "--resume", self.resume]
        code, out, err = work.start(words, self.limit[work.root])
        if code != 0 and not (self.refusal and re.search(self.refusal, err)):
            return [f"the next start ends with {code}: {err.strip()[-300:]}"]
        return ["after the next start, " + text for text in self.check_files(work, True, True)]

    def remedy(self, work):
        """What is wrong with the store after the command that the message names."""
        code, _, err = work.start([*REMEDY, self.run], self.limit[work.root])
        if code != 0:
            return [f"{' '.join(REMEDY)} ends with {code}: {err.strip()[-300:]}"]
        directory, run = self.run.split("/")
        store = f"{directory}/runs.db"
        got, new = read_tree(work.place)[store][run], self.new[work.root][store][run]
        return [f"{store}: after {' '.join(REMEDY)} the {part} is not the new one"
                for part in ("state", "message", "config", "step", "metrics")
                if got[part] != new[part]]

    def judge(self, work, inject):
        """Runs the command with a fault. Returns a verdict and its reasons."""
        self.fill(work)
        work.refresh_cache()
        code, out, err = work.start(self.command, self.limit[work.root], inject)
        if not work.log.exists() or not work.log.read_text():
            return "not reached", ["the call did not happen this time"]
        if code is None:
            return "hangs", [err[-300:]]
        if code < 0 or code > 128:
            return "crashes", [f"exit code {code}: {err[-300:]}"]
        lost = LOST in out
        said = bool(re.search(r"^hcnn-cl: \S", err, re.M)) or NOTE in out or lost
        wrong = ["a process is left"] if "(a process is left)" in err else []
        out = "".join(line for line in plain_text(out).splitlines(True)
                      if NOTE not in line and LOST not in line)
        if code == 0 and out != self.out[work.root]:
            wrong.append("other output: " + difference(self.out[work.root], out))
        if code != 0 and not said:
            wrong.append(f"no message with exit code {code}: {err[-300:]}")
        if "(null)" in err + out:
            wrong.append(f"(null): {err[-300:]}")
        short = inject.startswith(("from:open:", "from:memory:")) or bool(
            re.search("completes it|removes the rest", err))
        wrong += self.check_files(work, code == 0, said, short)
        if code != 0:
            wrong += self.next_start(work)
        elif lost:
            wrong += self.remedy(work)
        if wrong:
            return "wrong", [f"(exit code {code}: {err.strip()[-200:]})"] + wrong
        return ("right" if code == 0 else "messages"), [err.strip()]


def difference(expected, got):
    for a, b in zip(expected.splitlines() + [""], got.splitlines() + [""]):
        if a != b:
            return f"'{b}' instead of '{a}'"
    return f"{len(got)} characters instead of {len(expected)}"


# ---- Names for stacks, and exemptions ----

class Names:
    """The functions of a stack."""

    def __init__(self, program):
        self.program, self.known = program, {}

    def of(self, frames):
        missing = sorted({f for f in frames if f.startswith("hcnn-cl+") and f not in self.known})
        if missing:
            addresses = [hex(int(f.split("+")[1], 16) - 1) for f in missing]
            text = subprocess.run(["addr2line", "-f", "-s", "-e", self.program, *addresses],
                                  capture_output=True, text=True, check=True).stdout.splitlines()
            for frame, function, line in zip(missing, text[::2], text[1::2]):
                self.known[frame] = f"{function}({line.split(' ')[0]})"
        return [self.known.get(frame, frame) for frame in frames]


def read_exemptions(path):
    """Lines "CLASS PATTERN REASON"; see the file."""
    lines = [line.split(None, 2) for line in path.read_text().splitlines()
             if line.strip() and not line.startswith("#")]
    return [(cls, re.compile(pattern), reason.strip()) for cls, pattern, reason in lines]


# ---- The whole ----

def choose(scenarios, options):
    """All pairs of a stack and a mode, in an order that depends only on the stacks: first each
    stack in the first scenario that has it, then the others."""
    chosen, seen = [], {}
    for scenario in scenarios:
        for cls, stack, frames in scenario.stacks:
            if options.stack and stack not in options.stack.split():
                continue
            if not any(fnmatch.fnmatch(cls, pattern) for pattern in options.classes.split()):
                continue
            turn = seen[cls, stack] = seen.get((cls, stack), -1) + 1
            chosen += [(turn, stack[::-1], stack, mode, scenario.name, cls, frames)
                       for mode in ("once", "from")]
    return [item[2:] for item in sorted(chosen)]


_own = {}  # of a process of the pool: its Work, the scenarios by name, and the end of the time


def begin_process(works, scenarios, end):
    _own.update(work=works.get(), scenarios={s.name: s for s in scenarios}, end=end)


def judge_one(item):
    """Returns a verdict and its reasons; verdict None: there was no time left."""
    stack, mode, scenario, cls, _ = item
    if _own["end"] and time.monotonic() > _own["end"]:
        return None, []
    return _own["scenarios"][scenario].judge(_own["work"], f"{mode}:{cls}:{stack}")


def run_all(chosen, works, scenarios, seconds):
    places = multiprocessing.Queue()
    for work in works:
        places.put(work)
    end = time.monotonic() + seconds if seconds else None
    with multiprocessing.Pool(len(works), begin_process, (places, scenarios, end)) as pool:
        for number, result in enumerate(pool.imap(judge_one, chosen)):
            if sys.stderr.isatty():
                print(f"\r{number + 1} of {len(chosen)}", end="", file=sys.stderr)
            yield chosen[number], *result


class Tally:
    """Counts verdicts and prints what is wrong."""

    def __init__(self, scenarios, names, exemptions):
        self.rows = {s.name: dict.fromkeys(COLUMNS, 0) for s in scenarios}
        self.names, self.exemptions, self.records, self.bad = names, exemptions, [], 0

    def is_exempt(self, cls, texts):
        return any(fnmatch.fnmatch(cls, exempt) and any(map(pattern.search, texts))
                   for exempt, pattern, _ in self.exemptions)

    def take(self, item, verdict, reasons):
        stack, mode, scenario, cls, frames = item
        row = self.rows[scenario]
        if verdict in (None, "not reached"):
            row[verdict or "left out"] += 1
            return
        functions = self.names.of(frames)
        bad = verdict in ("crashes", "hangs", "wrong")
        if bad and self.is_exempt(cls, [*functions, *reasons, f"{verdict} in {functions[0]}"]):
            verdict, bad = "exempt", False
        row["injected"] += 1
        row[verdict] += 1
        self.records.append({"scenario": scenario, "mode": mode, "class": cls, "stack": stack,
                             "verdict": verdict, "reasons": reasons, "frames": functions})
        if bad:
            self.bad += 1
            print(f"\n{scenario} {mode}:{cls}:{stack}: {verdict}")
            for text in reasons:
                print("    " + text.replace("\n", "\n    "))
            print("    at " + " < ".join(functions[:14]))

    def print(self):
        print(f"\n{'scenario':12}" + "".join(f"{c:>12}" for c in COLUMNS))
        total = {c: sum(row[c] for row in self.rows.values()) for c in COLUMNS}
        for name, row in [*self.rows.items(), ("all", total)]:
            print(f"{name:12}" + "".join(f"{row[c]:>12}" for c in COLUMNS))


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--library", type=pathlib.Path, required=True)
    parser.add_argument("--cache", type=pathlib.Path, help="directory for compiled kernels")
    parser.add_argument("--scenario", default="", help="only these, separated by spaces")
    parser.add_argument("--classes", default="*", help="only these classes of calls, as patterns")
    parser.add_argument("--stack", default="", help="only these stacks, separated by spaces")
    parser.add_argument("--seconds", type=float, help="start no run after this time")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--results", type=pathlib.Path, help="write all verdicts, as JSON")
    return parser.parse_args()


def check_library(options):
    """The library has to replace every OpenCL function that the program calls."""
    def names(kind, path):
        text = subprocess.run(["nm", "-D", kind, path], capture_output=True, text=True, check=True)
        return set(re.findall(r" (cl[A-Z]\w*)", text.stdout))
    missing = names("--undefined-only", options.program) - names("--defined-only", options.library)
    if missing:
        sys.exit(f"tests/faults/inject.c lacks {' '.join(sorted(missing))}")


def prepare(options, root):
    """Makes a Work for each job, and runs each scenario undisturbed in each of them."""
    cache = options.cache or root / "cache"
    (cache / "pocl").mkdir(parents=True, exist_ok=True)
    scenarios = [Scenario(s) for s in SCENARIOS
                 if not options.scenario or s["name"] in options.scenario.split()]
    works = []
    for i in range(options.jobs):
        works.append(Work(root / f"work-{i}", options.program.resolve(), options.library.resolve(),
                          cache, is_warm=i > 0))
        if i == 0:
            works[0].place.mkdir()
            Scenario.undisturbed(works[0], [*TREE, "--out", "TREE"])
        for scenario in scenarios:
            scenario.begin(works[i])
        if i == 0:
            works[0].keep_cache()
    return works, scenarios


def main():
    options = parse()
    check_library(options)
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="hcnn-faults-", dir=memory) as root:
        works, scenarios = prepare(options, pathlib.Path(root))
        chosen = choose(scenarios, options)
        if not chosen:
            sys.exit("no call of these classes, with these stacks, was recorded")
        tally = Tally(scenarios, Names(options.program),
                      read_exemptions(pathlib.Path(__file__).parent / "exempt"))
        for result in run_all(chosen, works, scenarios, options.seconds):
            tally.take(*result)
        tally.print()
        if options.results:
            options.results.write_text(json.dumps(tally.records, indent=0))
    return 1 if tally.bad or not tally.records else 0


if __name__ == "__main__":
    sys.exit(main())
