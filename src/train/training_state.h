/* SPDX-License-Identifier: Apache-2.0 */
/* Where a run stands, as pieces of its checkpoints' metadata beside what model/model_file.h keeps
 * there: "hcnn.run", "hcnn.loss_scale" and "hcnn.state". */
#pragma once

#include "measure/metrics.h"
#include "model/model_file.h"
#include "train/loss_scale.h"
#include "train/schedule.h"

/* The options of the run that whoever measures it later needs: the seed halves the test set, the
 * weights make the loss. */
typedef struct run_terms {
    uint64_t seed;
    loss_weights weights;
    bool crop_boxes; /* of each image only its box was looked at */
} run_terms;

/* Where training stands between two steps: with the weights and the optimizer's buffers, all that
 * the rest of the run depends on. */
typedef struct training_state {
    uint64_t step;  /* done */
    uint32_t epoch; /* the current one, from 0 */
    uint64_t batch; /* done in it */
    metrics sums;   /* of them */
    schedule rate;
    loss_scale scaling;
    double best_loss; /* weighted validation loss of the best epoch so far; infinite before it */
    uint32_t best_epoch;
    uint64_t metrics_bytes; /* length of the metrics file */
    run_terms terms;
} training_state;

/* optimizer_file: the name of the file with the optimizer's state beside this one, or NULL. */
status training_state_write(tensor_writer *writer, const training_state *state,
                            const char *optimizer_file, error *err);
/* *optimizer_file is freed by the caller, and NULL after a failure. STATUS_FAILED for a file that
 * no training has written, and for what training_state_write never puts there; only the loss scale
 * and the terms may be missing. */
status training_state_read(const model_file *m, training_state *state, char **optimizer_file,
                           error *err);

/* Files of before they were kept, and those that were imported, have seed 0 and weights of 1 and 2
 * (with only_fine: fine 1). */
status run_terms_read(const model_file *m, run_terms *terms, error *err);
