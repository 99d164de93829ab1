/* SPDX-License-Identifier: Apache-2.0 */
/* Bands, and which trials stop at one; see hyperband.h. The rule is successive halving without
 * waiting: Li and others, "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization"
 * (2018); each run is compared with those that reached the band before it. */
#include "sweep/hyperband.h"

#include <limits.h>
#include <math.h>

/* Appends an iteration, unless it is below 1, above INT_MAX or the same as the last. */
static size_t add_band(int *bands, size_t count, double band)
{
    if (!(band >= 1) || band > INT_MAX || (count > 0 && bands[count - 1] == (int)band))
        return count;
    bands[count] = (int)band;
    return count + 1;
}

size_t hyperband_bands(const sweep_hyperband *h, int bands[HYPERBAND_MOST])
{
    size_t count = 0;
    double band = h->min_iter;
    if (!h->given || !(h->eta > 1))
        return 0;
    for (int k = 0; h->min_iter > 0 && k < HYPERBAND_MOST; k++, band *= h->eta)
        count = add_band(bands, count, band);
    if (h->min_iter > 0)
        return count;
    for (int k = h->s < HYPERBAND_MOST ? h->s : HYPERBAND_MOST; k > 0; k--) {
        band = h->max_iter;
        for (int i = 0; i < k; i++)
            band /= h->eta;
        count = add_band(bands, count, band);
    }
    return count;
}

static double or_worst(double value)
{
    return isnan(value) ? INFINITY : value;
}

/* The last band that a run with that number of values has reached; 0 below the first. */
static int find_band(const sweep_hyperband *h, size_t values)
{
    int bands[HYPERBAND_MOST], reached = 0;
    size_t count = hyperband_bands(h, bands);
    for (size_t i = 0; i < count && (size_t)bands[i] <= values; i++)
        reached = bands[i];
    return reached;
}

/* The threshold is the value of rank int(reached / eta), counted from 0. A value is above it if
 * more values than this rank are smaller, so counting replaces sorting. */
bool hyperband_stops(const sweep_hyperband *h, const sweep_trials *trials, size_t index, int *band)
{
    const sweep_trial *t = &trials->trials[index], *end = trials->trials + trials->count;
    size_t reached = 0, smaller = 0;
    double own = INFINITY;
    *band = find_band(h, t->history_count);
    if (*band == 0)
        return false;
    for (size_t i = 0; i < t->history_count; i++)
        own = fmin(own, or_worst(t->history[i]));
    if (h->strict)
        own = or_worst(t->history[*band - 1]);
    for (const sweep_trial *other = trials->trials; other < end; other++) {
        if (other->history_count < (size_t)*band)
            continue;
        reached++;
        smaller += or_worst(other->history[*band - 1]) < own;
    }
    return smaller > (size_t)((double)reached / h->eta);
}
