#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the event files of runs with their metrics.jsonl, using TensorBoard's own readers.

    pip install tensorboard
    python3 tests/golden/event_files.py RUN...

Every number in metrics.jsonl must be in the event files with its tag and step, and these tags must
have no other values. Pictures, histograms and hyper-parameters must decode. Prints a line for each
check. The exit code is 1 if something is missing or differs.
"""
import io
import json
import math
import os
import struct
import sys

del sys.path[0]  # this directory, so that imports do not find the files in it

from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.plugins.hparams import metadata

ALL = {kind: 0 for kind in ("scalars", "images", "histograms", "tensors", "distributions")}
# One unit of a float's last place at most; metrics.jsonl has nine digits.
BOUND = 2**-23
STEP = ("loss", "coarse_loss", "fine_loss", "lr")
EPOCH = ("epoch", "lr", "seconds", "images_per_second", "coarse_weight", "fine_weight")
PARTS = {part: part for part in ("train", "validation", "test_half")} | {"test_whole": "test"}
NOT_LOGGED = ("images",)  # compared only if it exists
failures = 0


def report(passed, text):
    global failures
    failures += not passed
    print(("ok      " if passed else "FAILED  ") + text, flush=True)


def expected(path):
    """The values in metrics.jsonl as {(tag, step): value}, and the set of those that may be missing."""
    values, optional, last = {}, set(), 0
    with open(path) as lines:
        for line in map(json.loads, lines):
            last = line.get("step", line.get("steps", last))
            for key in STEP if "step" in line else EPOCH:
                if key in line:
                    values[key, last] = line[key]
            for part, tag in PARTS.items():
                for key, value in line.get(part, {}).items():
                    values[f"{tag}/{key}", last] = value
                    if key in NOT_LOGGED:
                        optional.add((f"{tag}/{key}", last))
    optional.update(where for where, value in values.items() if value is None)
    return values, optional


def same(want, got):
    if want is None:
        return not math.isfinite(got)
    want = struct.unpack("f", struct.pack("f", want))[0]
    return math.isclose(want, got, rel_tol=BOUND, abs_tol=1e-38)


def check_scalars(run, events):
    values, optional = expected(os.path.join(run, "metrics.jsonl"))
    logged = {}
    for tag in events.Tags()["scalars"]:
        for scalar in events.Scalars(tag):
            logged[tag, scalar.step] = scalar.value  # the last one counts, after a repeated measurement
    wrong, late = [], 0
    latest = max((step for tag, step in logged), default=0)
    ended = any(tag.startswith("test/") for tag, step in values)
    for (tag, step), value in values.items():
        if (tag, step) not in logged:
            if step > latest and not ended:  # from the last second, not yet written or lost in a kill
                late += 1
            elif (tag, step) not in optional:
                wrong.append(f"{tag} at step {step} is missing: {value}")
        elif not same(value, logged[tag, step]):
            wrong.append(f"{tag} at step {step} is {logged[tag, step]}, expected {value}")
    known = {tag for tag, step in values}
    for tag, step in sorted(set(logged) - set(values)):
        if tag in known:
            wrong.append(f"{tag} at step {step} is not in metrics.jsonl")
    report(not wrong, f"{run}: {len(values)} numbers with {len(known)} tags, {len(logged)} logged")
    for text in wrong:
        print("        " + text)
    if late:
        print(f"        {late} numbers of the last steps are not written yet")
    others = sorted({tag for tag, step in logged} - known)
    if others:
        print("        also logged: " + ", ".join(others))


def check_order(run):
    """Each file begins with its version. Steps rise, except where a run was resumed."""
    names = sorted(n for n in os.listdir(run) if n.startswith("events.out.tfevents."))
    report(bool(names), f"{run}: {len(names)} event files")
    for i, name in enumerate(names):
        records = list(RawEventFileLoader(os.path.join(run, name)).Load())
        events = [Event.FromString(record) for record in records]
        starts = [e.step for e in events if e.session_log.status == SessionLog.START]
        latest, falls = {}, 0
        for e in events:
            for value in e.summary.value:
                falls += e.step < latest.get(value.tag, 0)
                latest[value.tag] = e.step
        report(
            bool(events) and events[0].file_version == "brain.Event:2" and falls == 0,
            f"{name}: {len(events)} events" + "".join(f", from step {s} on" for s in starts),
        )
        if i > 0:
            report(len(starts) == 1, f"{name}: says where the run was resumed")


def check_images(events):
    for tag in events.Tags()["images"]:
        pictures = events.Images(tag)
        sizes = set()
        for p in pictures:
            decoded = Image.open(io.BytesIO(p.encoded_image_string))
            decoded.load()
            sizes.add((decoded.format, decoded.mode, decoded.size == (p.width, p.height)))
        report(
            sizes == {("PNG", "RGB", True)},
            f"{tag}: {len(pictures)} pictures, the last one {p.width}x{p.height} pixels",
        )


def is_whole(h):
    limits = list(h.bucket_limit)
    return (
        len(limits) == len(h.bucket)
        and sum(h.bucket) == h.num
        and limits == sorted(limits)
        and (h.num == 0 or (h.min <= h.max < limits[-1] and h.bucket[0] > 0 and h.bucket[-1] > 0))
    )


def check_histograms(events):
    for tag in events.Tags()["histograms"]:
        all_of_it = events.Histograms(tag)
        count = all_of_it[-1].histogram_value.num
        report(
            all(is_whole(h.histogram_value) for h in all_of_it),
            f"{tag}: {len(all_of_it)} histograms, the last one over {count:g} values",
        )


def plain(value):
    kind = value.WhichOneof("kind")
    return None if kind is None else getattr(value, kind)


def check_hparams(run, events):
    try:
        content = events.PluginTagToContent(metadata.PLUGIN_NAME)
    except KeyError:
        report(False, f"{run}: no hyper-parameters")
        return
    experiment = metadata.parse_experiment_plugin_data(content[metadata.EXPERIMENT_TAG])
    start = metadata.parse_session_start_info_plugin_data(content[metadata.SESSION_START_INFO_TAG])
    named = {info.name: info.type for info in experiment.hparam_infos}
    values = {key: plain(value) for key, value in start.hparams.items()}
    metrics = [info.name.tag for info in experiment.metric_infos]
    report(
        set(values) <= set(named) and all(named.values()),
        f"{run}: {len(values)} hyper-parameters, and the metrics {', '.join(metrics)}",
    )
    config = os.path.join(run, "config.json")
    if os.path.exists(config):
        with open(config) as file:
            want = {k: v for k, v in json.load(file).items() if v is not None}
        differing = sorted(k for k in set(want) | set(values) if want.get(k) != values.get(k))
        report(not differing, ", except ".join([f"{run}: they equal config.json", *differing]))
    if metadata.SESSION_END_INFO_TAG in content:
        end = metadata.parse_session_end_info_plugin_data(content[metadata.SESSION_END_INFO_TAG])
        names = {1: "success", 2: "failure"}
        report(end.status in names, f"{run}: ended with {names.get(end.status, end.status)}")


def main():
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    for run in sys.argv[1:]:
        check_order(run)
        events = EventAccumulator(run, size_guidance=ALL)
        events.Reload()
        check_scalars(run, events)
        check_images(events)
        check_histograms(events)
        check_hparams(run, events)
    print(f"{failures} failed" if failures else "everything agrees")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
