#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks imported and exported weights with the programs that they are for: PyTorch, safetensors,
torchvision, timm, onnx and onnxruntime.

    pip install torch torchvision timm safetensors onnx onnxruntime
    HCNN_DEVICE=cpu tests/golden/interop.py [--quick]

Run it in the build directory, or set HCNN_CL to the path of the program. Prints a line for each
comparison; the exit code is 1 if one fails. --quick leaves out the large networks. The networks have
random weights, and batch normalisations far from the identity.
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from network import DEVIATION, HCNN, MEAN

PROGRAM = os.environ.get("HCNN_CL", "./hcnn-cl")
COARSE, FINE, LOGITS_BOUND = 20, 100, 1e-4
failures = 0


def report(passed, text):
    global failures
    failures += not passed
    print(("ok      " if passed else "FAILED  ") + text, flush=True)


def run(*arguments):
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"hcnn-cl {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def randomise(model, seed):
    generator = torch.Generator().manual_seed(seed)

    def uniform(tensor, low, high):
        tensor.copy_(torch.rand(tensor.shape, generator=generator) * (high - low) + low)

    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                uniform(module.weight, 0.3, 1.2)
                uniform(module.bias, -0.3, 0.3)
                uniform(module.running_mean, -0.3, 0.3)
                uniform(module.running_var, 0.5, 2)
                module.num_batches_tracked.fill_(2**33 + seed)
            elif isinstance(module, torch.nn.GroupNorm):
                uniform(module.weight, 0.3, 1.2)
                uniform(module.bias, -0.3, 0.3)
            elif isinstance(module, torch.nn.Conv2d) and module.bias is not None:
                uniform(module.bias, -0.1, 0.1)
            elif isinstance(module, torch.nn.Linear):
                uniform(module.bias, -0.5, 0.5)
    return model.eval()


def same(a, b):
    return list(a) == list(b) and all(
        a[k].dtype == b[k].dtype and a[k].shape == b[k].shape and torch.equal(a[k], b[k]) for k in a
    )


def make_tree(directory, coarse, fine):
    """A data set with one image per class, which gives an imported network its classes."""
    names = {f"coarse {c:02}": [] for c in range(coarse)}
    for f in range(fine):
        names[f"coarse {f * coarse // fine:02}"].append(f"fine {f:03}")
    for parent, children in names.items():
        for child in children:
            for part in ("train", "test"):
                place = os.path.join(directory, part + "_images", parent, child)
                os.makedirs(place, exist_ok=True)
                Image.new("RGB", (8, 8)).save(os.path.join(place, "0.png"))
    with open(os.path.join(directory, "label_map.json"), "w") as file:
        json.dump(names, file, indent=2)


# ---- hcnn-cl's checkpoints, exported and imported ----


def log_probabilities(line, head):
    guesses = json.loads(line)[head]
    values = np.full(len(guesses), np.nan)
    for guess in guesses:
        values[guess["class"]] = guess["probability"]
    return np.log(np.maximum(values, 1e-30))


def largest_difference(logits, ours):
    """Largest difference between logits and `ours`, log probabilities, which are logits up to a common
    constant. classify prints six digits, so probabilities that these cannot resolve are left out."""
    seen = ours > np.log(1e-6)
    theirs = torch.log_softmax(torch.tensor(logits, dtype=torch.float64), 0).numpy()
    return np.abs(theirs - ours)[seen].max()


