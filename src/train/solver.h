/* SPDX-License-Identifier: Apache-2.0 */
/* The optimizer of a run: its state beside every trained parameter, on the device, and what stands
 * between a step's gradients and the step: clipping, and the moving average of the weights. */
#pragma once

#include "model/network.h"
#include "model/state_file.h"
#include "train/loss_scale.h"
#include "train/train_options.h"

typedef struct solver solver;

/* Momenta per trained weight that the options' optimizer keeps: network_options.solver_slots. */
int solver_slots(const train_options *options);

/* Whether the backward pass may take the steps: network_options.steps_in_backward. */
bool solver_is_descent(const train_options *options);

status solver_create(network *net, const train_options *options, solver **created, error *err);
void solver_free(solver *s); /* NULL is fine */

/* Before the first batch of step `step`, which counts from 1: settles what the loss is multiplied
 * by, on a device with fp16. Waits for the step before the last. */
status solver_begin(solver *s, uint64_t step, error *err);

/* For network_backward of batch `index`, from 0, of those whose gradients make one step: after
 * the last one the network's gradients are the sum. Where the network steps in its backward pass a
 * batch is a step. */
gradient_terms solver_terms(const solver *s, double lr, int index);

/* After the last batch: enqueues one update of every trained parameter that the backward pass has
 * not updated, and of the average. In fp16 the device leaves the update out where a gradient is not
 * finite; such a step counts in Adam's bias correction and moves the average, unlike in PyTorch,
 * since the host does not know of it yet.
 *
 * The average of step k moves by 1 - min(ema, (1 + k) / (10 + k)) of the way to the weights and the
 * statistics of batch normalisation; it starts from those before step 1. */
status solver_step(solver *s, double lr, uint64_t step, error *err);

/* Whether an average is kept; solver_swap_average puts it in the place of the network's weights,
 * and those into its own, until it is called again, and does nothing where there is none. Steps and
 * checkpoints of the state want the weights in their place. */
bool solver_averages(const solver *s);
void solver_swap_average(solver *s);

/* The loss's scale and what it depends on, for checkpoints; waits for the last step. */
status solver_get_loss_scale(solver *s, loss_scale *scale, error *err);
void solver_set_loss_scale(solver *s, const loss_scale *scale);

/* What it keeps between steps and a checkpoint has to hold, for state_file_save and _load; the
 * solver's own: "NAME.0" and "NAME.1", the momenta of a parameter, and "NAME.average". */
const state_list *solver_state(const solver *s);
