"""Makes tests/golden/schedule.h: learning rates after each epoch as torch.optim.lr_scheduler gives
them, for tests/test_schedule.c.

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
    print('    {"%s",\n     %s,' % (name, number(lr)))
    for values, end in ((losses, ","), (rates, "},")):
        texts = [number(v) for v in values]
        lines = [", ".join(texts[i : i + 4]) for i in range(0, len(texts), 4)]
        print("     {" + ",\n      ".join(lines) + "}" + end)


warnings.simplefilter("ignore")
print("/* Made by make-schedule.py with PyTorch; the columns are explained there. */")
print("/* clang-format off */")
print("enum { EPOCHS = %d };" % EPOCHS)
print("static const struct golden {")
print("    const char *name; /* with milestones: these */")
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
print("/* clang-format on */")
