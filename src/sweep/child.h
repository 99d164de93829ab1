/* A training run as a process of its own. */
#ifndef HCNN_SWEEP_CHILD_H
#define HCNN_SWEEP_CHILD_H

#include "base/error.h"
#include "base/words.h"

#include <stdbool.h>
#include <sys/types.h>

typedef struct child {
    pid_t process; /* 0: none */
} child;

/* Starts program with the words as its arguments. What it prints is added to the file `log`.
 * device: HCNN_DEVICE's value, or NULL for this process's own. When this process dies, even by
 * KILL, the child gets TERM: a training run saves and ends. */
status child_start(const char *program, const words *arguments, const char *device, const char *log,
                   child *started, error *err);

/* Whether it ended; then *code is its exit code, or 128 + the signal that killed it. */
bool child_ended(child *c, int *code);
/* Asks it to save and end. */
void child_stop(const child *c);
/* Waits until it ends. */
int child_wait(child *c);

#endif
