/* SPDX-License-Identifier: Apache-2.0 */
/* Turns the logits of both heads into an answer: a fine class and a coarse class. The rules that
 * --decision offers are rows of a table in decision.c. It knows nothing of networks and data
 * sets. */
#pragma once

#include "base/word_list.h"
#include "data/hierarchy.h"

#include <stdbool.h>

typedef struct decision decision;

/* The classes of one head, ranked for one image. */
typedef struct ranking {
    int count;
    bool decided; /* false: a logit is NaN or infinite, and the other fields are undefined */
    double *probabilities; /* [count]; their sum is 1 */
    int *order;            /* [count]: classes, the answer first; ties go to the lower class */
} ranking;

/* Decides one image after another. */
typedef struct decider {
    const decision *how;
    const hierarchy *classes;
    bool has_coarse_head;
    ranking coarse, fine;
    /* [coarse_count]: the sum of the fine probabilities of each coarse class. */
    double *marginals;
    /* The most likely class of each head, whatever the rule; -1 if the head is missing or the image
     * is undecided. */
    int coarse_guess, fine_guess;
    /* Of the current image. */
    const float *coarse_logits, *fine_logits;
    double *logits;        /* [fine_count] */
    struct scored *scored; /* memory for sorting */
} decider;

extern const word_list decision_words;

/* Creates a decider by the name of its rule:
 *
 *   argmax  The most likely class of each head.
 *   joint   Fine: the largest p(f) * p_coarse(parent of f), divided by its sum over the fine
 *           classes. Coarse: the parent of the fine answer.
 *   crm     Conditional risk minimisation (Karthik et al., "No cost likelihood manipulation at
 *           test time for making better mistakes", 2021). Fine: the class k with the least
 *           expected distance sum_j D[k][j] p(j), where D is the height of the least common
 *           ancestor: 0 for the same class, 1 within a coarse class, else 2. Coarse: the parent
 *           of the fine answer.
 *
 * With joint and crm, and without a coarse head, coarse probabilities are sums of the fine ones,
 * and a coarse class is ranked by its best fine class. Returns STATUS_USAGE if the name is unknown
 * or the rule needs a coarse head that is missing. The classes must outlive the decider. */
status decider_create(decider *d, const char *name, const hierarchy *classes, bool has_coarse_head,
                      error *err);
void decider_free(decider *d); /* zeros are allowed */

/* The name of the decider's rule. */
const char *decider_name(const decider *d);

/* Fills rankings, marginals and guesses from the logits (or log probabilities) of one image.
 * coarse[coarse_count] is not read without a coarse head. */
void decider_decide(decider *d, const float *coarse, const float *fine);
