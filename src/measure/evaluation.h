/* SPDX-License-Identifier: Apache-2.0 */
/* How a network answered each image of a set: confusion matrices, and the worst mistakes with their
 * pictures. The run directory has this as validation.json, for the best epoch, and as test.json,
 * for the best checkpoint. */
#pragma once

#include "data/hierarchy.h"
#include "data/loader.h"
#include "model/network.h"

enum {
    EVALUATION_MISTAKES = 24,
    EVALUATION_CLASSES = 2048, /* the most classes, because matrices grow with their square */
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
    uint64_t images, undecided; /* undecided: their loss is not finite; they are in no matrix */
    uint32_t *coarse;           /* [label][answer] of the coarse head; NULL without one */
    uint32_t *fine;             /* [label][answer] */
    mistake worst[EVALUATION_MISTAKES]; /* the largest loss first */
    int worst_count;
} evaluation;

/* Creates matrices of zeros; the classes must outlive the evaluation. Returns STATUS_FAILED for
 * more than EVALUATION_CLASSES classes and if memory is out. */
status evaluation_create(evaluation *e, const hierarchy *classes, bool has_coarse, error *err);
void evaluation_free(evaluation *e); /* zeros are allowed */

/* Keeps the mistake if it is among the worst so far. If losses are equal, earlier mistakes stay
 * first. */
void evaluation_add_mistake(evaluation *e, mistake m);
/* Adds the images of a batch. */
void evaluation_add(evaluation *e, const batch *b, const step_results *results);

/* Writes a JSON file:
 *
 *   {"set":NAME,"epoch":N,"step":N,"images":N,"undecided":N,
 *    "coarse_classes":[NAME],"fine_classes":[NAME],"parents":[N],
 *    "coarse":[[N]] or null,"fine":[[N]],  counts [label][answer]
 *    "worst":[{"image":PATH or "image NUMBER","label":N,"answer":N,"loss":X,
 *              "probability":X of the label,
 *              "picture":"data:image/png;base64,..." or null if it cannot be read}],
 *    "crc32c":"DIGITS"}                     the file's checksum; see json_values.h
 *
 * Numbers that are not finite are null. `set` is the set that the indices of the batches refer to.
 */
status evaluation_write(const evaluation *e, const char *path, const char *set_name,
                        const image_set *set, int epoch, uint64_t step, error *err);
