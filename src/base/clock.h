/* SPDX-License-Identifier: Apache-2.0 */
/* The monotonic clock, and durations as people read them. */
#pragma once

#include <stddef.h>

/* Seconds since some fixed moment, never running backwards. */
double clock_now(void);
/* Writes "0:31", "12:05" or "3:07:41" into text. */
void clock_duration(double seconds, char *text, size_t capacity);
