/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the nodes of a planned graph, forward and backward. It knows neither losses nor labels;
 * network.c does. */
#pragma once

#include "model/plan.h"
#include "model/shared_statistics.h"

/* Runs all nodes forward for `count` images; the input node must be filled. With `train`, batch
 * normalisation uses the statistics of the batch and updates the running ones. If `shared` is not
 * NULL, these are the statistics of the whole batch of all ranks. */
status execute_forward(device *dev, graph *g, const plan *p, int count, bool train,
                       shared_statistics *shared, error *err);
/* Runs all nodes backward; the gradients of the logits must be filled. The gradient of each trained
 * parameter goes, by `terms`, into its gradient buffer or, without one, into the parameter itself.
 * `watch` is told of each gradient buffer. */
status execute_backward(device *dev, graph *g, const plan *p, int count, gradient_terms terms,
                        shared_statistics *shared, const gradient_watch *watch, error *err);
