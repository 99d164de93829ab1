/* SPDX-License-Identifier: Apache-2.0 */
/* The state of sweeps, in tables of their own beside the runs of a store: several agents of one
 * machine may work on one sweep, and any of them may be killed. */
#pragma once

#include "base/text.h"
#include "sweep/sampler.h"
#include "track/run_store.h"

typedef struct sweep_store {
    run_store *runs; /* borrowed */
    int64_t id;
    uint64_t seed;
} sweep_store;

/* What a sweep is made of; a second agent has to bring the same. */
typedef struct sweep_terms {
    const char *name, *text; /* the sweep file's */
    const words *extra;      /* words for every run: of the file's `command`, and others */
    uint64_t seed;
} sweep_terms;

/* Begins the sweep or joins it. *joined: it was there. STATUS_USAGE when one of that name was begun
 * with another file, other words or another seed, with the remedy. */
status sweep_store_open(run_store *runs, const sweep_terms *terms, sweep_store *opened,
                        bool *joined, error *err);

/* The text, words and seed that a sweep was begun with, without joining it; all are the caller's.
 * STATUS_FAILED names the sweeps that there are. */
status sweep_store_find(run_store *runs, const char *name, sweep_store *found, char **text,
                        words *extra, error *err);

const char *sweep_trial_state_name(enum sweep_trial_state state);

/* Reads the trials: those that were read before, or zeros, are brought up to date. What those that
 * were over had logged is not read again. After an error there are none. */
status sweep_store_update(sweep_store *s, const sweep_file *file, sweep_trials *trials, error *err);
/* Reads again what a trial's run logged. */
status sweep_store_read_history(sweep_store *s, const sweep_file *file, sweep_trial *t, error *err);
void sweep_trials_free(sweep_trials *trials); /* one of zeros is fine */

/* Asks the sampler for the next point and begins the trial, as one transaction. *number 0: `most`
 * trials were begun already (0: no limit), or the advice is that nothing is left to try. */
status sweep_store_claim(sweep_store *s, const sweep_file *file, int most, int *number,
                         sampler_advice *advice, error *err);

/* Takes over a trial whose agent is gone. *taken false: another agent was quicker. */
status sweep_store_adopt(sweep_store *s, int number, bool *taken, error *err);

status sweep_store_settle(sweep_store *s, int number, enum sweep_trial_state state,
                          const char *message, error *err);

/* "NAME-007". */
char *sweep_run_name(const char *sweep, int number);
