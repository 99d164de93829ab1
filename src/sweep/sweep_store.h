/* SPDX-License-Identifier: Apache-2.0 */
/* The state of sweeps, in tables of their own beside the runs of a store. Several agents on one
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

/* What a sweep is started with; every other agent has to bring the same. */
typedef struct sweep_terms {
    const char *name, *text; /* name of the sweep; text of its file */
    const words *extra;      /* words for every run, from `command` in the file and from the command
                              * line */
    uint64_t seed;
} sweep_terms;

/* Starts the sweep, or joins it if it exists: then *joined is true. STATUS_USAGE, with the remedy,
 * if the sweep of that name was started with another file, other words or another seed. */
status sweep_store_open(run_store *runs, const sweep_terms *terms, sweep_store *opened,
                        bool *joined, error *err);

/* The text, words and seed with which a sweep was started, without joining it. The caller frees
 * *text and *extra. STATUS_FAILED names the sweeps that exist. */
status sweep_store_find(run_store *runs, const char *name, sweep_store *found, char **text,
                        words *extra, error *err);

const char *sweep_trial_state_name(enum sweep_trial_state state);

/* Brings the trials up to date, or fills an empty list (zeros). For a trial that was already over,
 * what its run logged is not read again. After an error the list is empty. */
status sweep_store_update(sweep_store *s, const sweep_file *file, sweep_trials *trials, error *err);
/* Reads all trials but the damaged ones, which *damaged counts. After an error the list is empty.
 */
status sweep_store_read(sweep_store *s, const sweep_file *file, sweep_trials *trials, int *damaged,
                        error *err);
/* Reads again what the run of a trial has logged. A run with other options than the trial's is not
 * read: t->taken is set, and t->message says why. */
status sweep_store_read_history(sweep_store *s, const sweep_file *file, sweep_trial *t, error *err);
void sweep_trials_free(sweep_trials *trials); /* one of zeros is fine */

/* Asks the sampler for the next point and records the trial as this process's, in one transaction.
 * *number is 0 if `most` trials were started already (0: no limit), or if the advice says that
 * nothing is left to try. */
status sweep_store_claim(sweep_store *s, const sweep_file *file, int most, int *number,
                         sampler_advice *advice, error *err);

/* Takes over a trial whose agent is gone. *taken is false if another agent was quicker or the trial
 * is over. */
status sweep_store_adopt(sweep_store *s, int number, bool *taken, error *err);

/* Records how a trial ended. message: why it failed or ended early, or NULL. */
status sweep_store_settle(sweep_store *s, int number, enum sweep_trial_state state,
                          const char *message, error *err);

/* "NAME-007", the name of a trial's run. The caller frees it; NULL if memory is out. */
char *sweep_run_name(const char *sweep, int number);
