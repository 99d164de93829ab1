/* SPDX-License-Identifier: Apache-2.0 */
/* A run while it goes on: what trainer.c opens and restores, step.c moves on step by step and
 * train.c epoch by epoch. Nothing outside these three needs it. */
#ifndef HCNN_TRAIN_TRAINER_H
#define HCNN_TRAIN_TRAINER_H

#include "data/division.h"
#include "data/loader.h"
#include "ranks/exchange.h"
#include "track/journal.h"
#include "track/tracking.h"
#include "train/checkpoint.h"
#include "train/loss_schedule.h"
#include "train/run_directory.h"
#include "train/step.h"
#include "train/train.h"

struct trainer {
    const train_options *options;
    const train_observer *observer;
    run_directory run;
    device *dev;
    dataset data;
    dataset_division parts;
    bad_images *bad; /* in all of them */
    loader *train, *validate;
    network *net;
    solver *solve;
    exchange *between;            /* of the gradients of options->ranks; NULL without */
    statistics_gather statistics; /* of --sync-bn */
    journal log; /* this and all below that is written: on the leading rank alone */
    tracking track;
    training_state state;
    char *freeze;
    augment_list augment;
    loss_schedule weights;
    bool stopping; /* as all ranks agreed when they last asked */
    bool complete; /* its last epoch is done and its best checkpoint measured */
    bool diverged; /* it would again, resumed */
    double epoch_started;
    uint64_t images_since; /* since epoch_started */
    step_batch on_device;  /* whose results are still to come */
    step_losses losses;    /* of the step whose results come in */
};

/* A new run: its data, network, directory and first checkpoint. */
status trainer_begin(trainer *t, error *err);
/* One that is there, as its last checkpoint left it. */
status trainer_reopen(trainer *t, const char *run, error *err);
/* After either of the two above, with what became of the run. */
void trainer_close(trainer *t, status result, const error *why);

/* Elements of the parameters that learn. */
size_t trainer_trained_size(const trainer *t);

/* Tells the observer what is about to start. */
void trainer_announce(trainer *t, bool resumed);
/* What a line says, to the metrics file and to who tracks the run; on the leading rank. */
status trainer_log(trainer *t, const metric_line *line, error *err);
/* Something worth a line. */
void trainer_note(const trainer *t, const char *text);
/* Whether a stop is wanted, on any of the ranks, becomes t->stopping. */
status trainer_ask_stop(trainer *t, error *err);
/* Whether so many steps are all that options->max_steps allows. */
bool trainer_limit_reached(const trainer *t, uint64_t steps);

/* The weights of the current epoch's losses; the coarse one is 0 where there is no such loss. */
loss_weights trainer_weights(const trainer *t);
/* Those of the validation loss: the run's own, the same in every epoch, so that epochs can be
 * compared. */
loss_weights trainer_run_weights(const trainer *t);

/* A loader of images to measure on, in order and as they are: of the part, those that are this
 * rank's. */
status trainer_open_part(trainer *t, const image_subset *part, loader **opened, error *err);

/* The running statistics of batch normalisation, and of their average where the solver keeps one,
 * become their means over the ranks. */
status trainer_average_statistics(trainer *t, error *err);

/* Whether this process writes the run's files. */
bool trainer_leads(const trainer *t);

/* Writes a checkpoint of where the run stands, between two steps. Of ranks the leading one does;
 * all have to call it. */
status trainer_save(trainer *t, bool best, error *err);

/* step.c: trains on the rest of the epoch. *ended is false when it was left early, for a stop or
 * max_steps, after saving. */
status trainer_run_epoch(trainer *t, bool *ended, error *err);

#endif
