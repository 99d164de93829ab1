/* SPDX-License-Identifier: Apache-2.0 */
/* What a sweep's model learns from: the trials as points with values. */
#pragma once

#include "sweep/sampler.h"

typedef struct samples {
    size_t dimensions; /* parameters that have more than one value */
    size_t count;      /* points with a value */
    size_t pending;    /* points without a value, of running trials; they come last */
    double *points;    /* [count + pending][dimensions] */
    double *values;    /* [count] smaller is better */
    size_t finished;   /* trials that ended with a value, kept or not */
} samples;

/* Collects the trials as samples. A failed trial gets the value that file->impute chooses, a
 * running one that of file->impute_while_running. `worst` is the worst objective of a finished
 * trial; `best` and `latest` are the trial's own values, or the worst for a failed trial that has
 * none. IMPUTE_NONE leaves a failed trial out and a running one pending; a running trial without a
 * value to impute is pending too. A trial that finished without a number, or whose run was deleted,
 * is left out. Values far above the median are lowered. count + pending is at most
 * GAUSSIAN_PROCESS_MOST. The latest pending trials may fill half of that; half of the remaining
 * room goes to the best of the other trials, and the rest to the latest. Call samples_free also
 * after a failure. */
status samples_collect(const sweep_file *file, const sweep_trials *tried, samples *s, error *err);
void samples_free(samples *s);

/* Sets point[dimensions] from places[parameter_count]: the parameters that vary, each in the middle
 * of its bin. */
void samples_point(const sweep_file *file, const double *places, double *point);
