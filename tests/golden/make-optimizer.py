# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/optimizer.h: two parameters after some steps of torch.optim's optimizers, with
and without clipping by torch.nn.utils.clip_grad_norm_, for tests/test_optimizer.c.

    python3 tests/golden/make-optimizer.py > tests/golden/optimizer.h        (needs torch)
"""
import torch

STEPS, SIZES, LR, DECAY = 4, (5, 19), 0.05, 0.1
CASES = [  # name, optimizer, norm to clip to; 0: no clipping
    ("sgd", lambda p: torch.optim.SGD(p, LR, momentum=0.9, nesterov=True, weight_decay=DECAY), 0),
    ("sgd", lambda p: torch.optim.SGD(p, LR, momentum=0.9, nesterov=True, weight_decay=DECAY), 1),
    ("adam", lambda p: torch.optim.Adam(p, LR, weight_decay=DECAY), 0),
    ("adamw", lambda p: torch.optim.AdamW(p, LR, weight_decay=DECAY), 0),
    ("adamw", lambda p: torch.optim.AdamW(p, LR, weight_decay=DECAY), 1.5),
]


def values(name, shape, tensors):
    flat = [float(v) for t in tensors for v in t.flatten()]
    texts = ["%.9gf" % v if "." in "%.9g" % v or "e" in "%.9g" % v else "%.9g.0f" % v for v in flat]
    lines = [", ".join(texts[i : i + 5]) for i in range(0, len(texts), 5)]
    print("static const float %s%s = {\n    %s};" % (name, shape, ",\n    ".join(lines)))


torch.manual_seed(3)
total = sum(SIZES)
start = [torch.randn(n) for n in SIZES]
# The gradients of the first steps are small, so that their norm needs no clipping.
gradients = [[torch.randn(n) * 0.1 * (s + 1) for n in SIZES] for s in range(STEPS)]
print("/* SPDX-License-Identifier: Apache-2.0 */\n/* Made by make-optimizer.py with PyTorch. */")
print("/* clang-format off */")
print("enum { GOLDEN_STEPS = %d, GOLDEN_FIRST = %d, GOLDEN_ALL = %d };" % (STEPS, SIZES[0], total))
print("static const double golden_lr = %r, golden_decay = %r;" % (LR, DECAY))
values("golden_start", "[GOLDEN_ALL]", start)
values("golden_gradients", "[GOLDEN_STEPS * GOLDEN_ALL]", [g for step in gradients for g in step])
ends = []
for name, make, norm in CASES:
    parameters = [torch.nn.Parameter(t.clone()) for t in start]
    optimizer = make(parameters)
    for step in gradients:
        for p, g in zip(parameters, step):
            p.grad = g.clone()
        if norm:
            torch.nn.utils.clip_grad_norm_(parameters, norm)
        optimizer.step()
    ends += [p.detach() for p in parameters]
print("static const struct golden_case {")
print("    const char *optimizer;")
print("    float clip_norm;")
print("} golden_cases[] = {")
for name, make, norm in CASES:
    print('    {"%s", %rf},' % (name, float(norm)))
print("};")
print("/* The parameters, one after the other, after the last step of each case. */")
values("golden_ends", "[%d * GOLDEN_ALL]" % len(CASES), ends)
print("/* clang-format on */")
