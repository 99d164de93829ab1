/* SPDX-License-Identifier: Apache-2.0 */
/* An agent works on a sweep: takes points from it, trains a run for each as a process of its own,
 * watches what they log, and ends those that hyperband gives up. It can be stopped or killed at any
 * moment; the next agent goes on, with the runs that it left too. */
#pragma once

#include "sweep/sweep_store.h"

#include <signal.h>

typedef struct agent_options {
    const char *program;        /* by which this program can be started */
    const char *const *devices; /* [device_count] values of HCNN_DEVICE; none: its own */
    int device_count;
    int jobs;           /* runs at a time */
    int most;           /* trials of the sweep in all; 0: no limit but run_cap */
    const words *extra; /* words for every run, as the store has them */
} agent_options;

/* What an agent tells; pointers live during the call. Any function may be NULL. */
typedef struct agent_observer {
    void *context;
    /* A trial begins; resumed: one that was left goes on. advice: of a new one. */
    void (*began)(void *context, const sweep_trial *trial, const char *parameters, bool resumed,
                  const sampler_advice *advice);
    void (*ended)(void *context, const sweep_trial *trial);
    /* While runs go on: trials that are over, and begun, of `most` (0: no end is known). */
    void (*waiting)(void *context, size_t over, size_t begun, size_t most);
    const volatile sig_atomic_t *stop; /* nonzero: stop the runs, which save, and return */
} agent_observer;

/* Works until the trials are `most` or run_cap, the points or the target are reached. A metric that
 * a finished run never logged, or three runs that failed under this agent while none of the sweep's
 * succeeded, end it with STATUS_FAILED; then the same call tries further points. STATUS_INTERRUPTED
 * after a stop. SIGCHLD is the default's meanwhile. */
status agent_run(sweep_store *store, const sweep_file *file, const agent_options *options,
                 const agent_observer *observer, error *err);
