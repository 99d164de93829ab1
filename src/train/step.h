/* SPDX-License-Identifier: Apache-2.0 */
/* One training step.
 *
 * While the device works on a batch, the host waits for the results of the one before: the queue
 * never runs dry. Before anything is saved every step's results are in, so a loss that is not
 * finite is noticed before its weights could replace good ones. */
#pragma once

#include "base/error.h"
#include "data/loader.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct trainer trainer;

/* A batch's place among those whose gradients make one step. */
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

/* Of the epoch's steps, since it began or the run was resumed. */
typedef struct step_progress {
    step_batch on_device; /* whose results are still to come */
    step_losses losses;   /* of the step whose results come in */
    uint64_t images;
    double started; /* clock_now() */
} step_progress;

/* Trains on the epoch's next batch and takes the results of the one before. A step is the batches
 * that --accumulate says, and its update follows the last of them. *ended: there was no batch left,
 * and all results are in. After a failure the results of the batch on the device are still to come:
 * step_abandon. */
status training_step(trainer *t, bool *ended, error *err);

/* Takes the results of the batch on the device, if there is one. */
status step_results_wait(trainer *t, error *err);

/* When the steps of an epoch are over: waits until the device has let go of a batch whose results
 * were not taken, as after a failure; it does not count. */
void step_abandon(trainer *t);

/* Steps of the run, with the one on the device. */
uint64_t steps_started(const trainer *t);

/* Whether the batch on the device is a step's last. */
bool step_is_whole(const trainer *t);
