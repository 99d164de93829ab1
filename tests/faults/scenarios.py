# SPDX-License-Identifier: Apache-2.0
"""The commands into which run.py injects faults.

before    commands and functions that prepare the directory
command   the words after hcnn-cl
run       the run that the command trains
resume    a run; if it exists after a failure, the next start resumes it
again     the words of the next start after a failure, if they are not those of `command`
optional  files that may be older or missing after a message, while the command succeeds
grown     files that grow by lines or rows, so that a failed command may leave a part
refusal   what the next start may say instead of succeeding, if all files are there then
extra     files that may be there as well
swept     unfinished files that the next start removes or completes, if removing them needs the
          very memory or descriptors that are out
checkpoints  files of which a failed command may leave an earlier state, if it is whole
"""
import pathlib

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"
CIFAR = str(GOLDEN / "cifar-python.tar.gz")
TINY = ["--backbone", "tiny", "--batch-size", "10", "--threads", "1", "--seed", "3"]
TRAIN = ["train", *TINY, "--momentum", "0.9", "--ema", "0.9", "--checkpoint-every", "3"]
# Makes a tree of images. The scenarios read it at TREE, whose path is the same for all of them.
TREE = ["preprocess", "--dataset", "cifar100", "--data-dir", CIFAR, "--types", "train,test"]
FIRST = [*TRAIN, "--data", "TREE", "--epochs", "1", "--run", "runs/first"]
BEST = "runs/first/best.safetensors"
IMAGE = "TREE/test_images/kind d/thing_80/test_00000.png"
PARTS = {"optional": ["*tfevents", "*runs.db", "*test.json", "*validation.json", "*.log"],
         "grown": ["*.jsonl", "*tfevents", "*runs.db"],
         "checkpoints": ["*.safetensors", "*config.json", "*.json", "*.log"]}
SWEEP = ["sweep", "search.yaml"]
TRIAL = ["--", *TINY, "--data", "TREE", "--max-steps", "2"]


def sweep_file(place):
    (place / "search.yaml").write_text("method: random\nmetric: {name: loss}\nparameters:\n"
                                       "  lr: {min: 0.001, max: 0.1}\n")


def scenario(name, before, command, **more):
    usual = {"run": None, "resume": None, "again": None, "refusal": None, "extra": [], "swept": [],
             "optional": [], "grown": [], "checkpoints": []}
    return {"name": name, "before": before, "command": command, **usual, **more}


SCENARIOS = [
    scenario("train", [], [*TRAIN, "--data", "TREE", "--epochs", "1", "--run", "runs/new"],
             run="runs/new", resume="runs/new", **PARTS),
    scenario("resume", [FIRST],
             ["train", "--resume", "runs/first", "--epochs", "2"], run="runs/first", **PARTS),
    scenario("eval", [FIRST],
             ["eval", "--checkpoint", BEST, "--data", "TREE", "--json"]),
    scenario("classify", [FIRST], ["classify", "--checkpoint", BEST, IMAGE]),
    scenario("export", [FIRST], ["export", BEST, "-o", "out.safetensors"]),
    scenario("export-pth", [FIRST], ["export", BEST, "-o", "out.pth"]),
    scenario("export-onnx", [FIRST], ["export", BEST, "-o", "out.onnx"]),
    scenario("import", [], ["import", str(GOLDEN / "network-imagenet-sgd.safetensors"), "--prefix",
                            "before.", "-o", "out.safetensors"]),
    scenario("import-pth", [FIRST, ["export", BEST, "-o", "in.pth"]],
             ["import", "in.pth", "-o", "out.safetensors"]),
    scenario("preprocess", [], [*TREE, "--out", "tree"], swept=["tree/.preprocess.new-*"],
             refusal="tree/test_images: already exists"),
    # a run that could not start counts: the next start has to try another one
    scenario("sweep", [sweep_file], [*SWEEP, "--count", "2", *TRIAL],
             again=[*SWEEP, "--count", "4", *TRIAL], extra=["runs/search-00[34]*"],
             **{**PARTS, "optional": [*PARTS["optional"], "runs/search-*"]}),
    scenario("runs", [FIRST], ["runs"]),
    scenario("runs-add", [FIRST, lambda place: (place / "runs/runs.db").unlink()],
             ["runs", "--add", "runs/first"], grown=["*runs.db"]),
    scenario("runs-add-moved",
             [FIRST, lambda place: (place / "runs/first").rename(place / "runs/moved")],
             ["runs", "--add", "runs/moved"], grown=["*runs.db"]),
    scenario("runs-delete", [FIRST], ["runs", "--delete", "runs/first"],
             swept=["runs/first.new-*"], grown=["*runs.db"],
             refusal="the store does not have a run runs/first"),
    scenario("report", [FIRST], ["report", "runs/first", "-o", "out.html"]),
]
