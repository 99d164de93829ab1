/* SPDX-License-Identifier: Apache-2.0 */
/* What the device did and when: a record for every kernel, from OpenCL's event times. Off until
 * profile_start, and then the queue keeps times, which costs a little. */
#pragma once

#include "device/device.h"

#include <stddef.h>

typedef struct profile_record {
    const char *phase, *label; /* as profile_label set them last; "" before */
    const char *kernel;
    uint64_t start, end; /* nanoseconds of the device's clock */
    cl_event event;
} profile_record;

/* From now on kernels of dev are recorded. Once per device, while nothing is enqueued. */
status profile_start(device *dev, error *err);

/* What the next kernels belong to ("forward", "fine_backbone.layer1.0.conv1"). The strings are kept
 * by address and must outlive the records. Does nothing while the profile is off. */
void profile_label(device *dev, const char *phase, const char *label);

/* Where the runtime is to put the next kernel's event; NULL while the profile is off. */
cl_event *profile_event(device *dev, const char *kernel);

/* Waits for the queue; the records since the start or the last profile_clear, in order, with their
 * times. They stay dev's. */
status profile_read(device *dev, const profile_record **records, size_t *count, error *err);
void profile_clear(device *dev);

/* Called by device_close. */
void profile_free(device *dev);
