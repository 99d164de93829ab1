/* SPDX-License-Identifier: Apache-2.0 */
/* What a sweep searches: a file in the form that wandb's users have, as YAML or JSON. */
#pragma once

#include "base/options.h"
#include "base/text.h"
#include "sweep/distribution.h"

#include <stdbool.h>

typedef struct sweep_parameter {
    char *name;   /* as in the file, nested ones joined by '.' */
    char *option; /* the row's name that it sets, "batch-size" */
    int line;
    distribution form;
    char **values; /* [form.count] texts of the categorical kinds and of a constant; else NULL */
    double *probabilities; /* [form.count] or NULL */
    bool whole;            /* values are integers; of texts, false */
} sweep_parameter;

enum sweep_method { SWEEP_GRID, SWEEP_RANDOM, SWEEP_BAYES };
enum sweep_impute { IMPUTE_WORST, IMPUTE_BEST, IMPUTE_LATEST, IMPUTE_NONE };

/* early_terminate's hyperband: the bands are min_iter * eta^k, or max_iter / eta^k for k = 1 .. s.
 */
typedef struct sweep_hyperband {
    bool given;
    int min_iter, max_iter, s; /* min_iter or max_iter and s; the others 0 */
    double eta;                /* 3 unless given */
    bool strict;
} sweep_hyperband;

typedef struct sweep_file {
    char *path; /* for messages */
    char *name; /* its key `name`, else the file's name without extension */
    char *text; /* as it was read: what an agent compares */
    enum sweep_method method;
    char *metric; /* the canonical name, "validation/loss"; NULL: none, which grid and random do
                     without */
    int metric_line;
    bool maximize, has_target;
    double target;
    enum sweep_impute impute, impute_while_running;
    int run_cap; /* 0: none */
    sweep_hyperband hyperband;
    sweep_parameter *parameters;
    size_t parameter_count;
    words fixed; /* of `command`, which are passed on to train as they are */
    words notes; /* what was read and has no meaning here, a sentence each */
} sweep_file;

/* Reads a file, as docs/sweeps.md describes it; or, unless NULL, a text that was read before. Then
 * path is only its name in messages, and `command` is skipped: it may read the environment, and its
 * words stand in the store. rows: the options of a run, which the parameters set. metrics: the
 * names that a run can log, ends with NULL. STATUS_FAILED names file, line and remedy: an unknown
 * key, a value that an option would not take, a metric that is never logged. sweep_file_free is
 * harmless after that. */
status sweep_file_read(const char *path, const char *text, const option_row *rows,
                       const char *const *metrics, sweep_file *file, error *err);
void sweep_file_free(sweep_file *file);

/* The text of a parameter's value at u in [0, 1], as its option takes it: "true" or "false" of a
 * flag, numbers with the fewest digits that read back as the same float32. Freed by the caller,
 * NULL when memory is out. */
char *sweep_parameter_text(const sweep_parameter *p, double u);
