/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for the device, asleep, and no longer than it makes progress: a kernel that finishes
 * (flight.h) is progress. If there is none for dev->timeout seconds, the device counts as stuck:
 * the wait fails, and so does every later one, at once. The device may then still use the memory
 * that it was given, so whoever owns such memory leaves it as it is, and so does device_close. The
 * same holds if the driver no longer says what has finished.
 *
 * A wait ends for certain only because nothing in it blocks: this program looks at events, or
 * sleeps until the driver calls back. Copies that the driver itself waits for begin when the queue
 * is empty (buffer.h). */
#pragma once

#include "device/device.h"

/* Waits until `event` has completed. If its command failed, the error names the command's code and
 * `what`. Drivers of GPUs often wait in a loop that keeps a core busy, so for them this function
 * sleeps between looks at the event. It looks up to 1.6 % of the waiting time too late, at most
 * 1 ms, but at least as long as the system's shortest sleep. A CPU's driver wakes it without delay.
 */
status wait_for_event(device *dev, cl_event event, const char *what, error *err);
/* The same for everything in the queue. `promptly`: for measurements of time; notices the end at
 * once, but for a GPU looks without sleep, which keeps a core busy. */
status wait_for_queue(device *dev, bool promptly, error *err);

/* For a caller that looks at events itself: call it between two looks. *moved is the time of the
 * last progress; the caller sets it to clock_now() at first. */
status wait_watch(device *dev, double *moved, error *err);
/* The error of a device that is stuck; STATUS_OK if it is not. */
status wait_refuse(const device *dev, error *err);

/* CL_COMPLETE, a positive value before that, or a negative error code. */
cl_int wait_state(device *dev, cl_event event);
