/* SPDX-License-Identifier: Apache-2.0 */
/* What a run logs at the end of a step, an epoch or a test: a line of metrics.jsonl, and its single
 * values under the names that the run store, event files, reports and sweeps use. */
#pragma once

#include "track/metric_table.h"
#include "track/run_store.h"

/* Every name that a run can log; ends with NULL: "loss", "coarse_loss", "fine_loss" and "lr" for
 * each step; "epoch", "seconds", "images_per_second", "coarse_weight" and "fine_weight" for each
 * epoch; and, after "train/", "validation/", "test_half/" and "test/", "loss" and the names in
 * metric_table.h. */
extern const char *const metric_names[];

/* The most values of a line: the metrics and the number of images of each part, and the values
 * about an epoch. */
enum { METRICS_OF_LINE = 4 * (2 + METRICS_ROWS) + 16 };

/* The most bytes of a line that is read, with its newline and a zero byte. */
enum { METRIC_LINE_BYTES = 1 << 16 };

enum metric_form {
    METRIC_REAL, /* null in JSON if not finite */
    METRIC_WHOLE,
    METRIC_FLAG, /* 0 or 1 */
};

typedef struct metric_value {
    const char *part; /* "train", "validation", "test_half", "test_whole"; NULL: the line's own */
    const char *key;
    enum metric_form form;
    double value;
} metric_value;

/* Starts with a count of 0; the values of one part are consecutive. */
typedef struct metric_line {
    uint64_t step;
    metric_value values[METRICS_OF_LINE];
    size_t count;
} metric_line;

/* Appends a value. Its strings must outlive the line. */
void metric_line_add(metric_line *line, const char *part, const char *key, enum metric_form form,
                     double value);

/* The line as in metrics.jsonl, with an object for each part. NULL if memory is out. */
json_t *metric_line_to_json(const metric_line *line);

/* The values of a line that are metrics; returns their number. Names are valid as long as the
 * program runs. */
size_t metric_line_metrics(const metric_line *line, run_metric metrics[METRICS_OF_LINE]);

/* The same for a line that was read. *step is the step of the line before and becomes that of this
 * line. null is read as NaN; values that are not metrics are left out. */
size_t metric_line_parse(const json_t *line, uint64_t *step, run_metric metrics[METRICS_OF_LINE]);

/* Whether a line that was read, or NULL, can be one that a run wrote after step *step, which
 * becomes the step of this line. */
bool metric_line_follows(const json_t *line, uint64_t *step);

/* Whether a text can be the start of a line that a run wrote. */
bool metric_line_begins(const char *text);
