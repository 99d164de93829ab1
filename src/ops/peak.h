/* SPDX-License-Identifier: Apache-2.0 */
/* The most that the device does: multiply-adds and memory traffic, measured. kernels/peak.cl. */
#pragma once

#include "device/device.h"

typedef struct peak {
    double flops;        /* single-precision operations a second, a multiply-add counting as two */
    double bytes_second; /* read plus written by a copy, of more memory than caches hold */
} peak;

/* Blocking; takes about a second and, while it runs, 256 MiB of device memory. The best of several
 * runs, since a peak is what nothing disturbs. */
status peak_measure(device *dev, peak *measured, error *err);
/* Measures again and keeps the better of each figure: another program may have been at work the
 * first time. */
status peak_measure_again(device *dev, peak *measured, error *err);

/* The kernels alone, for the test: sums[items] as in kernels/peak.cl, and count floats, which is a
 * multiple of dev->vec. */
status peak_multiply(device *dev, cl_mem sums, size_t items, int steps, float factor, float addend,
                     error *err);
status peak_copy(device *dev, cl_mem from, cl_mem to, size_t count, error *err);
