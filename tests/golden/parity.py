#!/usr/bin/env python3
"""Follows hcnn-cl's training with PyTorch, step by step. Needs torch and safetensors.

  parity.py make-weights W [--stem S] [--only-fine]      weights in the original's names
  parity.py train DATA W [--steps 10] [--lr 5e-4] ...    losses of each step, as JSON lines;
                                                         --double: in fp64
  parity.py compare OURS THEIRS                          the worst relative difference
  parity.py load CHECKPOINT [--stem S] [--only-fine]     load_state_dict(strict=True)

DATA is CIFAR-100's binary version, a directory or a tar archive. The hcnn-cl side:

  hcnn-cl train --data DATA --weights W --freeze none --augment none --no-shuffle --batch-size 8 \
    --lr 5e-4 --max-steps 10 --metrics OURS
"""
import argparse
import json
import os
import tarfile

import torch
from safetensors.torch import load_file, save_file

from network import HCNN, losses


def read_train(path, count):
    """The first images of train.bin: pixels, coarse and fine labels."""
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
    """As hcnn-cl starts from scratch.

    With PyTorch's own start this network at 32x32 and batch 8 is chaotic: one step's gradients in
    fp32 and in fp64 differ by 2 %, so no two implementations could agree.
    """
    for name, value in model.named_parameters():
        if name.endswith("bn3.weight"):
            torch.nn.init.zeros_(value)
        if name.endswith("_classifier.weight"):
            torch.nn.init.normal_(value, 0, 1e-2)


def train(options):
    pixels, coarse, fine = read_train(options.data, options.steps * options.batch_size)
    model = HCNN(options.backbone, options.stem, 20, 100, options.only_fine)
    model.load_state_dict(load_file(options.weights), strict=True)
    model.train()
    if options.double:
        model.double()
        torch.set_default_dtype(torch.float64)
    optimizer = torch.optim.SGD(model.parameters(), lr=options.lr)
    for step in range(options.steps):
        at = slice(step * options.batch_size, (step + 1) * options.batch_size)
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
    print(f"worst relative difference {worst:.2e} over {len(theirs)} steps")


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
            command.add_argument("--double", action="store_true")
        command.add_argument("weights")
        command.add_argument("--stem", default="imagenet")
        command.add_argument("--backbone", default="wide_resnet_50")
        command.add_argument("--only-fine", action="store_true")
    command = commands.add_parser("compare")
    command.add_argument("ours")
    command.add_argument("theirs")
    options = parser.parse_args()
    if options.command == "compare":
        compare(options)
    elif options.command == "train":
        train(options)
    else:
        torch.manual_seed(0)
        model = HCNN(options.backbone, options.stem, 20, 100, options.only_fine)
        if options.command == "make-weights":
            start_gently(model)
            save_file(model.state_dict(), options.weights)
        else:
            print(model.load_state_dict(load_file(options.weights), strict=True))


if __name__ == "__main__":
    main()
