/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for the device without keeping a processor core busy. */
#pragma once

#include "device/device.h"

/* Waits until `event` has completed; an event of a command that failed gives that command's error
 * code. Drivers of GPUs often wait in a loop that keeps a core busy, so this function sleeps
 * between looks at the event. It looks up to 1.6 % of the waiting time too late, at most 1 ms, but
 * at least as long as the system's shortest sleep. A CPU's driver does the waiting itself: there it
 * wakes without delay, and its threads need the cores. */
cl_int wait_for_event(const device *dev, cl_event event);
/* The same for everything in the queue. */
cl_int wait_for_queue(const device *dev);
