/* SPDX-License-Identifier: Apache-2.0 */
/* Scores for programs, as JSON and CSV. docs/metrics.md lists the keys and columns. */
#pragma once

#include "measure/metrics.h"
#include "measure/scores.h"

#include <jansson.h>

/* The scores of a network on a set, and how they were measured. */
typedef struct measured {
    scores scores;
    decider decide;
    metrics sums; /* computed on the device; used for the losses */
    loss_weights weights;
    const char *split; /* which part of the set was measured */
} measured;

/* Creates an object with the keys of metrics_log, whose accuracies are those of the decision, then
 * "split", "decision", "coarse", "fine" and "hierarchy". Numbers that are not finite are null. The
 * caller owns the object. Returns NULL if memory is out. */
json_t *scores_to_object(const measured *m);

/* Writes both confusion matrices as a CSV table with the columns
 * "level,label,label_name,answer,answer_name,images" and a row for every pair of classes. Undecided
 * images have an empty answer. */
status scores_write_confusion(const scores *s, const char *path, error *err);
