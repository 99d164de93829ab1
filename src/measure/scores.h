/* SPDX-License-Identifier: Apache-2.0 */
/* The scores of a network on a set, from each image's answer: accuracies, confusion, calibration,
 * and how far its mistakes are from the label in the class tree. These are the metrics of `eval`;
 * metrics.h has the few that training computes. docs/metrics.md has every definition. */
#pragma once

#include "measure/decision.h"

#include <stdint.h>

enum {
    SCORES_BINS = 15, /* bins of the calibration error */
    SCORES_TOP = 5,
};

/* Sums over images of the answers of one head. */
typedef struct head_scores {
    int classes;
    uint64_t images;
    uint64_t undecided; /* images with logits that are not finite: wrong everywhere, and in no
                           column of the confusion matrix */
    uint64_t top1, top5;
    double nll; /* sum of -log p(label); NaN if an image is undecided */
    struct calibration_bin {
        uint64_t images, right; /* right: the most likely class is the label */
        double confidence;      /* sum of the most likely class's probability */
    } bins[SCORES_BINS];        /* bin i: probability in (i / 15, (i + 1) / 15] */
    uint32_t *confusion;        /* [label][answer] */
    uint64_t *labelled;         /* [classes]: images with this label */
    uint64_t *answered;         /* [classes]: images with this answer */
} head_scores;

typedef struct scores {
    const hierarchy *classes;
    bool has_coarse_head;
    head_scores coarse, fine;
    /* Numbers of images. */
    uint64_t coarse_head, coarse_from_fine, coarse_marginal, agree, both_right;
    uint64_t mistakes_within; /* wrong fine answers in the right coarse class */
    /* Sums of heights: of the answers, and of the SCORES_TOP best-ranked classes, or all if there
     * are fewer. */
    uint64_t heights, heights_of_top;
} scores;

/* Starts with zeros; the classes must outlive the scores. Returns STATUS_FAILED if memory is
 * out. */
status scores_create(scores *s, const hierarchy *classes, bool has_coarse_head, error *err);
void scores_free(scores *s); /* zeros are allowed */

/* Adds the image that `d` has just decided. Labels must be valid classes. */
void scores_add(scores *s, const decider *d, int coarse_label, int fine_label);

/* The scores of one class; NaN if there is nothing to divide by. */
typedef struct class_scores {
    uint64_t images, answers, right;
    double precision; /* right / answers */
    double recall;    /* right / images */
    double f1;        /* 2 * right / (images + answers) */
} class_scores;

/* The scores of one head. */
typedef struct head_summary {
    double top1, top5; /* 0 to 1 */
    double macro_f1;   /* mean over the classes that have images or answers */
    double nll;
    double ece, mce; /* mean, weighted by images, and maximum over the bins of |accuracy -
                        confidence|, for the decided images */
} head_summary;

/* The scores that use the class tree. A row has: the member of tree_summary, which is also its JSON
 * key; the sum in `scores`; what that is divided by; whether it is a share or a mean height; and
 * its name on a terminal. Heights are those of the least common ancestor: 0 if the answer is right,
 * 1 if only its coarse class is right, else 2. An undecided image has height 2. */
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
    TREE_HEADS,    /* images; without a coarse head nothing, and outputs leave the row out */
    TREE_MISTAKES, /* wrong fine answers */
    TREE_PLACES,   /* SCORES_TOP for each image, or the number of classes if there are fewer */
    TREE_DIVISORS
};

#define TREE_MEMBER(member, ...) double member;
typedef struct tree_summary {
    TREE_FIGURES(TREE_MEMBER) /* NaN if there is nothing to divide by */
} tree_summary;

class_scores scores_class(const head_scores *h, int class);
/* All NaN if there are no images. */
head_summary scores_head(const head_scores *h);
tree_summary scores_tree(const scores *s);

/* Orders the classes by F1, the worst first; classes without F1 come last. order is [classes]. */
void scores_worst_first(const head_scores *h, int *order);

/* A label, another class that was answered, and the number of such images. */
typedef struct confused_pair {
    int label, answer;
    uint32_t images;
} confused_pair;

/* Finds the pairs of different classes with the most images, at most `most`, the largest first.
 * Returns their number. */
int scores_confused(const head_scores *h, confused_pair *pairs, int most);
