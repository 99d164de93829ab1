# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/scores.h: the logits of both heads for a few images, and the scores that
scikit-learn, torchmetrics and numpy compute from them for each decision, for tests/test_scores.c.

    python3 tests/golden/make-scores.py > tests/golden/scores.h
                                                (needs numpy, scikit-learn, torch, torchmetrics)
"""
import numpy as np
import sklearn.metrics as sk
import torch
from torchmetrics.classification import MulticlassAccuracy, MulticlassCalibrationError

# Coarse class 1 has no fine class, classes 3 and 5 have one each. Fine class 7 has no images, and
# fine class 2 is never answered.
PARENTS = np.array([0, 2, 2, 0, 3, 4, 4, 2, 0, 5, 4, 2])
COARSE, FINE, IMAGES, BINS = 6, len(PARENTS), 64, 15
DISTANCE = 2 - (PARENTS[:, None] == PARENTS[None, :]) - np.eye(FINE, dtype=int)

rng = np.random.default_rng(6)
labels = rng.choice([f for f in range(FINE) if f != 7], IMAGES)
coarse_labels = PARENTS[labels]
fine_logits = rng.normal(0, 1.5, (IMAGES, FINE))
fine_logits[np.arange(IMAGES), labels] += 2.0
fine_logits[:, 2] -= 12.0
coarse_logits = rng.normal(0, 1.5, (IMAGES, COARSE))
coarse_logits[np.arange(IMAGES), coarse_labels] += 2.0
fine_logits, coarse_logits = np.round(fine_logits, 4), np.round(coarse_logits, 4)
assert all(len(set(row)) == FINE for row in fine_logits)
assert all(len(set(row)) == COARSE for row in coarse_logits)


def softmax(logits):
    e = np.exp(logits.astype(np.float32).astype(np.float64))
    return e / e.sum(1, keepdims=True)


def below(fine):
    """The sums of each coarse class's children."""
    return fine @ (PARENTS[:, None] == np.arange(COARSE)[None, :])


def head(scores, probabilities, truth):
    """Summary and per-class values of one head. The scores choose the answers, the probabilities
    give the calibration."""
    classes = scores.shape[1]
    names = list(range(classes))
    answers = scores.argmax(1)
    target = torch.tensor(truth)
    used = sorted(set(truth) | set(answers))
    top5 = MulticlassAccuracy(classes, top_k=5, average="micro")(torch.tensor(scores), target)
    ece, mce = (
        MulticlassCalibrationError(classes, n_bins=BINS, norm=n)(torch.tensor(probabilities), target)
        for n in ("l1", "max")
    )
    precision, recall, f1, support = sk.precision_recall_fscore_support(
        truth, answers, labels=names, zero_division=np.nan
    )
    summary = [
        sk.accuracy_score(truth, answers),
        float(top5),
        sk.f1_score(truth, answers, labels=used, average="macro", zero_division=0),
        sk.log_loss(truth, probabilities, labels=names),
        float(ece),
        float(mce),
    ]
    return answers, summary, precision, recall, sk.confusion_matrix(truth, answers, labels=names)


def decide(decision):
    """Scores and probabilities of the coarse and the fine classes."""
    coarse, fine = softmax(coarse_logits), softmax(fine_logits)
    if decision == "argmax":
        return coarse, coarse, fine, fine
    if decision == "joint":
        fine = fine * coarse[:, PARENTS]
        fine /= fine.sum(1, keepdims=True)
        scores = fine
    else:
        scores = -(fine @ DISTANCE.T)
    # A coarse class scores like its best fine class. Classes without any come last, by number.
    ranks = np.array([[scores[i, PARENTS == c].max(initial=-9 - c) for c in range(COARSE)]
                      for i in range(IMAGES)])
    return ranks, below(fine), scores, fine


def tree(coarse_answers, fine_answers, scores, fine):
    wrong = fine_answers != labels
    heights = DISTANCE[fine_answers, labels]
    top = np.argsort(-scores, 1, kind="stable")[:, :5]
    own_coarse, own_fine = coarse_logits.argmax(1), fine_logits.argmax(1)
    return [
        np.mean(own_coarse == coarse_labels),
        np.mean(PARENTS[fine_answers] == coarse_labels),
        np.mean(below(fine).argmax(1) == coarse_labels),
        np.mean(PARENTS[own_fine] == own_coarse),
        np.mean((coarse_answers == coarse_labels) & (fine_answers == labels)),
        heights[wrong].mean(),
        np.mean(PARENTS[fine_answers[wrong]] == coarse_labels[wrong]),
        heights.mean(),
        np.mean([DISTANCE[top[i], labels[i]].mean() for i in range(IMAGES)]),
    ]


def numbers(values, form="%.17g"):
    return "{" + ", ".join("NAN" if v != v else form % v for v in values) + "}"


def matrix(values, form, indent):
    return "{" + (",\n" + indent).join(numbers(row, form) for row in values) + "}"


print("/* SPDX-License-Identifier: Apache-2.0 */\n/* Made by make-scores.py with scikit-learn and torchmetrics; the values are explained there. */")
print("#include <math.h>\n")
print("/* clang-format off */")
print("enum { COARSE = %d, FINE = %d, IMAGES = %d };" % (COARSE, FINE, IMAGES))
print("static const int golden_parents[FINE] = %s;" % numbers(PARENTS, "%d"))
print("static const int golden_labels[IMAGES] = %s;" % numbers(labels, "%d"))
for name, values in (("coarse", coarse_logits), ("fine", fine_logits)):
    print("static const float golden_%s[IMAGES][%s] = {" % (name, name.upper()))
    print(",\n".join("    " + numbers(row, "%.4ff") for row in values) + "};")
print("static const struct golden {")
print("    const char *decision;")
print("    double coarse[6], fine[6], tree[9]; /* in the order of the summaries' fields */")
print("    double coarse_precision[COARSE], coarse_recall[COARSE];")
print("    double fine_precision[FINE], fine_recall[FINE];")
print("    unsigned coarse_confusion[COARSE][COARSE], fine_confusion[FINE][FINE];")
print("} goldens[] = {")
for decision in ("argmax", "joint", "crm"):
    coarse_scores, coarse, fine_scores, fine = decide(decision)
    c, f = head(coarse_scores, coarse, coarse_labels), head(fine_scores, fine, labels)
    if decision != "argmax":
        assert (c[0] == PARENTS[f[0]]).all()
    print('    {"%s",' % decision)
    for values in (c[1], f[1], tree(c[0], f[0], fine_scores, fine), c[2], c[3], f[2], f[3]):
        print("     %s," % numbers(values))
    print("     %s," % matrix(c[4], "%d", "      "))
    print("     %s}," % matrix(f[4], "%d", "      "))
print("};")
print("/* clang-format on */")
