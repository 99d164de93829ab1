/* SPDX-License-Identifier: Apache-2.0 */
/* What the ranks of a run exchange besides gradients (exchange.h). Every rank has the whole
 * network, and all must agree on what is reported, saved and done next. If r is NULL, nothing here
 * does anything. */
#pragma once

#include "measure/evaluation.h"
#include "measure/metrics.h"
#include "model/state_file.h"
#include "ranks/ranks.h"

/* Replaces the sums over a part of the images by the sums over all, and sets *flag if it is set on
 * any rank. flag may be NULL, on all ranks. */
status replicas_sum_metrics(const ranks *r, metrics *sums, bool *flag, error *err);

/* Replaces counts and mistakes of a part of the images by those of all. `seen` must be NULL on all
 * ranks or on none. */
status replicas_merge_evaluation(const ranks *r, evaluation *seen, error *err);

/* Replaces the running statistics of batch normalisation by their means over the ranks. Each rank
 * has seen other images, but a checkpoint has one value of each. Synchronised statistics are equal
 * already. */
status replicas_average_statistics(const ranks *r, network *net, error *err);

/* If the weights of some rank differ from rank 0's (*differed), all ranks get rank 0's weights and
 * optimizer state. The sums of gradients are the same everywhere, but devices of different kinds
 * may round a step differently. */
status replicas_align(const ranks *r, network *net, const state_list *state, bool *differed,
                      error *err);
