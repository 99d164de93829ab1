/* SPDX-License-Identifier: Apache-2.0 */
/* Scores for programs: JSON and CSV. docs/metrics.md lists the keys and columns. */
#pragma once

#include "measure/metrics.h"
#include "measure/scores.h"

#include <jansson.h>

/* A new object: the keys of metrics_log, their accuracies as decided, then
 * "decision", "coarse", "fine" and "hierarchy". What is not finite is null. NULL when memory is
 * out. */
json_t *scores_to_object(const scores *s, const decider *d, const metrics *sums,
                         double coarse_weight, double fine_weight, const char *split);

/* Both confusion matrices as a table of "level,label,label_name,answer,answer_name,images", a row
 * for every pair of classes; images that were not decided have an empty answer. */
status scores_write_confusion(const scores *s, const char *path, error *err);
