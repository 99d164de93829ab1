/* SPDX-License-Identifier: Apache-2.0 */
/* Scores for programs: JSON and CSV. docs/metrics.md lists the keys and columns. */
#pragma once

#include "measure/metrics.h"
#include "measure/scores.h"

#include <jansson.h>

/* What a set says of a network, and how that was found. */
typedef struct measured {
    scores scores;
    decider decide;
    metrics sums; /* the device's own, for the losses */
    loss_weights weights;
    const char *split; /* of the set */
} measured;

/* A new object: the keys of metrics_log, their accuracies as decided, then "split", "decision",
 * "coarse", "fine" and "hierarchy". What is not finite is null. NULL when memory is out. */
json_t *scores_to_object(const measured *m);

/* Both confusion matrices as a table of "level,label,label_name,answer,answer_name,images", a row
 * for every pair of classes; images that were not decided have an empty answer. */
status scores_write_confusion(const scores *s, const char *path, error *err);
