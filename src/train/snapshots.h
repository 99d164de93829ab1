/* SPDX-License-Identifier: Apache-2.0 */
/* What a run leaves to be looked at beside its numbers: pictures of its first batch and of its
 * confusions, histograms of its weights and gradients, and the files validation.json and test.json.
 * Where one cannot be made or written that is a note, as tracking.h tells. */
#ifndef HCNN_TRAIN_SNAPSHOTS_H
#define HCNN_TRAIN_SNAPSHOTS_H

#include "measure/evaluation.h"

struct trainer;

/* The images of the run's first batch as the network sees them, augmented, as one picture. */
void snapshots_first_batch(struct trainer *t, int count);

/* An epoch's confusions as pictures and, every --histograms epochs, weights and gradients. Before
 * the next epoch begins. seen may be NULL. */
void snapshots_epoch(struct trainer *t, const evaluation *seen);

/* Writes RUN/FILE. set_name says what was measured; epoch, from 1, whose weights it was with. */
void snapshots_evaluation(struct trainer *t, const evaluation *seen, const char *file,
                          const char *set_name, const image_set *set, int epoch);

#endif
