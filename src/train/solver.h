/* SPDX-License-Identifier: Apache-2.0 */
/* The optimizer of a run, with its state for every trained parameter on the device, gradient
 * clipping and the moving average of the weights. It knows nothing of data and epochs. */
#pragma once

#include "model/network.h"
#include "model/state_file.h"
#include "train/loss_scale.h"
#include "train/train_options.h"

typedef struct solver solver;

/* Momentum buffers per trained parameter that the optimizer keeps, 0 to 2:
 * network_options.solver_slots. */
int solver_slots(const train_options *options);

/* Whether the backward pass may update the weights itself: network_options.steps_in_backward. */
bool solver_is_descent(const train_options *options);

status solver_create(network *net, const train_options *options, solver **created, error *err);
void solver_free(solver *s); /* NULL is allowed */

/* Call it before the first batch of step `step`, counted from 1. On a device with fp16 it waits for
 * the step before the last and chooses the loss scale. */
status solver_begin(solver *s, uint64_t step, error *err);

/* The terms for network_backward of batch `index`, from 0, of a step. After the last batch the
 * network's gradients are the sum over the step. If the network updates weights in the backward
 * pass, each batch is a step. */
gradient_terms solver_terms(const solver *s, double lr, int index);

/* Call it after the last batch of a step. Enqueues one update of every trained parameter that the
 * backward pass has not updated, and of the average. In fp16 the device skips the update if a
 * gradient is not finite. The host does not know that yet, so, unlike in PyTorch, a skipped step
 * counts in Adam's bias correction and moves the average.
 *
 * In step k the average moves 1 - min(ema, (1 + k) / (10 + k)) of the way to the weights and the
 * statistics of batch normalisation. It starts from their values before step 1. */
status solver_step(solver *s, double lr, uint64_t step, error *err);

/* Whether the solver keeps an average. solver_swap_average exchanges it with the network's weights,
 * and exchanges them back when called again; without an average it does nothing. Steps, and
 * checkpoints of the state, need the weights in the network. */
bool solver_averages(const solver *s);
void solver_swap_average(solver *s);

/* The loss scale and what it depends on, for checkpoints; waits for the last step. */
status solver_get_loss_scale(solver *s, loss_scale *scale, error *err);
void solver_set_loss_scale(solver *s, const loss_scale *scale);

/* The solver's state between steps, which a checkpoint stores with state_file_save: "NAME.0" and
 * "NAME.1", the momenta of a parameter, and "NAME.average". The list is the solver's. */
const state_list *solver_state(const solver *s);
