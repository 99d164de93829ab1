/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints: model files with a training state. A checkpoint is written whole or not at all. */
#pragma once

#include "model/model_file.h"
#include "train/solver.h"
#include "train/training_state.h"

/* Writes the optimizer's state, then RUN/last.safetensors and, if `best`, RUN/best.safetensors.
 * They are the same file unless the solver keeps an average of the weights; then best.safetensors
 * has the average. If the process is killed at any point, the last whole checkpoint and its state
 * are left. */
status checkpoint_save(const char *run, network *net, const hierarchy *classes, solver *s,
                       const training_state *state, bool best, error *err);

/* An open checkpoint. */
typedef struct checkpoint {
    model_file model;
    training_state state;
    char *optimizer_file; /* name of the file with the optimizer's state, or NULL */
} checkpoint;

/* Like model_file_open; also returns STATUS_FAILED for a model file without a training state. */
status checkpoint_open(const char *path, checkpoint *c, error *err);
void checkpoint_close(checkpoint *c); /* zeros are allowed */
