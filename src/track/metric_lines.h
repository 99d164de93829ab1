/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of metrics.jsonl as single values, each under the name that the run store, event files,
 * reports and sweeps know it by. */
#ifndef HCNN_TRACK_METRIC_LINES_H
#define HCNN_TRACK_METRIC_LINES_H

#include "track/run_store.h"

/* Every name that a run can log, ends with NULL: "loss", "coarse_loss", "fine_loss" and "lr" of
 * each step; "epoch", "seconds", "images_per_second", "coarse_weight" and "fine_weight" of each
 * epoch; and, after "train/", "validation/", "test_half/" and "test/", "loss" and those of
 * metric_table.h. */
extern const char *const metric_names[];

enum { METRICS_OF_LINE = 64 }; /* at most */

/* The values of a line; returns how many. Their names live as long as the program. *step: of the
 * line before, and then of this one. What is null there is NaN; what is no metric is left out. */
size_t metric_line_values(const json_t *line, uint64_t *step, run_metric values[METRICS_OF_LINE]);

#endif
