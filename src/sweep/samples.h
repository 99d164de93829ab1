/* SPDX-License-Identifier: Apache-2.0 */
/* What a model learns from: the trials of a sweep as points with values. */
#pragma once

#include "sweep/sampler.h"

typedef struct samples {
    size_t dimensions; /* parameters that have more than one value */
    size_t count;      /* points with a value */
    size_t pending;    /* points without, of running trials; those come last */
    double *points;    /* [count + pending][dimensions] */
    double *values;    /* [count] smaller is better */
    size_t finished;   /* trials that ended with an objective, kept or not */
} samples;

/* Takes the trials over: failed ones with what file->impute puts in for an objective, running ones
 * with what file->impute_while_running does; IMPUTE_NONE leaves the former out and the latter
 * pending. Worst is the worst objective of a finished trial; best and latest are the trial's own,
 * and worst where a failed one has none. A finished trial without an objective, whose run was
 * deleted, is left out. Outliers upwards are lowered. count + pending is at most
 * GAUSSIAN_PROCESS_MOST: the latest of the pending, up to half, then the best half of the others
 * and the latest of the rest. */
status samples_collect(const sweep_file *file, const sweep_trials *tried, samples *s, error *err);
void samples_free(samples *s);

/* The places of varying parameters only: point[dimensions] from places[parameter_count]. */
void samples_point(const sweep_file *file, const double *places, double *point);
