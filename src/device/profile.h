/* SPDX-License-Identifier: Apache-2.0 */
/* What the device did and when: one record per kernel, from the times of OpenCL events. Profiling
 * is off until profile_start. From then on the queue records times, which costs a little. */
#pragma once

#include "device/device.h"

#include <stddef.h>

typedef struct profile_record {
    const char *phase, *label; /* as last set by profile_label; "" before */
    const char *kernel;
    uint64_t start, end; /* nanoseconds on the device's clock */
    cl_event event;      /* NULL once the times have been read */
} profile_record;

/* Starts recording the kernels of dev, with a new queue. Call it while nothing is enqueued; if
 * profiling is on it does nothing. */
status profile_start(device *dev, error *err);

/* Labels the following kernels with the phase and the layer that they belong to, such as "forward"
 * and "fine_backbone.layer1.0.conv1". The strings are not copied and must outlive the records. Does
 * nothing while profiling is off. */
void profile_label(device *dev, const char *phase, const char *label);

/* Records a launched kernel by its event; does nothing while profiling is off. */
void profile_add(device *dev, const char *kernel, cl_event event);

/* Waits for the queue and returns the records since the start or the last profile_clear, in order
 * and with their times. They belong to dev and are valid until the next kernel. *count is 0 while
 * profiling is off. */
status profile_read(device *dev, const profile_record **records, size_t *count, error *err);
/* Forgets all records. */
void profile_clear(device *dev);

/* Called by device_close. */
void profile_free(device *dev);
