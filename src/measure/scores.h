/* SPDX-License-Identifier: Apache-2.0 */
/* What a set says of a network, image by image: accuracies, confusion, calibration, and how far off
 * its mistakes are in the tree of classes. `eval`'s metrics; metrics.h holds the few of training.
 * docs/metrics.md has every definition. */
#pragma once

#include "measure/decision.h"

#include <stdint.h>

enum {
    SCORES_BINS = 15, /* of the calibration error */
    SCORES_TOP = 5,
};

/* Sums over images of one head's answers. */
typedef struct head_scores {
    int classes;
    uint64_t images;
    uint64_t undecided; /* logits not finite: wrong in everything, and in no column of confusion */
    uint64_t top1, top5;
    double nll; /* sum of -log p(label); NaN once an image is undecided */
    struct calibration_bin {
        uint64_t images, right; /* the likeliest class is the label */
        double confidence;      /* sum of its probability */
    } bins[SCORES_BINS];        /* bin i: probability in (i / 15, (i + 1) / 15] */
    uint32_t *confusion;        /* [label][answer] */
    uint64_t *labelled;         /* [classes] images of the class */
    uint64_t *answered;         /* [classes] images that were taken for it */
} head_scores;

typedef struct scores {
    const hierarchy *classes;
    bool has_coarse_head;
    head_scores coarse, fine;
    /* Counts of images. */
    uint64_t coarse_head, coarse_from_fine, coarse_marginal, agree, both_right;
    uint64_t mistakes_within; /* of the fine answer, in the right coarse class */
    /* Sums of heights: of the answer, and of the SCORES_TOP best ranked or all there are. */
    uint64_t heights, heights_of_top;
} scores;

/* Zeros; the classes must outlive it. */
status scores_create(scores *s, const hierarchy *classes, bool has_coarse_head, error *err);
void scores_free(scores *s); /* one of zeros is fine */

/* Adds an image that was just decided. Labels must be classes. */
void scores_add(scores *s, const decider *d, int coarse_label, int fine_label);

/* Of one class, NaN where there is nothing to divide by. */
typedef struct class_scores {
    uint64_t images, answers, right;
    double precision; /* right / answers */
    double recall;    /* right / images */
    double f1;        /* 2 * right / (images + answers) */
} class_scores;

/* Of one head. */
typedef struct head_summary {
    double top1, top5; /* 0 .. 1 */
    double macro_f1;   /* the mean over the classes that have images or answers */
    double nll;
    double ece, mce; /* mean, weighted by images, and maximum over bins of |accuracy - confidence|;
                        of the decided images */
} head_summary;

/* What the answers say of the tree of classes. A row: the member of tree_summary, also its key in
 * JSON; the sum of `scores`; what that is divided by; whether it is a share or a mean height,
 * and what a terminal calls it. Heights are those of the least common ancestor: 0 right, 1 same
 * coarse class, 2 another one; an undecided image counts 2. */
#define TREE_ACCURACIES(ROW)                                                                       \
    ROW(coarse_head, coarse_head, TREE_HEADS, share, "coarse head")                                \
    ROW(coarse_from_fine, coarse_from_fine, TREE_IMAGES, share, "parent of the fine answer")       \
    ROW(coarse_marginal, coarse_marginal, TREE_IMAGES, share, "largest sum of fine probabilities") \
    ROW(agreement, agree, TREE_HEADS, share, "the heads' own guesses agree")                       \
    ROW(both_right, both_right, TREE_HEADS, share, "coarse and fine answer both right")
#define TREE_HEIGHTS(ROW)                                                                          \
    ROW(mistake_severity, heights, TREE_MISTAKES, height, "mean of the wrong ones")                \
    ROW(mistakes_within, mistakes_within, TREE_MISTAKES, share, "wrong ones of height 1")          \
    ROW(distance_at_1, heights, TREE_IMAGES, height, "mean of all")                                \
    ROW(distance_at_5, heights_of_top, TREE_PLACES, height, "mean of the first five of each image")
#define TREE_FIGURES(ROW) TREE_ACCURACIES(ROW) TREE_HEIGHTS(ROW)

enum tree_divisor {
    TREE_IMAGES,
    TREE_HEADS,    /* images; without a coarse head nothing, and the row is left out of outputs */
    TREE_MISTAKES, /* wrong fine answers */
    TREE_PLACES,   /* SCORES_TOP of each image, or all classes */
    TREE_DIVISORS
};

#define TREE_MEMBER(member, ...) double member;
typedef struct tree_summary {
    TREE_FIGURES(TREE_MEMBER) /* NaN where there is nothing to divide by */
} tree_summary;

class_scores scores_class(const head_scores *h, int class);
/* All NaN without images. */
head_summary scores_head(const head_scores *h);
tree_summary scores_tree(const scores *s);

/* Classes by rising F1, those without one last; order[classes]. */
void scores_worst_first(const head_scores *h, int *order);

/* The class that images of another were taken for. */
typedef struct confused_pair {
    int label, answer;
    uint32_t images;
} confused_pair;

/* The `most` pairs of different classes with the most images; returns how many there are. */
int scores_confused(const head_scores *h, confused_pair *pairs, int most);
