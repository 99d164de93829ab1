/* SPDX-License-Identifier: Apache-2.0 */
/* Processes of this machine by a name that does not come again. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct process_name {
    int64_t id;     /* the kernel's number, which comes again */
    char began[32]; /* when it started, in the kernel's ticks; "" where that cannot be known */
} process_name;

process_name process_this(void);

/* Whether the process of that name lives here; began NULL: it does not. */
bool process_lives(int64_t id, const char *began);
