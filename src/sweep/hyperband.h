/* SPDX-License-Identifier: Apache-2.0 */
/* Hyperband: ends runs early if others do better. */
#pragma once

#include "sweep/sampler.h"

enum { HYPERBAND_MOST = 100 };

/* The bands: the iterations at which runs are compared, rising, each once. Returns their number. An
 * iteration is one logged value of the metric: band 3 compares the third values. There are none if
 * hyperband is not given or eta is not above 1. */
size_t hyperband_bands(const sweep_hyperband *h, int bands[HYPERBAND_MOST]);

/* Whether trial `index` should stop, judged by the histories of all trials. It is compared at the
 * last band that it has reached. The threshold is the value with rank int(n / eta), counted from 0
 * with the smallest first, among the values at that band of the n trials that have reached it,
 * including itself and trials that have ended. The trial stops if its best value of all or, with
 * `strict`, its value at the band is above the threshold; so the first trial at a band continues,
 * and so does the best one. NaN is worse than any number. *band is the iteration that decided, 0 if
 * none is reached. */
bool hyperband_stops(const sweep_hyperband *h, const sweep_trials *trials, size_t index, int *band);
