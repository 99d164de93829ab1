/* SPDX-License-Identifier: Apache-2.0 */
/* What the network made of each image of a set: the confusion of classes, and the worst mistakes
 * with their pictures. Kept in the run's directory as validation.json, of the best epoch, and
 * test.json, of the best checkpoint. */
#pragma once

#include "data/hierarchy.h"
#include "data/loader.h"
#include "model/network.h"

enum {
    EVALUATION_MISTAKES = 24,
    EVALUATION_CLASSES = 2048, /* the most: matrices grow with their square */
};

/* A wrong fine answer. */
typedef struct mistake {
    size_t image; /* its index in the set */
    int label, answer;
    float loss;
} mistake;

typedef struct evaluation {
    const hierarchy *classes;
    bool has_coarse;
    uint64_t images, undecided;         /* undecided: a loss that is not finite; in no matrix */
    uint32_t *coarse;                   /* [label][answer] of the coarse head; NULL without one */
    uint32_t *fine;                     /* [label][answer] */
    mistake worst[EVALUATION_MISTAKES]; /* by falling loss */
    int worst_count;
} evaluation;

/* Zeros; the classes must outlive it. STATUS_FAILED for more than EVALUATION_CLASSES. */
status evaluation_create(evaluation *e, const hierarchy *classes, bool has_coarse, error *err);
void evaluation_free(evaluation *e); /* one of zeros is fine */

/* Keeps it if it is among the worst so far; of equal ones the first. */
void evaluation_add_mistake(evaluation *e, mistake m);
/* Adds a batch. */
void evaluation_add(evaluation *e, const batch *b, const step_results *results);

/* Writes {"set":NAME,"epoch":N,"step":N,"images":N,"undecided":N,
 * "coarse_classes":[NAME],"fine_classes":[NAME],"parents":[N],
 * "coarse":[[N]] or null,"fine":[[N]],  counts [label][answer]
 * "worst":[{"image":PATH or "NUMBER","label":N,"answer":N,"loss":X,"probability":X of the label,
 *           "picture":"data:image/png;base64,..." or null where it cannot be read}]},
 * what is not finite being null. set: the one that the batches' indices count in. */
status evaluation_write(const evaluation *e, const char *path, const char *set_name,
                        const image_set *set, int epoch, uint64_t step, error *err);
