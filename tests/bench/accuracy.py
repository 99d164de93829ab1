#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the network in PyTorch with hcnn-cl's recipe, to compare the accuracy. Needs torch.

  accuracy.py DATA [--only-fine] [--seed 0] [--epochs 1] ...      prints a JSON line per epoch

DATA is a directory with CIFAR-100's binary version; --images N uses the first N training images. The
recipe is docs/cifar100-short.yaml, and only its numbers can be changed: a 3x3 stem, 32x32 images
cropped after padding with 4 zeros and flipped, SGD with Nesterov momentum 0.9, weight decay only on
convolutions and linear weights, label smoothing, gradient clipping by the norm, one cycle of
PyTorch's OneCycleLR, and a fine loss that counts twice as much as the coarse loss.
docs/performance.md has the commands for hcnn-cl.
"""
import argparse
import json
import os
import sys
import time

import torch
from torch.nn import functional as F

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "golden"))
from network import HCNN, normalise  # noqa: E402


def read(path, count=None):
    with open(path, "rb") as stream:
        raw = stream.read() if count is None else stream.read(3074 * count)
    records = torch.frombuffer(bytearray(raw), dtype=torch.uint8).view(-1, 3074)
    labels = records[:, :2].long()
    return records[:, 2:].reshape(-1, 3, 32, 32), labels[:, 0], labels[:, 1]


def augment(pixels, generator):
    count = len(pixels)
    padded = F.pad(pixels, (4, 4, 4, 4))
    top = torch.randint(0, 9, (count,), generator=generator)
    left = torch.randint(0, 9, (count,), generator=generator)
    flip = torch.rand(count, generator=generator) < 0.5
    out = torch.empty_like(pixels)
    for i in range(count):
        image = padded[i, :, top[i] : top[i] + 32, left[i] : left[i] + 32]
        out[i] = image.flip(2) if flip[i] else image
    return out


def start_from_scratch(model):
    """Initial weights like those of hcnn-cl without --weights."""
    for name, value in model.named_parameters():
        block = name.rsplit(".", 2)[0]
        last = "bn3" if hasattr(model.get_submodule(block), "bn3") else "bn2"
        if ".layer" in name and name.endswith(f"{last}.weight"):
            torch.nn.init.zeros_(value)
        if name.endswith("_classifier.weight"):
            torch.nn.init.normal_(value, 0, 1e-2)


def parameter_groups(model, decay):
    plain = [p for p in model.parameters() if p.dim() == 1]
    decayed = [p for p in model.parameters() if p.dim() > 1]
    return [{"params": decayed, "weight_decay": decay}, {"params": plain, "weight_decay": 0.0}]


def evaluate(model, data, size):
    pixels, coarse, fine = data
    hits = [0, 0]
    model.eval()
    with torch.inference_mode():
        for at in range(0, len(fine), size):
            part = slice(at, at + size)
            x = normalise(pixels[part]).contiguous(memory_format=torch.channels_last)
            coarse_logits, fine_logits = model(x)
            hits[1] += (fine_logits.argmax(1) == fine[part]).sum().item()
            if coarse_logits is not None:
                hits[0] += (coarse_logits.argmax(1) == coarse[part]).sum().item()
    model.train()
    return [100 * h / len(fine) for h in hits]


def step(model, optimizer, schedule, x, coarse, fine, smoothing, clip_norm):
    coarse_logits, fine_logits = model(x)
    loss = 2 * F.cross_entropy(fine_logits, fine, label_smoothing=smoothing)
    if coarse_logits is not None:
        loss = loss + F.cross_entropy(coarse_logits, coarse, label_smoothing=smoothing)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
    optimizer.step()
    schedule.step()
    return loss.item()


def train(o):
    torch.manual_seed(o.seed)
    generator = torch.Generator().manual_seed(o.seed)
    pixels, coarse, fine = read(os.path.join(o.data, "train.bin"), o.images)
    test = read(os.path.join(o.data, "test.bin"))
    model = HCNN(o.backbone, "cifar", 20, 100, o.only_fine)
    start_from_scratch(model)
    model = model.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(
        parameter_groups(model, o.weight_decay), lr=o.lr, momentum=0.9, nesterov=True
    )
    batches = (len(fine) + o.batch_size - 1) // o.batch_size
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, o.lr, total_steps=o.epochs * batches, cycle_momentum=False
    )
    for epoch in range(o.epochs):
        started, total = time.time(), 0.0
        order = torch.randperm(len(fine), generator=generator)
        for batch in range(batches):
            part = order[batch * o.batch_size : (batch + 1) * o.batch_size]
            x = normalise(augment(pixels[part], generator))
            x = x.contiguous(memory_format=torch.channels_last)
            labels = coarse[part], fine[part]
            total += step(model, optimizer, schedule, x, *labels, o.smoothing, o.clip_norm)
        seconds = time.time() - started
        coarse_top1, fine_top1 = evaluate(model, test, 250)
        line = {
            "seed": o.seed,
            "only_fine": o.only_fine,
            "epoch": epoch + 1,
            "train_loss": total / batches,
            "coarse_top1": None if o.only_fine else coarse_top1,
            "fine_top1": fine_top1,
            "images_per_second": len(fine) / seconds,
        }
        print(json.dumps(line), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--only-fine", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--lr", type=float, default=0.02)
    parser.add_argument("--weight-decay", type=float, default=5e-4)
    parser.add_argument("--clip-norm", type=float, default=2.0)
    parser.add_argument("--smoothing", type=float, default=0.1)
    parser.add_argument("--threads", type=int, default=2)
    o = parser.parse_args()
    torch.set_num_threads(o.threads)
    train(o)


if __name__ == "__main__":
    main()
