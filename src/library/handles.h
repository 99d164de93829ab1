/* SPDX-License-Identifier: Apache-2.0 */
/* What is inside the handles of include/hcnn.h, and how errors are returned. */
#pragma once

#include "device/device.h"

#include <pthread.h>
#include <stdio.h>

/* A device has one queue and one table of programs, so a caller must have the lock to use it. */
struct hcnn_device {
    device *opened;
    pthread_mutex_t lock;
};

/* STATUS_USAGE if the argument of that name is NULL. */
static inline status library_given(const void *argument, const char *name, error *err)
{
    return argument ? STATUS_OK
                    : error_set(err, STATUS_USAGE, "the argument '%s' is NULL; it has to be given",
                                name);
}

/* Copies the message to the caller's buffer and returns the status. */
static inline int library_return(status result, const error *err, char *message, size_t capacity)
{
    if (message && capacity > 0)
        snprintf(message, capacity, "%s", result == STATUS_OK ? "" : err->message);
    return (int)result;
}
