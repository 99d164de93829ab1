/* SPDX-License-Identifier: Apache-2.0 */
/* A process that does one piece of work and reports in lines of text. Work that may crash or hang
 * in a driver runs in a process of its own, so that its parent can tell what happened and go on. */
#pragma once

#include "base/error.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { WORKER_LINE_BYTES = 1024 };

/* How long its parent waits. */
typedef struct worker_patience {
    double seconds;
    const volatile sig_atomic_t *stop; /* nonzero: wait no longer; NULL: never */
} worker_patience;

typedef struct worker {
    pid_t process;
    int output;                           /* the end of a pipe */
    char line[WORKER_LINE_BYTES];         /* of the last WORKER_SAID */
    char received[2 * WORKER_LINE_BYTES]; /* not yet returned */
    size_t used;
    double stood; /* seconds in which this process stood still (Ctrl-Z) while it waited; they do not
                     count as waiting */
} worker;

/* Starts `arguments[0]`, a program's file, with these arguments; a NULL ends them. Its standard
 * input and its standard error are /dev/null. It has a process group of its own, which keeps the
 * terminal's Ctrl-C from it. On Linux it is killed when this process dies. */
status worker_start(char *const arguments[], worker *started, error *err);

enum worker_event {
    WORKER_SAID, /* worker.line is the next line, at most WORKER_LINE_BYTES - 1 bytes of it */
    WORKER_DONE, /* it closed its output or ended */
    WORKER_LATE, /* `seconds` passed without a line */
    WORKER_STOPPED,
};
enum worker_event worker_wait(worker *w, worker_patience patience);

/* Waits until the process ends, and kills it and what it started if that takes too long. Its output
 * is read and dropped. Call it once for each worker that was started. False: it was killed here;
 * one that hangs in the kernel, and so cannot be killed, is left. *code is as from waitpid. */
bool worker_end(worker *w, worker_patience patience, int *code);
/* Says how a process with this code ended: "it was ended by signal 11". */
void worker_describe(int code, char *text, size_t capacity);