def check_onnx(place, name, model, size, pictures, pixels):
    import onnx
    import onnxruntime

    path, checkpoint = f"{place}/n.onnx", f"{place}/n.safetensors"
    run("export", checkpoint, "-o", path)
    proto = onnx.load(path)
    onnx.checker.check_model(proto, full_check=True)
    operators = {node.op_type for node in proto.graph.node}
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    outputs = [o.name for o in session.get_outputs()]
    heads = ["fine"] if model.only_fine else ["coarse", "fine"]
    got = dict(zip(outputs, session.run(None, {"image": pixels})))
    alone = dict(zip(outputs, session.run(None, {"image": pixels[:1]})))
    with torch.no_grad():
        expected = dict(zip(["coarse", "fine"], model(torch.tensor(pixels))))
    lines = run("classify", "--checkpoint", checkpoint, "--top", "1000", "--json", *pictures)
    lines = lines.splitlines()
    ours = max(
        largest_difference(got[h][i], log_probabilities(lines[i], h))
        for h in heads
        for i in range(len(pictures))
    )
    theirs = max(np.abs(got[h] - expected[h].numpy()).max() for h in heads)
    batch = max(np.abs(got[h][:1] - alone[h]).max() for h in heads)
    scale = max(np.abs(got[h]).max() for h in heads)
    classes = {p.key: json.loads(p.value) for p in proto.metadata_props}
    names = len(classes["fine_classes"]) == FINE and classes["image_size"] == size
    names &= np.allclose(classes["mean"], MEAN) and np.allclose(classes["deviation"], DEVIATION)
    report(
        outputs == heads and names and ours < LOGITS_BOUND and batch < LOGITS_BOUND
        and "BatchNormalization" not in operators,
        f"{name}: onnxruntime differs from hcnn-cl by {ours:.1e}, from PyTorch by {theirs:.1e}, "
        f"from a batch of 1 by {batch:.1e} (logits up to {scale:.3g})",
    )
    run("export", checkpoint, "-o", path, "--softmax")
    softmax = onnxruntime.InferenceSession(path).run(["fine"], {"image": pixels})[0]
    worst = np.abs(softmax - torch.softmax(torch.tensor(got["fine"]), 1).numpy()).max()
    report(worst < 1e-6, f"{name}: --softmax differs by {worst:.1e}")


def check_network(place, tree, name, size, **shape):
    torch.manual_seed(len(name))
    model = randomise(HCNN(shape.pop("backbone"), shape.pop("stem", "imagenet"), COARSE, FINE,
                           **shape), len(name))
    before = model.state_dict()
    torch.save({"epoch": 1, "model_state_dict": before}, f"{place}/n.pth")
    run("import", f"{place}/n.pth", "-o", f"{place}/n.safetensors", "--data", tree,
        "--image-size", str(size))
    run("export", f"{place}/n.safetensors", "-o", f"{place}/out.pth")
    run("export", f"{place}/n.safetensors", "-o", f"{place}/out.safetensors")
    torch_dict = torch.load(f"{place}/out.pth", weights_only=True)
    report(same(before, torch_dict), f"{name}: torch.load, {len(torch_dict)} entries")
    safe = load_file(f"{place}/out.safetensors")
    report(same(dict(sorted(before.items())), dict(sorted(safe.items()))),
           f"{name}: safetensors.torch.load_file, {len(safe)} entries")
    model.load_state_dict(torch_dict, strict=True)
    generator = np.random.default_rng(1)
    images = generator.integers(0, 256, (3, size, size, 3), dtype=np.uint8)
    pictures = [f"{place}/{i}.png" for i in range(3)]
    for picture, image in zip(pictures, images):
        Image.fromarray(image).save(picture)
    pixels = (images.astype(np.float32) / 255 - np.float32(MEAN)) / np.float32(DEVIATION)
    check_onnx(place, name, model, size, pictures,
               np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).astype(np.float32))
    return before


def check_torchvision(place, tree, name, maker, only_fine):
    """Uses the checkpoint that check_network has left in `place`."""
    import torchvision

    kinds = [("fine", f"{place}/tv.pth"), ("fine", f"{place}/tv.safetensors")]
    for backbone, path in kinds:
        run("export", f"{place}/n.safetensors", "-o", path, "--format", "torchvision",
            "--backbone", backbone)
        got = torch.load(path, weights_only=True) if path.endswith("pth") else load_file(path)
        model = getattr(torchvision.models, maker)(num_classes=FINE)
        answer = model.load_state_dict(got, strict=only_fine)
        expected = [] if only_fine else ["fc.weight", "fc.bias"]
        report(answer.missing_keys == expected and not answer.unexpected_keys,
               f"{name}: torchvision {maker}, {len(got)} entries, missing {answer.missing_keys}")


# ---- Weights of other programs, imported ----


def save_kinds(place, weights):
    kinds = {
        "torch.save": (f"{place}/a.pth", lambda p: torch.save(weights, p)),
        "torch.save, legacy": (
            f"{place}/b.pth",
            lambda p: torch.save(weights, p, _use_new_zipfile_serialization=False),
        ),
        "safetensors": (f"{place}/c.safetensors", lambda p: save_file(weights, p)),
        "float16": (
            f"{place}/d.pth",
            lambda p: torch.save(
                {k: v.half() if v.is_floating_point() else v for k, v in weights.items()}, p
            ),
        ),
        "bfloat16, module.": (
            f"{place}/e.safetensors",
            lambda p: save_file(
                {
                    "module." + k: v.bfloat16() if v.is_floating_point() else v
                    for k, v in weights.items()
                },
                p,
            ),
        ),
    }
    for kind, (path, save) in kinds.items():
        save(path)
        yield kind, path
        os.remove(path)


