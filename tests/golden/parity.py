#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Repeats hcnn-cl's training in PyTorch, step by step. Needs torch and safetensors.

  parity.py make-weights W [--stem S] [--only-fine]      write weights under the original's names
  parity.py train DATA W [--steps 10] [--lr 5e-4] ...    print the losses of each step as JSON lines;
                                                         --double computes in fp64, --bf16 by bf16
                                                         autocast
  parity.py compare OURS THEIRS                          print the largest relative difference
  parity.py load CHECKPOINT [--stem S] [--only-fine]     try load_state_dict(strict=True)
  parity.py logits CHECKPOINT IMAGE OURS                 compare the logits of an image with OURS, the
                                                         output of hcnn-cl classify --json --top 1000
  parity.py count                                        compare the number of parameters with
                                                         torchvision's and timm's

DATA is CIFAR-100's binary version, a directory or a tar archive. The same training with hcnn-cl:

  hcnn-cl train --data DATA --weights W --freeze none --augment none --no-shuffle --batch-size 8 \
    --lr 5e-4 --max-steps 10 --metrics OURS

For --precision bf16, compare both programs with fp64 as well: `compare OURS DOUBLE` and `compare BF16
DOUBLE`. What rounding does to PyTorch's losses is as much as it may do to ours.
"""
import argparse
import json
import os
import tarfile

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from network import HCNN, Backbone, Bit, losses, normalise


def read_train(path, count):
    """The pixels, coarse and fine labels of the first images in train.bin."""
    size = 3074 * count
    if os.path.isdir(path):
        for folder in (path, os.path.join(path, "cifar-100-binary")):
            if os.path.exists(os.path.join(folder, "train.bin")):
                with open(os.path.join(folder, "train.bin"), "rb") as stream:
                    raw = stream.read(size)
    else:
        with tarfile.open(path) as archive:
            for member in archive:
                if os.path.basename(member.name) == "train.bin":
                    raw = archive.extractfile(member).read(size)
                    break
    records = torch.frombuffer(bytearray(raw), dtype=torch.uint8).view(count, 3074)
    labels = records[:, :2].long()
    return records[:, 2:].reshape(count, 3, 32, 32), labels[:, 0], labels[:, 1]


def start_gently(model):
    """Initial weights like those of hcnn-cl without --weights.

    With PyTorch's own initial weights, training this network at 32x32 and batch 8 is chaotic: the
    gradients of one step differ by 2 % between fp32 and fp64, so no two implementations could agree.
    """
    for module in model.modules():
        if hasattr(module, "bn2"):
            torch.nn.init.zeros_(module.bn3.weight if hasattr(module, "bn3") else module.bn2.weight)
    for name, value in model.named_parameters():
        if name.endswith("_classifier.weight"):
            torch.nn.init.normal_(value, 0, 1e-2)


def start_anywhere(model):
    """Norms away from their defaults, so that each one affects the logits; residuals are small.

    Large classifiers spread the logits, because the JSON's probabilities have only six digits.
    """
    for module in model.modules():
        if isinstance(module, (torch.nn.BatchNorm2d, torch.nn.GroupNorm)):
            torch.nn.init.uniform_(module.weight, 0.2, 0.6)
            torch.nn.init.uniform_(module.bias, -0.2, 0.2)
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
        if isinstance(module, torch.nn.Linear):
            with torch.no_grad():
                module.weight *= 10


def make_model(options, coarse=20, fine=100):
    return HCNN(
        options.backbone,
        options.stem,
        coarse,
        fine,
        options.only_fine,
        options.fusion,
        options.coarse_stages,
        options.shared_trunk,
    )


def train(options):
    pixels, coarse, fine = read_train(options.data, options.steps * options.batch_size)
    model = make_model(options)
    model.load_state_dict(load_file(options.weights), strict=True)
    model.train()
    if options.double:
        model.double()
        torch.set_default_dtype(torch.float64)
    optimizer = torch.optim.SGD(model.parameters(), lr=options.lr)
    for step in range(options.steps):
        at = slice(step * options.batch_size, (step + 1) * options.batch_size)
        with torch.autocast("cpu", torch.bfloat16, enabled=options.bf16):
            _, _, coarse_loss, fine_loss = losses(model, pixels[at], coarse[at], fine[at])
        loss = 2 * fine_loss + (0 if options.only_fine else coarse_loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        line = {"step": step + 1, "loss": loss.item(), "fine_loss": fine_loss.item()}
        if not options.only_fine:
            line["coarse_loss"] = coarse_loss.item()
        print(json.dumps(line), flush=True)


def read_steps(path):
    with open(path) as stream:
        lines = [json.loads(line) for line in stream]
    return {line["step"]: line for line in lines if "step" in line and "loss" in line}


def compare(options):
    ours, theirs = read_steps(options.ours), read_steps(options.theirs)
    worst = 0
    for step, line in sorted(theirs.items()):
        for key in ("loss", "coarse_loss", "fine_loss"):
            if key in line:
                worst = max(worst, abs(ours[step][key] - line[key]) / abs(line[key]))
        print(f"step {step:3d}  ours {ours[step]['loss']:.6f}  PyTorch {line['loss']:.6f}")
    print(f"largest relative difference {worst:.2e} over {len(theirs)} steps")


def of_checkpoint(path):
    """The network that a checkpoint's metadata describes, with its weights."""
    with safe_open(path, "pt") as file:
        shape = json.loads(file.metadata()["hcnn.network"])
        classes = json.loads(file.metadata()["hcnn.classes"])
    options = argparse.Namespace(**shape)
    options.fusion = shape.get("fusion") or "concat"
    options.coarse_stages = shape.get("coarse_stages") or 3
    options.shared_trunk = shape.get("shared_trunk", False)
    model = make_model(options, len(classes["coarse"]), len(classes["fine"]))
    model.load_state_dict(load_file(path), strict=True)
    return model.double().eval()


