/* SPDX-License-Identifier: Apache-2.0 */
/* How long a piece of work takes on the device. */
#pragma once

#include "device/device.h"

#include <stddef.h>

/* The middle value, or the mean of the middle two; sorts them. count is at least 1. */
double timing_median(double *values, size_t count);

/* Enqueues the work. */
typedef status timing_work(void *context, error *err);

/* Seconds that the work takes, warmed up by the caller: the median of at least three samples and
 * 20 ms of them, each of them long enough for the clock. A first sample slower than `hopeless`
 * seconds is the answer as it is. */
status timing_measure(device *dev, timing_work *work, void *context, double hopeless,
                      double *seconds, error *err);
