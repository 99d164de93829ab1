/* SPDX-License-Identifier: Apache-2.0 */
/* The histogram of many values as TensorBoard shows it. */
#pragma once

#include <stddef.h>

enum { HISTOGRAM_MOST = 1600 };

/* Of the finite values. Without any there are no buckets, and all is 0. Bucket 0 begins where the
 * limit before its own would be; min tells where its values do. */
typedef struct histogram {
    double min, max, count, sum, sum_squares;
    size_t buckets;                /* without empty ones at either end */
    double limits[HISTOGRAM_MOST]; /* bucket i: limits[i - 1] <= value < limits[i] */
    double counts[HISTOGRAM_MOST];
} histogram;

/* The limits are TensorFlow's: 0, 1e-12 and on by factors of 1.1 up to 1e20, DBL_MAX, and the same
 * below 0. */
void histogram_of(const float *values, size_t count, histogram *h);