def logits(options):
    """hcnn-cl prints probabilities; their logarithms are the logits up to a constant."""
    from torchvision.io import ImageReadMode, read_image

    pixels = read_image(options.image, ImageReadMode.RGB)[None]
    with open(options.ours) as stream:
        answer = json.loads(stream.readline())
    with torch.no_grad():
        theirs = of_checkpoint(options.checkpoint)(normalise(pixels).double())
    for head, want in zip(("coarse", "fine"), theirs):
        if want is None:
            continue
        got = torch.zeros_like(want[0])
        for guess in answer[head]:
            got[guess["class"]] = guess["probability"]
        got, want = got.log(), want[0].log_softmax(0)
        got, want = got - got.mean(), want - want.mean()
        worst = (got - want).abs().max() / want.abs().max()
        print(f"{head}: logits up to {want.abs().max():.3f}, largest relative difference {worst:.2e}")


def count(options):
    import timm
    import torchvision

    def size(module):
        return sum(p.numel() for p in module.parameters())

    for name, theirs in (
        ("wide_resnet_50", "wide_resnet50_2"),
        ("resnet50", "resnet50"),
        ("resnet18", "resnet18"),
    ):
        model = getattr(torchvision.models, theirs)(weights=None)
        names = {k for k in model.state_dict() if not k.startswith("fc.")}
        ours = Backbone(name, "imagenet", 4)
        same = names == set(ours.state_dict())
        print(f"{name}: {size(ours)}, torchvision {size(model) - size(model.fc)}, same names {same}")
    model = timm.create_model("resnetv2_50x1_bit", pretrained=False)
    ours = Bit("bit_r50x1", "imagenet", 4)
    state = {k: v for k, v in model.state_dict().items() if not k.startswith("head.")}
    ours.load_state_dict(state, strict=True)
    image = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        want = model.double().eval().forward_features(image.double())
        got = torch.relu(ours.double().norm(ours(image.double())[3]))
    worst = (got - want).abs().max() / want.abs().max()
    print(f"bit_r50x1: {size(ours)}, timm {size(model) - size(model.head)}, off by {worst:.1e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("make-weights", "train", "load"):
        command = commands.add_parser(name)
        if name == "train":
            command.add_argument("data")
            command.add_argument("--steps", type=int, default=10)
            command.add_argument("--batch-size", type=int, default=8)
            command.add_argument("--lr", type=float, default=5e-4)
            precision = command.add_mutually_exclusive_group()
            precision.add_argument("--double", action="store_true")
            precision.add_argument("--bf16", action="store_true")
        command.add_argument("weights")
        command.add_argument("--stem", default="imagenet")
        command.add_argument("--backbone", default="wide_resnet_50")
        command.add_argument("--only-fine", action="store_true")
        command.add_argument("--fusion", default="concat")
        command.add_argument("--coarse-stages", type=int, default=3)
        command.add_argument("--shared-trunk", action="store_true")
        command.add_argument("--coarse-classes", type=int, default=20)
        command.add_argument("--fine-classes", type=int, default=100)
        command.add_argument("--anywhere", action="store_true", help="norms away from their defaults, for logits")
    command = commands.add_parser("compare")
    command.add_argument("ours")
    command.add_argument("theirs")
    command = commands.add_parser("logits")
    command.add_argument("checkpoint")
    command.add_argument("image")
    command.add_argument("ours")
    commands.add_parser("count")
    options = parser.parse_args()
    if options.command == "compare":
        compare(options)
    elif options.command in ("train", "logits", "count"):
        {"train": train, "logits": logits, "count": count}[options.command](options)
    else:
        torch.manual_seed(0)
        model = make_model(options, options.coarse_classes, options.fine_classes)
        if options.command == "make-weights":
            (start_anywhere if options.anywhere else start_gently)(model)
            save_file(model.state_dict(), options.weights)
        else:
            print(model.load_state_dict(load_file(options.weights), strict=True))


if __name__ == "__main__":
    main()
