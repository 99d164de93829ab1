/* SPDX-License-Identifier: Apache-2.0 */
/* A training run as a process of its own. */
#pragma once

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <sys/types.h>

typedef struct child {
    pid_t process; /* 0: none */
} child;

/* Opens the file that a child prints into and locks it. The child holds the lock from its first
 * moment to its last, through its standard output: also when its parent is gone, and before it has
 * made anything else that could be seen. *log is -1 while somebody has it. */
status child_open_log(const char *path, int *log, error *err);
void child_close_log(int log); /* -1 is fine */

/* Starts program with the words as its arguments. What it prints is added to `log`, which stays
 * open here. device: HCNN_DEVICE's value, or NULL for this process's own. When this process dies,
 * even by KILL, the child gets TERM: a training run saves and ends. */
status child_start(const char *program, const words *arguments, const char *device, int log,
                   child *started, error *err);

/* Whether it ended; then *code is its exit code, 128 + the signal that killed it, or CHILD_LOST
 * where the kernel does not know it any more. */
enum { CHILD_LOST = -1 };
bool child_ended(child *c, int *code);
/* Asks it to save and end; none is fine. */
void child_stop(const child *c);
/* Waits until it ends; its code. None is fine, and CHILD_LOST. */
int child_wait(child *c);

/* The last line of a log that begins with "hcnn-cl: ", without that: why the child ended. NULL when
 * there is none. Freed by the caller. */
char *child_last_words(const char *log);
