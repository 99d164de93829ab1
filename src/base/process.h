/* SPDX-License-Identifier: Apache-2.0 */
/* Names for processes of this machine. Unlike a process number, a name is never reused. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct process_name {
    int64_t id;     /* the process number, which the kernel reuses */
    char began[32]; /* when it started, in the kernel's ticks; "" if that is unknown */
} process_name;

/* The name of the calling process. */
process_name process_this(void);

/* Whether that process is running on this machine. If began is "", only the number counts; if it is
 * NULL, the answer is false. */
bool process_lives(int64_t id, const char *began);
