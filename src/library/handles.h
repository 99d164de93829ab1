/* SPDX-License-Identifier: Apache-2.0 */
/* What the handles of include/hcnn.h hold, and how errors leave. */
#pragma once

#include "device/device.h"

#include <pthread.h>
#include <stdio.h>

/* One queue, one table of programs: whoever uses the device holds the lock. */
struct hcnn_device {
    device *opened;
    pthread_mutex_t lock;
};

/* Hands a status and its message to the caller. */
static inline int library_return(status result, const error *err, char *message, size_t capacity)
{
    if (capacity > 0)
        snprintf(message, capacity, "%s", result == STATUS_OK ? "" : err->message);
    return (int)result;
}
