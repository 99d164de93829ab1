/* SPDX-License-Identifier: Apache-2.0 */
/* Hyperband's early end of runs that are behind. */
#pragma once

#include "sweep/sampler.h"

enum { HYPERBAND_MOST = 100 };

/* The iterations, by rising number and without doubles, at which runs are compared; returns how
 * many. An iteration is one time that the metric was logged: band 3 compares third values. None
 * without hyperband and unless eta is above 1. */
size_t hyperband_bands(const sweep_hyperband *h, int bands[HYPERBAND_MOST]);

/* Whether trial `index` should stop, by the histories of all. What counts is the last band that it
 * has reached. The threshold is the value of rank int(n / eta), from 0 and the smallest first,
 * among the values at the band of the n trials that have reached it, itself and ended ones too. It
 * stops if the best of all its values, or with `strict` its value at the band, is above the
 * threshold; so the first one at a band goes on, and so does the best. NaN is worse than any
 * number. *band is the iteration that decided, 0 where none is reached. */
bool hyperband_stops(const sweep_hyperband *h, const sweep_trials *trials, size_t index, int *band);
