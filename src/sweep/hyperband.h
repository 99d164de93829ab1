/* SPDX-License-Identifier: Apache-2.0 */
/* Hyperband's early end of runs that are behind. */
#pragma once

#include "sweep/sweep_file.h"

#include <stdbool.h>

enum { HYPERBAND_MOST = 100 };

/* The iterations, by rising number and without doubles, at which runs are compared; returns how
 * many. An iteration is one time that the metric was logged: band 3 compares third values. None
 * without hyperband and unless eta is above 1. */
size_t hyperband_bands(const sweep_hyperband *h, int bands[HYPERBAND_MOST]);

/* What a run logged, smaller is better. */
typedef struct hyperband_history {
    const double *values; /* [count] */
    size_t count;
} hyperband_history;

/* Whether run `index` of `count` should stop. What counts is the last band that it has reached. The
 * threshold is the value of rank int(n / eta), from 0 and the smallest first, among the values at
 * the band of the n runs that have reached it, itself and ended ones too. It stops if the best of
 * all its values, or with `strict` its value at the band, is above the threshold; so the first run
 * at a band goes on, and so does the best one. NaN is worse than any number. *band is the
 * iteration that decided, 0 where none is reached. */
bool hyperband_stops(const sweep_hyperband *h, const hyperband_history *runs, size_t count,
                     size_t index, int *band);
