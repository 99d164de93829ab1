#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes network-mixed.safetensors: the expected results of test_network.c for smoothed and mixed targets.

Needs torch and safetensors. The networks and the images are those of network-cifar-adam and
network-only-fine-nesterov, which make-golden.py makes. For each case the file contains labels, the
losses ("NAME.losses": coarse, fine, marginal; 0 for an unused one), and the input and some gradients
of one training step in double precision.
"""
import os

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch.nn import functional as F

from network import HCNN, normalise

HERE = os.path.dirname(os.path.abspath(__file__))
COARSE, FINE, BATCH = 3, 7, 5
PARENTS = torch.tensor([0, 1, 2, 0, 1, 2, 1])
COARSE_WEIGHT, FINE_WEIGHT = 1.0, 2.0
CASES = [  # name, network, smoothing, partner's share or cutmix box (left, top, right, bottom), marginal
    ("mixup", "cifar-adam", 0.1, 0.3, True),
    ("cutmix", "cifar-adam", 0.0, (2, 3, 9, 11), False),
    ("alone", "only-fine-nesterov", 0.2, 0.6, True),
    ("smooth", "cifar-adam", 0.25, 0.0, False),
]
KEPT = ["coarse_classifier.", "fine_classifier.", "fine_11conv.bias", "coarse_backbone.conv1.",
        "fine_backbone.conv1.", "fine_backbone.layer4.0.bn3."]


def mix(x, how):
    if not isinstance(how, tuple):
        return (1 - how) * x + how * x.flip(0), how
    left, top, right, bottom = how
    mixed = x.clone()
    mixed[:, :, top:bottom, left:right] = x.flip(0)[:, :, top:bottom, left:right]
    return mixed, (right - left) * (bottom - top) / (x.shape[2] * x.shape[3])


def cross_entropy(logits, labels, share, smoothing):
    one_hot = F.one_hot(labels, logits.shape[1]).double()
    target = (1 - share) * one_hot + share * one_hot.flip(0)
    return F.cross_entropy(logits, target, label_smoothing=smoothing)


def marginal_loss(logits, labels, share, smoothing):
    parents = F.one_hot(PARENTS, COARSE).double()
    one_hot = F.one_hot(labels, FINE).double()
    target = (1 - smoothing) * ((1 - share) * one_hot + share * one_hot.flip(0)) + smoothing / FINE
    probabilities = logits.softmax(1) @ parents
    return -(target @ parents * probabilities.log()).sum(1).mean()


def make_case(out, name, network, smoothing, how, marginal):
    with safe_open(os.path.join(HERE, f"network-{network}.safetensors"), "pt") as source:
        metadata = source.metadata()
        only_fine = metadata["only_fine"] == "1"
        model = HCNN("tiny", metadata["stem"], COARSE, FINE, only_fine)
        model.load_state_dict({k[len("before."):]: source.get_tensor(k)
                               for k in source.keys() if k.startswith("before.")})
        pixels = source.get_tensor("images").to(torch.uint8)
    torch.manual_seed(len(name))
    fine = torch.randint(0, FINE, (BATCH,))
    coarse = PARENTS[fine]
    model.double().train()
    x, share = mix(normalise(pixels).double(), how)
    coarse_logits, fine_logits = model(x)
    zero = torch.zeros((), dtype=torch.float64)
    losses = [
        zero if only_fine else cross_entropy(coarse_logits, coarse, share, smoothing),
        cross_entropy(fine_logits, fine, share, smoothing),
        marginal_loss(fine_logits, fine, share, smoothing) if marginal else zero,
    ]
    (COARSE_WEIGHT * (losses[0] + losses[2]) + FINE_WEIGHT * losses[1]).backward()
    out[f"{name}.coarse"], out[f"{name}.fine"] = coarse, fine
    out[f"{name}.losses"] = torch.stack(losses).detach().float()
    out[f"{name}.input"] = x.float()
    for k, p in model.named_parameters():
        if any(k.startswith(kept) for kept in KEPT):
            out[f"{name}.gradient.{k}"] = p.grad.float()


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    out = {}
    for case in CASES:
        make_case(out, *case)
    path = os.path.join(HERE, "network-mixed.safetensors")
    save_file({k: v.contiguous() for k, v in out.items()}, path)
    print(path, os.path.getsize(path))
