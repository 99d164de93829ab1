/* SPDX-License-Identifier: Apache-2.0 */
/* One epoch: its steps, and its end with validation, schedule and checkpoint. */
#pragma once

#include "measure/evaluation.h"
#include "train/trainer.h"

/* Trains on the rest of the epoch and ends it. A stop or max_steps may leave it early, after
 * saving. */
status epoch_run(trainer *t, error *err);

/* Measures the network on the images of a part, which `from` loads, over all ranks; name is for
 * people. seen may be NULL. STATUS_INTERRUPTED when a stop is requested. */
status epoch_measure(trainer *t, loader *from, const image_subset *part, const char *name,
                     metrics *sums, evaluation *seen, error *err);

/* Where what the network makes of each image is gathered: *seen is NULL, with a note, when some
 * rank has no room for that. It is not needed to train. */
status epoch_open_evaluation(trainer *t, evaluation *room, evaluation **seen, error *err);
/* Writes it into the run's directory, as FILE; what cannot be written is a note. epoch, from 1, is
 * that of the weights. */
void epoch_write_evaluation(trainer *t, const evaluation *seen, const char *file,
                            const char *set_name, const image_set *set, int epoch);
