/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints: a safetensors file with the original's names, and in its metadata the classes, the
 * network's options and where training stood. It is written whole or not at all. */
#ifndef HCNN_TRAIN_CHECKPOINT_H
#define HCNN_TRAIN_CHECKPOINT_H

#include "base/safetensors.h"
#include "data/hierarchy.h"
#include "measure/metrics.h"
#include "model/network.h"
#include "train/schedule.h"
#include "train/solver.h"

/* The options of the run that whoever measures it later needs: the seed halves the test set, the
 * weights make the loss. Files from before they were kept have seed 0 and weights of 1 and 2 (with
 * only_fine: fine 1), which eval took for every run. */
typedef struct run_terms {
    uint64_t seed;
    double coarse_weight, fine_weight;
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

/* Writes RUN/last.safetensors, the optimizer's state before it, and, with best,
 * RUN/best.safetensors: the same file under both names or, where the solver keeps an average of the
 * weights, one of that. Kill it anywhere: the last checkpoint
 * that was whole still is, with the optimizer's state that belongs to it. */
status checkpoint_save(const char *run, network *net, const hierarchy *classes, solver *s,
                       const training_state *state, bool best, error *err);

/* Metadata for weights that no run of ours has trained, so that they are a checkpoint of a network
 * of these options and classes: training has not begun. */
status checkpoint_describe(safetensors_writer *writer, const network_options *options,
                           const hierarchy *classes, error *err);

/* What a checkpoint says of itself. */
typedef struct checkpoint_info {
    network_options options; /* batch_size 1, training false, pixel_capacity 0 */
    hierarchy classes;
    training_state state;
    char *backbone, *freeze, *optimizer_file; /* options' strings; the file may be NULL */
} checkpoint_info;

/* STATUS_FAILED when the file is damaged: its checksum is verified, over all of it. */
status checkpoint_read_info(const char *path, checkpoint_info *info, error *err);
void checkpoint_free_info(checkpoint_info *info);

/* Verifies the checksum alone, for a checkpoint whose info is not asked for. */
status checkpoint_verify(const char *path, error *err);

/* Weights, strictly, of a checkpoint into a network of its options. One of the two above has
 * verified it. */
status checkpoint_load(const char *path, network *net, error *err);

#endif
