#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the network in PyTorch, as `hcnn-cl bench` measures ours; part of the kit (see run).

    torch_bench.py --device cuda|cpu --shapes 32x128,224x32

Prints the versions, then for each shape (IMAGE_SIZExBATCH) and each precision a line of JSON, as soon
as it is measured: fp32 and TF32 in the faster of both memory layouts, bf16 and fp16 with autocast in
channels_last. Exit code 3 if PyTorch, or a GPU that it can use, is missing.
"""

import argparse
import contextlib
import json
import os
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent / "golden")]  # of network.py, in the kit and in the tree

WARM_UP, LEAST_STEPS = 3, 3  # cudnn.benchmark chooses its algorithms in the first steps


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), required=True)
    parser.add_argument("--shapes", default="32x128,224x32")
    parser.add_argument("--seconds", type=float, default=0.5, help="least duration of a measurement")
    parser.add_argument("--backbone", default="wide_resnet_50")
    return parser.parse_args()


def give_up(why):
    print(why, file=sys.stderr)
    sys.exit(3)


def import_torch(device):
    try:
        import torch
    except ImportError:
        give_up("python3 has no torch")
    if device == "cuda" and not torch.cuda.is_available():
        give_up(f"PyTorch {torch.__version__} finds no GPU")
    torch.backends.cudnn.benchmark = True
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    return torch


class Case:
    """The network in one shape, precision and memory layout."""

    def __init__(self, torch, options, shape, precision, layout):
        from network import HCNN
        size, self.batch = map(int, shape.split("x"))
        self.torch = torch
        self.device = torch.device(options.device)
        self.precision = precision
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        torch.backends.cudnn.allow_tf32 = precision == "tf32"
        torch.manual_seed(0)
        self.model = HCNN(options.backbone, "imagenet", 20, 100).to(self.device,
                                                                   memory_format=layout)
        self.x = torch.randn(self.batch, 3, size, size, device=self.device)
        self.x = self.x.to(memory_format=layout)
        self.coarse = torch.arange(self.batch, device=self.device) % 20
        self.fine = torch.arange(self.batch, device=self.device) % 100
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1e-5)
        self.scaler = torch.cuda.amp.GradScaler(enabled=precision == "fp16")

    def autocast(self):
        kinds = {"bf16": self.torch.bfloat16, "fp16": self.torch.float16}
        if self.precision not in kinds:
            return contextlib.nullcontext()
        return self.torch.autocast(self.device.type, dtype=kinds[self.precision])

    def train(self):
        cross_entropy = self.torch.nn.functional.cross_entropy
        with self.autocast():
            coarse, fine = self.model(self.x)
            loss = cross_entropy(coarse, self.coarse) + 2 * cross_entropy(fine, self.fine)
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def infer(self):
        with self.torch.inference_mode(), self.autocast():
            self.model(self.x)

    def wait(self):
        if self.device.type == "cuda":
            self.torch.cuda.synchronize()

    def rate(self, step, seconds):
        """Images per second. The steps of a round are enqueued together, as in a real training."""
        for _ in range(WARM_UP):
            step()
        self.wait()
        start, steps = time.perf_counter(), 0
        while steps == 0 or time.perf_counter() - start < seconds:
            for _ in range(LEAST_STEPS):
                step()
            steps += LEAST_STEPS
            self.wait()
        return round(steps * self.batch / (time.perf_counter() - start), 2)

    def measure(self, seconds):
        cuda = self.torch.cuda if self.device.type == "cuda" else None
        if cuda:
            cuda.reset_peak_memory_stats()
        found = {"train_images_per_second": self.rate(self.train, seconds)}
        if cuda:
            found["train_bytes"] = cuda.max_memory_allocated()
        self.model.eval()
        found["infer_images_per_second"] = self.rate(self.infer, seconds)
        return found


def best_of(torch, options, shape, precision):
    """The figures in the faster layout. A failure, such as too little memory, is told instead."""
    layouts = {"NCHW": torch.contiguous_format, "NHWC": torch.channels_last}
    if precision in ("bf16", "fp16"):
        del layouts["NCHW"]
    best = {}
    for name, layout in layouts.items():
        try:
            found = Case(torch, options, shape, precision, layout).measure(options.seconds)
            found["layout"] = name
        except (RuntimeError, ValueError) as error:
            found = {"error": str(error).splitlines()[0]}
        key = "train_images_per_second"
        if not best or found.get(key, 0) > best.get(key, 0):
            best = found
        if options.device == "cuda":
            torch.cuda.empty_cache()
    return best


def main():
    options = arguments()
    torch = import_torch(options.device)
    on_gpu = options.device == "cuda"
    print(json.dumps({"torch": torch.__version__, "cuda": torch.version.cuda,
                      "cudnn": torch.backends.cudnn.version(), "threads": torch.get_num_threads(),
                      "device": torch.cuda.get_device_name() if on_gpu else "cpu"}), flush=True)
    for shape in options.shapes.split(","):
        for precision in ("fp32", "tf32", "bf16", "fp16") if on_gpu else ("fp32", "bf16"):
            size, batch = map(int, shape.split("x"))
            line = {"image_size": size, "batch_size": batch, "precision": precision}
            line.update(best_of(torch, options, shape, precision))
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
