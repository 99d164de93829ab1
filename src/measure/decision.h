/* SPDX-License-Identifier: Apache-2.0 */
/* From the logits of both heads to an answer: which fine class, which coarse class. The answers
 * that --decision offers are rows of a table in decision.c. Knows nothing of networks and sets. */
#pragma once

#include "base/word_list.h"
#include "data/hierarchy.h"

#include <stdbool.h>

typedef struct decision decision;

/* One head's classes, ranked for one image. */
typedef struct ranking {
    int count;
    bool decided;          /* false: a logit is NaN or infinite, and the other fields say nothing */
    double *probabilities; /* [count], sum 1 */
    int *order;            /* [count], classes, the answer first; ties to the lower class */
} ranking;

/* The answer for one image after another. */
typedef struct decider {
    const decision *how;
    const hierarchy *classes;
    bool has_coarse_head;
    ranking coarse, fine;
    /* The parents' shares of the fine probabilities, [coarse_count]. */
    double *marginals;
    /* Each head's own guess, whatever the decision; -1: there is no such head, or not decided. */
    int coarse_guess, fine_guess;
    /* Of the image at hand. */
    const float *coarse_logits, *fine_logits;
    double *logits;        /* [fine_count] */
    struct scored *scored; /* room for sorting */
} decider;

extern const word_list decision_words;

/* A decider by the decision's name:
 *
 * argmax  Each head its likeliest class.
 * joint   Fine: the largest p(f) * p_coarse(parent of f), made to sum to 1 over the fine classes.
 *         Coarse: the parent of that.
 * crm     Conditional risk minimisation (Karthik et al., "No cost likelihood manipulation at test
 *         time for making better mistakes", 2021): the fine class k with the least expected
 *         distance sum_j D[k][j] p(j), D the height of the least common ancestor: 0 for the same
 *         class, 1 within a coarse class, 2 else. Coarse: the parent of that.
 *
 * Where the coarse answer follows the fine one, and without a coarse head, coarse probabilities are
 * the sums of the fine ones below each class, and coarse classes are ranked as their first fine
 * class. An unknown name, or one that lacks its coarse head, is STATUS_USAGE. The classes must
 * outlive the decider. */
status decider_create(decider *d, const char *name, const hierarchy *classes, bool has_coarse_head,
                      error *err);
void decider_free(decider *d); /* one of zeros is fine */

/* The name that it was created with. */
const char *decider_name(const decider *d);

/* Fills the rankings, marginals and guesses from an image's logits (or log probabilities);
 * coarse[coarse_count] is not read without a coarse head. */
void decider_decide(decider *d, const float *coarse, const float *fine);
