/* SPDX-License-Identifier: Apache-2.0 */
/* The monotonic clock, and durations as people read them. */
#pragma once

#include <stddef.h>

/* Seconds since some fixed moment; they never run backwards. */
double clock_now(void);
/* For a loop that looks at something many times a second: the time since *looked if it is longer
 * than a second, because this process then stood still (Ctrl-Z, a suspended machine); otherwise 0.
 * Sets *looked to now. */
double clock_stood(double *looked);
/* Writes "0:31", "12:05" or "3:07:41" into text; NaN and negative durations become 0:00. */
void clock_duration(double seconds, char *text, size_t capacity);
