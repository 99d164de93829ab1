/* SPDX-License-Identifier: Apache-2.0 */
/* A run in progress. trainer.c sets it up or resumes it; step.c runs its steps, epoch.c its epochs,
 * train.c the whole run. */
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
    bool complete; /* the last epoch is done and the best checkpoint is measured */
    bool diverged; /* training diverged, and would again if resumed */
};

/* Starts a new run: data, network, directory and first checkpoint. The caller sets t->options,
 * t->observer and t->files.track.note; the rest is zeros. */
status trainer_begin(trainer *t, error *err);
/* Continues the run options->resume from its last checkpoint. */
status trainer_reopen(trainer *t, error *err);
/* Call it after either of the two functions above, also when they failed, with the result of the
 * run; `why` is read if the run failed. */
void trainer_close(trainer *t, status result, const error *why);

/* Tells the observer what is about to start. */
void trainer_announce(const trainer *t);
/* Sets t->stopping if any rank was asked to stop. All ranks have to call it. */
status trainer_ask_stop(trainer *t, error *err);
/* Sets the error of a run that was stopped and saved. */
status trainer_interrupted(const trainer *t, error *err);
/* Whether this number of steps reaches options->max_steps. */
bool trainer_limit_reached(const trainer *t, uint64_t steps);

/* The weights of the current epoch's losses; the coarse weight is 0 if there is no coarse loss. */
loss_weights trainer_weights(const trainer *t);
/* The weights of the validation loss: the same in every epoch, so that epochs can be compared. */
loss_weights trainer_run_weights(const trainer *t);

/* Whether this process writes the run's files. */
bool trainer_leads(const trainer *t);

/* Saves a checkpoint between two steps. All ranks call it; the leading one writes. */
status trainer_save(trainer *t, bool best, error *err);

/* ---- Measuring, at the end of an epoch and of the run ---- */

/* Measures the network on the images of a part, which `from` loads, over all ranks. `name` is for
 * messages. `seen` may be NULL. Returns STATUS_INTERRUPTED if a stop is requested. */
status trainer_measure(trainer *t, loader *from, const image_subset *part, const char *name,
                       metrics *sums, evaluation *seen, error *err);

/* Creates an evaluation in *room, and sets *seen to it or, if some rank has no memory for it, to
 * NULL with a note. Training does not need it. */
status trainer_open_evaluation(trainer *t, evaluation *room, evaluation **seen, error *err);
/* Writes the evaluation as FILE into the run directory; a failure is only a note. `epoch`, from 1,
 * is the epoch that the weights are from. */
void trainer_write_evaluation(trainer *t, const evaluation *seen, const char *file,
                              const char *set_name, const image_set *set, int epoch);
