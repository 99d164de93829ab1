/* SPDX-License-Identifier: Apache-2.0 */
/* A training run in a process of its own. */
#pragma once

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <sys/types.h>

typedef struct child {
    pid_t process; /* 0: none */
} child;

/* Opens the file that a child prints into, and locks it; *log is -1 if another process has the
 * lock. The child inherits the lock with its standard output and keeps it until it ends, even if
 * its parent ends first. It has the lock before it creates anything else that others could see. */
status child_open_log(const char *path, int *log, error *err);
void child_close_log(int log); /* -1 is fine */

/* Starts `program` with the words as its arguments. What it prints is appended to `log`, which
 * stays open here. device: the value of HCNN_DEVICE, or NULL for that of this process. On Linux,
 * the child gets SIGTERM when this process dies, even by SIGKILL; a training run then saves and
 * ends. */
status child_start(const char *program, const words *arguments, const char *device, int log,
                   child *started, error *err);

/* Whether the child has ended. *code is then its exit code, 128 + the signal that killed it, or
 * CHILD_LOST if the kernel no longer knows it. */
enum { CHILD_LOST = -1 };
bool child_ended(child *c, int *code);
/* Asks the child to save and end; does nothing if there is none. */
void child_stop(const child *c);
/* Waits until the child ends and returns its code, as from child_ended; CHILD_LOST if there is
 * none. */
int child_wait(child *c);

/* The last line of a log that begins with "hcnn-cl: ", without that prefix. It says why the child
 * ended. NULL if there is none. The caller frees it. */
char *child_last_words(const char *log);
