/* SPDX-License-Identifier: Apache-2.0 */
/* What a run leaves to look at besides its numbers: pictures of its first batch and of its
 * confusions, and histograms of its weights and gradients. A failure is only a note
 * (tracking_check). */
#pragma once

#include "measure/evaluation.h"
#include "track/tracking.h"

/* Writes one picture of the `count` images of the first batch, augmented, as the network sees
 * them. */
void snapshots_first_batch(tracking *k, network *net, uint64_t step, int count);

/* Writes pictures of an epoch's confusions. */
void snapshots_confusions(tracking *k, uint64_t step, const evaluation *seen);

/* Writes histograms of weights and gradients; call it before the next step. The gradients on the
 * device are those of the loss times loss_scale. */
void snapshots_histograms(tracking *k, network *net, uint64_t step, double loss_scale);
