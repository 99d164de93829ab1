/* SPDX-License-Identifier: Apache-2.0 */
/* Histograms with limits that grow exponentially; see histogram.h. */
#include "track/histogram.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const double smallest = 1e-12, growth = 1.1, largest = 1e20;

/* Writes all limits, in rising order; returns their number. */
static size_t fill_limits(double limits[HISTOGRAM_MOST])
{
    double positive[HISTOGRAM_MOST];
    size_t half = 0, count = 0;
    /* NOLINTNEXTLINE(clang-analyzer-security.FloatLoopCounter): as TensorBoard has them. */
    for (double limit = smallest; limit < largest; limit *= growth)
        positive[half++] = limit;
    positive[half++] = DBL_MAX;
    for (size_t i = half; i-- > 0;)
        limits[count++] = -positive[i];
    limits[count++] = 0;
    for (size_t i = 0; i < half; i++)
        limits[count++] = positive[i];
    return count;
}

/* The first bucket whose limit is above the value, which has to be below the last limit. */
static size_t find_bucket(const double *limits, size_t count, double value)
{
    size_t low = 0, high = count - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (value < limits[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Removes the empty buckets at both ends. */
static void trim(histogram *h)
{
    size_t first = 0;
    while (h->buckets > 0 && h->counts[h->buckets - 1] == 0)
        h->buckets--;
    while (first < h->buckets && h->counts[first] == 0)
        first++;
    h->buckets -= first;
    memmove(h->limits, h->limits + first, h->buckets * sizeof *h->limits);
    memmove(h->counts, h->counts + first, h->buckets * sizeof *h->counts);
}

void histogram_of(const float *values, size_t count, histogram *h)
{
    *h = (histogram){.min = DBL_MAX, .max = -DBL_MAX};
    h->buckets = fill_limits(h->limits);
    for (size_t i = 0; i < count; i++) {
        double value = (double)values[i];
        if (!isfinite(value))
            continue;
        h->min = fmin(h->min, value);
        h->max = fmax(h->max, value);
        h->count++;
        h->sum += value;
        h->sum_squares += value * value;
        h->counts[find_bucket(h->limits, h->buckets, value)]++;
    }
    if (h->count == 0)
        h->min = h->max = 0;
    trim(h);
}
