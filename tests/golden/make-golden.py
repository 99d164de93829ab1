#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes network-*.safetensors, the expected results of test_network.c.

Needs torch and safetensors (pip install torch safetensors). Without arguments it makes all cases,
otherwise the named ones. Each file contains, for a tiny backbone in double precision: images (uint8
as float), labels, the state dict at the start ("before."), the logits in training and in evaluation
mode, every gradient ("gradient."), the statistics after the forward pass of one training step
("running."), and the state dict after three optimizer steps on the same batch ("after."). The
metadata contains the options.
"""
import os
import sys

import torch
from safetensors.torch import save_file

from network import HCNN, losses, normalise

COARSE, FINE, BATCH = 3, 7, 5
CASES = [  # name, stem, optimizer, image size, backbone, other arguments of HCNN
    ("imagenet-sgd", "imagenet", "sgd", 40, "tiny", {}),
    ("cifar-adam", "cifar", "adam", 11, "tiny", {}),
    ("only-fine-nesterov", "cifar", "nesterov", 10, "tiny", {"only_fine": True}),
    ("basic-add", "imagenet", "sgd", 33, "tiny_basic", {"fusion": "add"}),
    ("basic-shared", "cifar", "sgd", 13, "tiny_basic", {"shared_trunk": True}),
    ("basic-concat-bn-relu", "cifar", "sgd", 13, "tiny_basic", {"fusion": "concat-bn-relu"}),
    ("basic-layer4", "cifar", "sgd", 9, "tiny_basic", {"coarse_stages": 4}),
    (
        "basic-layer4-concat-bn-relu",
        "cifar",
        "sgd",
        15,
        "tiny_basic",
        {"coarse_stages": 4, "fusion": "concat-bn-relu"},
    ),
    ("bit-gate", "imagenet", "sgd", 33, "tiny_bit", {"fusion": "gate"}),
    ("bit-concat", "cifar", "nesterov", 11, "tiny_bit", {}),
    ("bit-shared-layer4", "cifar", "sgd", 8, "tiny_bit", {"shared_trunk": True, "coarse_stages": 4}),
]
COARSE_WEIGHT, FINE_WEIGHT = 1.0, 2.0


def make_optimizer(name, model):
    if name == "sgd":
        return torch.optim.SGD(model.parameters(), lr=0.008)
    if name == "nesterov":
        return torch.optim.SGD(
            model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-3, nesterov=True
        )
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def make_case(name, stem, optimizer_name, size, backbone, shape):
    torch.manual_seed(len(name))
    model = HCNN(backbone, stem, COARSE, FINE, **shape)
    only_fine = model.only_fine
    for module in model.modules():  # no default values, which would hide a missing one
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
            module.num_batches_tracked.fill_(4)
        if isinstance(module, torch.nn.GroupNorm):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.2, 0.2)
    out = {f"before.{k}": v.clone() for k, v in model.state_dict().items()}
    pixels = torch.randint(0, 256, (BATCH, 3, size, size), dtype=torch.uint8)
    coarse, fine = torch.randint(0, COARSE, (BATCH,)), torch.randint(0, FINE, (BATCH,))
    out["images"], out["coarse"], out["fine"] = pixels.float(), coarse, fine

    model.double()
    torch.set_default_dtype(torch.float64)
    model.eval()
    with torch.no_grad():
        coarse_logits, fine_logits = model(normalise(pixels).double())
    if not only_fine:
        out["evaluate.coarse"] = coarse_logits
    out["evaluate.fine"] = fine_logits
    model.train()
    optimizer = make_optimizer(optimizer_name, model)
    for step in range(3):
        optimizer.zero_grad()
        coarse_logits, fine_logits, coarse_loss, fine_loss = losses(model, pixels, coarse, fine)
        loss = FINE_WEIGHT * fine_loss + (0 if only_fine else COARSE_WEIGHT * coarse_loss)
        loss.backward()
        if step == 0:
            out["input"] = normalise(pixels)
            out["train.fine"] = fine_logits.detach()
            if not only_fine:
                out["train.coarse"] = coarse_logits.detach()
            for k, p in model.named_parameters():
                out[f"gradient.{k}"] = p.grad.clone()
            for k, v in model.state_dict().items():
                if "running" in k:
                    out[f"running.{k}"] = v.clone()
        optimizer.step()
    out.update({f"after.{k}": v.clone() for k, v in model.state_dict().items()})
    torch.set_default_dtype(torch.float32)
    out = {
        k: v.float().contiguous() if v.is_floating_point() else v.contiguous()
        for k, v in out.items()
    }
    metadata = {
        "stem": stem,
        "only_fine": str(int(only_fine)),
        "backbone": backbone,
        "fusion": shape.get("fusion", ""),
        "coarse_stages": str(shape.get("coarse_stages", 0)),
        "shared_trunk": str(int(model.shared_trunk)),
        "optimizer": optimizer_name,
        "size": str(size),
    }
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"network-{name}.safetensors")
    save_file(out, path, metadata)
    print(path, os.path.getsize(path))


if __name__ == "__main__":
    for case in CASES:
        if len(sys.argv) < 2 or case[0] in sys.argv[1:]:
            make_case(*case)
