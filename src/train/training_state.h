/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a run, as pieces of a checkpoint's metadata: "hcnn.run", "hcnn.loss_scale" and
 * "hcnn.state". model/model_file.h has the other pieces. */
#pragma once

#include "measure/metrics.h"
#include "model/model_file.h"
#include "track/journal.h"
#include "train/loss_scale.h"
#include "train/schedule.h"

/* Options of a run that are needed to measure it later: the seed halves the test set, and the
 * weights make the loss. */
typedef struct run_terms {
    uint64_t seed;
    loss_weights weights;
    bool crop_boxes; /* only the part of each image inside its box was used */
} run_terms;

/* The state of training between two steps: with the weights and the optimizer's buffers, everything
 * that the rest of the run depends on. */
typedef struct training_state {
    uint64_t step;  /* steps done */
    uint32_t epoch; /* the current one, from 0 */
    uint64_t batch; /* batches done in this epoch */
    metrics sums;   /* over these batches */
    schedule rate;
    loss_scale scaling;
    double best_loss; /* weighted validation loss of the best epoch so far; infinite before the
                         first */
    uint32_t best_epoch;
    journal_mark logged; /* the metrics file */
    run_terms terms;
} training_state;

/* optimizer_file: name of the file with the optimizer's state, in the same directory, or NULL. */
status training_state_write(tensor_writer *writer, const training_state *state,
                            const char *optimizer_file, error *err);
/* The caller frees *optimizer_file, which is NULL after a failure. Returns STATUS_FAILED for a file
 * without a training state, and for values that training_state_write never writes. Only the loss
 * scale, the terms, and the kind and checksum of the metrics file may be missing. */
status training_state_read(const model_file *m, training_state *state, char **optimizer_file,
                           error *err);

/* Reads the terms of a run. Old and imported files, which lack them, have seed 0 and weights 1
 * (coarse) and 2 (fine); with only_fine the fine weight is 1. */
status run_terms_read(const model_file *m, run_terms *terms, error *err);
