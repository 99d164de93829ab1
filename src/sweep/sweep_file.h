/* SPDX-License-Identifier: Apache-2.0 */
/* What a sweep searches: a file in the form of wandb's sweeps, as YAML or JSON. */
#pragma once

#include "base/options.h"
#include "base/text.h"
#include "sweep/distribution.h"

#include <stdbool.h>

typedef struct sweep_parameter {
    char *name;   /* as in the file; nested names are joined by '.' */
    char *option; /* name of the option that it sets, as in its row: "batch-size" */
    int line;
    distribution form;
    char **values; /* [form.count] texts, for the categorical kinds and a constant; else NULL */
    double *probabilities; /* [form.count] or NULL */
    bool whole;            /* values are integers; false for texts */
} sweep_parameter;

enum sweep_method { SWEEP_GRID, SWEEP_RANDOM, SWEEP_BAYES };
enum sweep_impute { IMPUTE_WORST, IMPUTE_BEST, IMPUTE_LATEST, IMPUTE_NONE };

/* The key early_terminate. The bands are min_iter * eta^k, or max_iter / eta^k for k = 1 .. s. */
typedef struct sweep_hyperband {
    bool given;
    int min_iter, max_iter, s; /* min_iter, or max_iter and s; the others are 0 */
    double eta;                /* 3 unless given */
    bool strict;
} sweep_hyperband;

typedef struct sweep_file {
    char *path; /* for messages */
    char *name; /* the key `name`, else the file's name without its extension */
    char *text; /* as it was read; all agents have to bring the same */
    enum sweep_method method;
    char *metric; /* name that runs log, "validation/loss"; NULL: none, which grid and random
                   * allow */
    int metric_line;
    bool maximize, has_target;
    double target;
    enum sweep_impute impute, impute_while_running;
    int run_cap; /* 0: none */
    sweep_hyperband hyperband;
    sweep_parameter *parameters;
    size_t parameter_count;
    words fixed; /* words of `command` that are passed on to train as they are */
    words notes; /* a sentence for each thing in the file that has no meaning here */
} sweep_file;

/* Reads a sweep file, which docs/sweeps.md describes. If text is not NULL, it is read in place of
 * the file; it is file->text from an earlier reading. path is then only a name for messages, and
 * `command` is skipped, because it may read the environment and its words are in the store. rows:
 * the options of a run, which the parameters set. metrics: the names that a run can log; ends with
 * NULL. STATUS_FAILED names file, line and remedy: an unknown key, a value that an option would
 * refuse, a metric that is never logged. After a failure the file is empty, and sweep_file_free is
 * harmless. */
status sweep_file_read(const char *path, const char *text, const option_row *rows,
                       const char *const *metrics, sweep_file *file, error *err);
void sweep_file_free(sweep_file *file);

/* The text of a parameter's value at u in [0, 1], as its option accepts it: "true" or "false" for a
 * flag; numbers with the fewest digits that read back as the same float32. The caller frees it;
 * NULL if memory is out. */
char *sweep_parameter_text(const sweep_parameter *p, double u);
