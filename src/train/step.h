/* SPDX-License-Identifier: Apache-2.0 */
/* One training step.
 *
 * While the device works on a batch, the host waits for the results of the previous batch, so the
 * queue never runs dry. Before anything is saved, the results of every step are in: a loss that is
 * not finite is noticed before bad weights can replace good ones. */
#pragma once

#include "base/error.h"
#include "data/loader.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct trainer trainer;

/* The place of a batch in its step: index, from 0, of count batches. */
typedef struct step_place {
    int index, count;
} step_place;

/* A batch, and its results while they are still on the device. */
typedef struct step_batch {
    const batch *b; /* NULL: none */
    step_place at;
    int ticket;
} step_batch;

/* Mean losses over the batches of a step so far, or over the step. */
typedef struct step_losses {
    double coarse, fine, marginal;
} step_losses;

/* Progress since the epoch began or the run was resumed. */
typedef struct step_progress {
    step_batch on_device; /* its results are not in yet */
    step_losses losses;   /* of the step whose results come in now */
    uint64_t images;
    double started; /* from clock_now() */
} step_progress;

/* Trains on the next batch of the epoch and takes the results of the previous one. A step has
 * --accumulate batches and updates the weights after the last of them. Sets *ended if no batch was
 * left; all results are then in. After a failure the results of the batch on the device are not in:
 * call step_abandon. */
status training_step(trainer *t, bool *ended, error *err);

/* Waits for the results of the batch on the device, if there is one, and takes them. */
status step_results_wait(trainer *t, error *err);

/* Call it when the steps of an epoch are over, also after a failure. If the results of a batch were
 * not taken, it waits until the device no longer uses that batch, which does not count. */
void step_abandon(trainer *t);

/* Steps of the run, including the one on the device. */
uint64_t steps_started(const trainer *t);

/* Whether the batch on the device is the last of its step; true if there is none. */
bool step_is_whole(const trainer *t);
