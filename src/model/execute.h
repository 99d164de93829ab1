/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the nodes of a planned graph, forward and backward. */
#pragma once

#include "model/plan.h"
#include "model/shared_statistics.h"

/* Forward through every node but the input, which is filled already, for `count` images. With
 * train, batch normalisation uses the batch's statistics and moves the running ones: those of all
 * ranks by `shared`, unless that is NULL. */
status execute_forward(device *dev, graph *g, const plan *p, int count, bool train,
                       shared_statistics *shared, error *err);
/* Backward from the logits' gradients, which are filled already. The gradient of each trained
 * parameter goes by the terms into its gradient's buffer or, where it has none, into the parameter
 * itself; `watch` is told of the buffers. */
status execute_backward(device *dev, graph *g, const plan *p, int count, gradient_terms terms,
                        shared_statistics *shared, const gradient_watch *watch, error *err);