def rounded(weights, kind):
    to = torch.float16 if "float16" == kind else torch.bfloat16 if "bfloat16" in kind else None
    if to is None:
        return weights
    return {k: v.to(to).float() if v.is_floating_point() else v for k, v in weights.items()}


def check_import(place, name, backbone, model):
    weights = {k: v.contiguous() for k, v in randomise(model, 3).state_dict().items()}
    for kind, path in save_kinds(place, weights):
        answer = run("import", path, "-o", f"{place}/i.safetensors")
        expected = rounded(weights, kind)
        if "head.fc.weight" in expected:
            expected = dict(expected)
            expected["fc.weight"] = expected.pop("head.fc.weight").flatten(1)
            expected["fc.bias"] = expected.pop("head.fc.bias")
        got = load_file(f"{place}/i.safetensors")
        exact = same(dict(sorted(expected.items())), dict(sorted(got.items())))
        report(exact and f"backbone {backbone}, imagenet stem\n{len(got)} tensors taken, 0 skipped, 0 missing"
               in answer, f"{name}, {kind}: {len(got)} tensors, exact")


def main():
    import timm
    import torchvision

    quick = "--quick" in sys.argv
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        tree = os.path.join(place, "tree")
        make_tree(tree, COARSE, FINE)
        networks = [
            ("tiny", 33, dict(backbone="tiny")),
            ("tiny, cifar stem", 17, dict(backbone="tiny", stem="cifar")),
            ("tiny, only fine", 32, dict(backbone="tiny", only_fine=True)),
            ("tiny, concat-bn-relu", 64, dict(backbone="tiny", fusion="concat-bn-relu")),
            ("tiny, add", 64, dict(backbone="tiny_basic", fusion="add")),
            ("tiny, gate, layer4", 64, dict(backbone="tiny", fusion="gate", coarse_stages=4)),
            ("tiny, shared trunk", 64, dict(backbone="tiny", shared_trunk=True)),
            ("tiny BiT", 64, dict(backbone="tiny_bit")),
            ("tiny BiT, shared trunk", 40, dict(backbone="tiny_bit", shared_trunk=True)),
        ]
        large = [
            ("resnet18", 64, dict(backbone="resnet18")),
            ("resnet18 at 224", 224, dict(backbone="resnet18")),
            ("resnet18, only fine", 32, dict(backbone="resnet18", stem="cifar", only_fine=True)),
            ("BiT R50x1, only fine", 64, dict(backbone="bit_r50x1", only_fine=True)),
            ("wide_resnet_50", 64, dict(backbone="wide_resnet_50")),
            ("wide_resnet_50, only fine", 64, dict(backbone="wide_resnet_50", only_fine=True)),
        ]
        for name, size, shape in networks + ([] if quick else large):
            before = check_network(place, tree, name, size, **dict(shape))
            if name.startswith("wide_resnet_50"):
                check_torchvision(place, tree, name, "wide_resnet50_2", "only" in name)
                if "only" not in name:
                    report(len(before) == 582, f"{name}: {len(before)} entries, as in the original")
        models = [
            ("torchvision resnet18", "resnet18", lambda: torchvision.models.resnet18()),
            ("timm resnet18", "resnet18", lambda: timm.create_model("resnet18")),
        ]
        if not quick:
            models += [
                ("torchvision resnet50", "resnet50", lambda: torchvision.models.resnet50()),
                ("torchvision wide_resnet50_2", "wide_resnet_50",
                 lambda: torchvision.models.wide_resnet50_2()),
                ("timm wide_resnet50_2", "wide_resnet_50",
                 lambda: timm.create_model("wide_resnet50_2")),
                ("timm resnetv2_50x1_bit", "bit_r50x1",
                 lambda: timm.create_model("resnetv2_50x1_bit")),
            ]
        for name, backbone, make in models:
            check_import(place, name, backbone, make())
    print(f"{failures} failed")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
