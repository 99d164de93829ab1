/* SPDX-License-Identifier: Apache-2.0 */
/* A run while it goes on, as trainer.c sets it up or resumes it; step.c takes its steps, epoch.c
 * its epochs, train.c the run. */
#pragma once

#include "measure/evaluation.h"
#include "train/loss_schedule.h"
#include "train/run_data.h"
#include "train/run_files.h"
#include "train/run_model.h"
#include "train/step.h"
#include "train/train.h"

struct trainer {
    const train_options *options;
    const train_observer *observer;
    run_data data;
    run_model model;
    run_files files;
    training_state state;
    loss_schedule weights;
    step_progress now;
    bool stopping; /* as all ranks agreed when they last asked */
    bool complete; /* its last epoch is done and its best checkpoint measured */
    bool diverged; /* it would again, resumed */
};

/* A new run: its data, network, directory and first checkpoint. t has options, observer and
 * files.track.note. */
status trainer_begin(trainer *t, error *err);
/* The run options->resume as its last checkpoint left it. */
status trainer_reopen(trainer *t, error *err);
/* After either of the two above, with what became of the run. */
void trainer_close(trainer *t, status result, const error *why);

/* Tells the observer what is about to start. */
void trainer_announce(const trainer *t);
/* Whether a stop is requested of this process. */
bool trainer_stop_asked(const trainer *t);
/* Whether it is, on any of the ranks, becomes t->stopping. */
status trainer_ask_stop(trainer *t, error *err);
/* The error of a run that was stopped, after it was saved. */
status trainer_interrupted(const trainer *t, error *err);
/* Whether so many steps are all that options->max_steps allows. */
bool trainer_limit_reached(const trainer *t, uint64_t steps);

/* The weights of the current epoch's losses; the coarse one is 0 where there is no such loss. */
loss_weights trainer_weights(const trainer *t);
/* Those of the validation loss: the run's own, the same in every epoch, so that epochs can be
 * compared. */
loss_weights trainer_run_weights(const trainer *t);

/* Whether this process writes the run's files. */
bool trainer_leads(const trainer *t);

/* Writes a checkpoint of where the run stands, between two steps. Of ranks the leading one does;
 * all have to call it. */
status trainer_save(trainer *t, bool best, error *err);

/* ---- Measuring, at an epoch's end and at the run's ---- */

/* Measures the network on the images of a part, which `from` loads, over all ranks; name is for
 * people. seen may be NULL. STATUS_INTERRUPTED when a stop is requested. */
status trainer_measure(trainer *t, loader *from, const image_subset *part, const char *name,
                       metrics *sums, evaluation *seen, error *err);

/* Where what the network makes of each image is gathered: *seen is NULL, with a note, when some
 * rank has no room for that. It is not needed to train. */
status trainer_open_evaluation(trainer *t, evaluation *room, evaluation **seen, error *err);
/* Writes it into the run's directory, as FILE; what cannot be written is a note. epoch, from 1, is
 * that of the weights. */
void trainer_write_evaluation(trainer *t, const evaluation *seen, const char *file,
                              const char *set_name, const image_set *set, int epoch);
