/* SPDX-License-Identifier: Apache-2.0 */
/* An agent works on a sweep: it chooses points, trains a run for each in a process of its own,
 * watches what the runs log, and ends those that hyperband gives up. An agent can be stopped or
 * killed at any moment; the next agent continues the sweep and resumes the runs that were left. */
#pragma once

#include "sweep/sweep_store.h"

#include <signal.h>

typedef struct agent_options {
    const char *program;        /* path of this program, with which the runs are started */
    const char *const *devices; /* [device_count] values of HCNN_DEVICE; none: the agent's own */
    int device_count;
    int jobs;           /* runs at a time */
    int most;           /* trials of the sweep in all; 0: no limit but run_cap */
    const words *extra; /* words for every run, as the store has them */
} agent_options;

/* What an agent reports. Pointers are valid during the call. Any function may be NULL. */
typedef struct agent_observer {
    void *context;
    /* A trial starts. resumed: its run was interrupted and continues. advice: what the sampler said
     * about a new point; NULL if the trial is not new. */
    void (*began)(void *context, const sweep_trial *trial, const char *parameters, bool resumed,
                  const sampler_advice *advice);
    void (*ended)(void *context, const sweep_trial *trial);
    /* Called each time the agent has looked at its runs: trials that are over, trials that were
     * started, and the most that there can be (0: no limit is known). */
    void (*waiting)(void *context, size_t over, size_t begun, size_t most);
    const volatile sig_atomic_t *stop; /* nonzero: stop the runs, which save, and return */
} agent_observer;

/* Works until there are `most` or run_cap trials, or until the target or the last point is reached.
 * Two things end it with STATUS_FAILED: a finished run that never logged the metric, and three
 * failed runs of this agent while no run of the sweep has succeeded. Calling it again then tries
 * further points. Returns STATUS_INTERRUPTED after a stop. SIGCHLD has its default action during
 * the call. */
status agent_run(sweep_store *store, const sweep_file *file, const agent_options *options,
                 const agent_observer *observer, error *err);
