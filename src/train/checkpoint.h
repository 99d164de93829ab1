/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints: a model file with a training state beside the model. It is written whole or not at
 * all. */
#pragma once

#include "model/model_file.h"
#include "train/solver.h"
#include "train/training_state.h"

/* Writes RUN/last.safetensors, the optimizer's state before it, and, with best,
 * RUN/best.safetensors: the same file under both names or, where the solver keeps an average of the
 * weights, one of that. Killed anywhere, it leaves the last whole checkpoint and its state. */
status checkpoint_save(const char *run, network *net, const hierarchy *classes, solver *s,
                       const training_state *state, bool best, error *err);

/* An open one. */
typedef struct checkpoint {
    model_file model;
    training_state state;
    char *optimizer_file; /* the name of the file with the optimizer's state, or NULL */
} checkpoint;

/* As model_file_open; STATUS_FAILED also for a model file without a training state. */
status checkpoint_open(const char *path, checkpoint *c, error *err);
void checkpoint_close(checkpoint *c); /* one of zeros is fine */
