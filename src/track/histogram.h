/* SPDX-License-Identifier: Apache-2.0 */
/* The histogram of many values, in the form that TensorBoard shows. */
#pragma once

#include <stddef.h>

enum { HISTOGRAM_MOST = 1600 };

/* Only finite values are counted. If there are none, there are no buckets and all numbers are 0.
 * Bucket 0 begins at the limit before limits[0], which is not stored; min says where its values
 * begin. */
typedef struct histogram {
    double min, max, count, sum, sum_squares;
    size_t buckets;                /* without empty ones at either end */
    double limits[HISTOGRAM_MOST]; /* bucket i: limits[i - 1] <= value < limits[i] */
    double counts[HISTOGRAM_MOST];
} histogram;

/* Counts values[count]. The limits are TensorFlow's: 0, then 1e-12 growing by a factor of 1.1 up to
 * 1e20, then DBL_MAX, and the same below 0. */
void histogram_of(const float *values, size_t count, histogram *h);
