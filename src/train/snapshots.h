/* SPDX-License-Identifier: Apache-2.0 */
/* What a run leaves to be looked at beside its numbers: pictures of its first batch and of its
 * confusions, and histograms of its weights and gradients. What cannot be made or written is a note
 * (tracking_check). */
#pragma once

#include "measure/evaluation.h"
#include "track/tracking.h"

/* The `count` images of the run's first batch as the network sees them, augmented, as one picture.
 */
void snapshots_first_batch(tracking *k, network *net, uint64_t step, int count);

/* An epoch's confusions as pictures. */
void snapshots_confusions(tracking *k, uint64_t step, const evaluation *seen);

/* Weights and gradients, which are those of the loss times loss_scale. Before the next step. */
void snapshots_histograms(tracking *k, network *net, uint64_t step, double loss_scale);
