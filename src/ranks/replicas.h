/* SPDX-License-Identifier: Apache-2.0 */
/* What the ranks of a run put together beside gradients (exchange.h): every rank holds the whole
 * network, and all of them have to agree on what is said, saved and done next. Alone, without
 * options->ranks, nothing here does anything. */
#pragma once

#include "measure/evaluation.h"
#include "measure/metrics.h"
#include "model/state_file.h"
#include "ranks/ranks.h"

/* Sums of a part of the images become those of all, and *flag whether it is true on any rank. */
status replicas_sum_metrics(const ranks *r, metrics *sums, bool *flag, error *err);

/* Counts and mistakes of a part of the images become those of all. NULL is fine where it is NULL on
 * every rank. */
status replicas_merge_evaluation(const ranks *r, evaluation *seen, error *err);

/* The running statistics of batch normalisation become their means over the ranks: each rank has
 * seen other images, and a checkpoint has one of each. Synchronised ones are equal before. */
status replicas_average_statistics(const ranks *r, network *net, error *err);

/* Where the weights of some rank are not the same bits as rank 0's (*differed), all take rank 0's,
 * and the optimizer's state: the sums of gradients are the same everywhere, but devices of
 * different kinds may round a step differently. */
status replicas_align(const ranks *r, network *net, const state_list *state, bool *differed,
                      error *err);
