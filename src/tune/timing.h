/* SPDX-License-Identifier: Apache-2.0 */
/* How long a piece of work takes on the device. */
#pragma once

#include "device/device.h"

#include <stddef.h>

/* The median: the middle value, or the mean of the middle two. Sorts the values; count is at least
 * 1. */
double timing_median(double *values, size_t count);

/* A function that enqueues the work. */
typedef status timing_work(void *context, error *err);

/* Measures the seconds that the work takes; the caller has warmed it up. The result is the median
 * of at least 3 and at most 50 samples. Sampling stops when the samples have taken 20 ms together.
 * Short work is repeated within a sample, so that the clock can measure it. If the first sample
 * takes longer than `hopeless` seconds, it is the result. */
status timing_measure(device *dev, timing_work *work, void *context, double hopeless,
                      double *seconds, error *err);
