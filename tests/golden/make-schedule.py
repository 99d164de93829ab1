# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/schedule.h: learning rates by torch.optim.lr_scheduler after each epoch, or of
each step for schedules that change with every step, for tests/test_schedule.c.

    python3 tests/golden/make-schedule.py > tests/golden/schedule.h        (needs torch)
"""
import math
import random
import warnings

import torch

EPOCHS = 40
random.seed(1)
PLATEAU = [  # name, first learning rate, losses
    ("falling", 0.008, [1.0 / (1 + e) for e in range(EPOCHS)]),
    ("constant", 0.008, [2.0] * EPOCHS),
    ("rising", 1.0, [float(e) for e in range(EPOCHS)]),
    ("below the threshold", 0.1, [1.0 - 5e-5 * e for e in range(EPOCHS)]),
    ("at the threshold", 0.1, [(1.0 - 1e-4) ** e for e in range(EPOCHS)]),
    ("steps", 0.05, [3.0 - 0.5 * (e // 4) for e in range(EPOCHS)]),
    ("random", 0.3, [random.uniform(0.5, 1.5) for _ in range(EPOCHS)]),
    ("negative", 0.3, [-0.1 * (e // 3) for e in range(EPOCHS)]),
    ("not finite", 0.3, [math.nan, 2.0, math.inf, math.nan] * (EPOCHS // 4)),
    ("too low to lower", 1.05e-8, [1.0] * EPOCHS),
]
MILESTONES = [
    ("7,13", 0.008, [7, 13]),
    ("1", 0.008, [1]),
    ("1,2,3,5,8,13,21,34", 1.0, [1, 2, 3, 5, 8, 13, 21, 34]),
    ("50", 0.25, [50]),
]
FLOORS = [  # like PLATEAU, with min_lr as the third column
    ("a floor between", 0.1, 0.004, [1.0] * EPOCHS),
    ("a floor at the start", 0.1, 0.1, [1.0] * EPOCHS),
]
STEPS_PER_EPOCH = 5
CURVES = [  # schedule, lr, min_lr, warm-up in epochs, epochs
    ("cosine", 0.1, 0.0, 0.0, 8),
    ("cosine", 0.1, 0.01, 2.0, 8),
    ("cosine", 0.3, 1e-5, 0.2, 8),
    ("cosine", 0.3, 0.0, 2.5, 4),
    ("cosine", 1.0, 0.1, 0.0, 1),
    ("one-cycle", 0.1, 0.0, 0.0, 8),
    ("one-cycle", 0.5, 0.0, 1.0, 5),
    ("one-cycle", 0.5, 0.0, 0.0, 1),
    ("one-cycle", 0.5, 0.0, 0.8, 1),
]


def curve(name, lr, min_lr, warmup, epochs):
    """The rate of each step: W steps of LinearLR from lr / W to lr, then the schedule."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    steps, w = epochs * STEPS_PER_EPOCH, int(warmup * STEPS_PER_EPOCH + 0.5)
    if name == "cosine":
        after = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps - w, min_lr)
    else:
        after = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, steps - w, cycle_momentum=False)
    rates = []
    for step in range(steps - w):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step < steps - w - 1:
            after.step()
    if w == 0:
        return rates
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rates[0])
    rising = torch.optim.lr_scheduler.LinearLR(optimizer, 1 / w, 1, w - 1)
    warm = []
    for step in range(w):
        warm.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        rising.step()
    return warm + rates


def follow(lr, make, losses):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = make(optimizer)
    rates = []
    for loss in losses:
        optimizer.step()
        scheduler.step() if loss is None else scheduler.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def number(value):
    if math.isnan(value):
        return "NAN"
    return "INFINITY" if math.isinf(value) else repr(value)


def row(name, lr, losses, rates):
    print('    {"%s",\n     %s,' % (name, lr if isinstance(lr, str) else number(lr)))
    for values, end in ((losses, ","), (rates, "},")):
        texts = [number(v) for v in values]
        lines = [", ".join(texts[i : i + 4]) for i in range(0, len(texts), 4)]
        print("     {" + ",\n      ".join(lines) + "}" + end)


warnings.simplefilter("ignore")
print("/* SPDX-License-Identifier: Apache-2.0 */\n/* Made by make-schedule.py with PyTorch; the columns are explained there. */")
print("/* clang-format off */")
print("enum { EPOCHS = %d };" % EPOCHS)
print("static const struct golden {")
print("    const char *name; /* the milestones, if it has any */")
print("    double lr, losses[EPOCHS], rates[EPOCHS];")
print("} plateaus[] = {")
for name, lr, losses in PLATEAU:
    plateau = lambda o: torch.optim.lr_scheduler.ReduceLROnPlateau(o, "min", 0.1, 2)
    row(name, lr, losses, follow(lr, plateau, losses))
print("}, steps[] = {")
for name, lr, milestones in MILESTONES:
    multi = lambda o: torch.optim.lr_scheduler.MultiStepLR(o, milestones, 0.1)
    row(name, lr, [0.0] * EPOCHS, follow(lr, multi, [None] * EPOCHS))
print("};")
print("static const struct golden_floor {")
print("    const char *name;")
print("    double lr, min_lr, losses[EPOCHS], rates[EPOCHS];")
print("} floors[] = {")
for name, lr, floor, losses in FLOORS:
    plateau = lambda o: torch.optim.lr_scheduler.ReduceLROnPlateau(o, "min", 0.1, 2, min_lr=floor)
    row(name, "%r, %r" % (lr, floor), losses, follow(lr, plateau, losses))
print("};")
print("enum { STEPS_PER_EPOCH = %d };" % STEPS_PER_EPOCH)
print("static const struct golden_curve {")
print("    const char *name;")
print("    double lr, min_lr, warmup;")
print("    int epochs;")
print("    double rates[EPOCHS];")
print("} curves[] = {")
for name, lr, min_lr, warmup, epochs in CURVES:
    texts = [number(v) for v in curve(name, lr, min_lr, warmup, epochs)]
    lines = [", ".join(texts[i : i + 4]) for i in range(0, len(texts), 4)]
    print('    {"%s", %r, %r, %r, %d,' % (name, lr, min_lr, warmup, epochs))
    print("     {" + ",\n      ".join(lines) + "}},")
print("};")
print("/* clang-format on */")
