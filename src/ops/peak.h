/* SPDX-License-Identifier: Apache-2.0 */
/* Measures the device's peaks: multiply-adds and memory traffic. kernels/peak.cl. */
#pragma once

#include "device/device.h"

typedef struct peak {
    const char *unit;    /* that multiplied: the one of the device's precision, as in
                            device/matrix_unit.h; on GPUs always that of floats */
    double flops;        /* its operations per second; a multiply-add counts as two */
    double bytes_second; /* bytes per second, read plus written, of a copy of more memory than the
                            caches hold */
} peak;

/* Measures both. It blocks for about a second and uses 256 MiB of device memory. The best of
 * several runs counts, because a disturbance can only make a run slower. */
status peak_measure(device *dev, peak *measured, error *err);
/* Measures again and keeps the better value of each figure, in case another program disturbed the
 * first measurement. */
status peak_measure_again(device *dev, peak *measured, error *err);

/* The kernels by themselves, for the test: sums[items] as in kernels/peak.cl; a copy of `count`
 * floats, a multiple of dev->vec. */
status peak_multiply(device *dev, cl_mem sums, size_t items, int steps, float factor, error *err);
status peak_copy(device *dev, cl_mem from, cl_mem to, size_t count, error *err);
