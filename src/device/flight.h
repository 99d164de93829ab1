/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels in flight: those that were given to the device and may not have finished. They show
 * whether the device makes progress and which kernel it is at, and bound how much is queued: at
 * most FLIGHT_MOST kernels and, once their pace is known, about dev->most_queued seconds of work.
 * This bounds how long a request to stop waits, and keeps a driver's own queue from filling up,
 * which would block a launch. */
#pragma once

#include "device/device.h"

enum { FLIGHT_MOST = 2048, FLIGHT_LEAST = 16 };

/* Called by device_open_info and device_close. */
status flight_create(device *dev, error *err);
void flight_free(device *dev);

/* Call it before a launch. It waits while too much is queued, and fails once the device has stopped
 * answering (see wait.h). */
status flight_begin(device *dev, error *err);
/* Call it after a launch. Takes over the event; NULL, if there is none, is allowed. The name must
 * outlive the device. */
void flight_add(device *dev, const char *kernel, cl_event event);

/* Forgets the kernels that have finished; true if there were some since the last call. */
bool flight_advance(device *dev);
/* The kernel that the device is at; NULL if none is in flight. */
const char *flight_oldest(const device *dev);
size_t flight_count(const device *dev);
