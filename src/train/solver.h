/* The optimizer of a run: its state beside every trained parameter, on the device. */
#ifndef HCNN_TRAIN_SOLVER_H
#define HCNN_TRAIN_SOLVER_H

#include "model/network.h"
#include "train/config.h"
#include "train/loss_scale.h"

typedef struct solver solver;

/* Buffers per weight that the options' optimizer keeps, for network_options.solver_slots. */
int solver_slots(const train_options *options);

/* Whether the backward pass may take the steps: network_options.descend. */
bool solver_is_descent(const train_options *options);

status solver_create(network *net, const train_options *options, solver **created, error *err);
void solver_free(solver *s); /* NULL is fine */

/* Before the network's step `step`, which counts from 1: settles what the loss is multiplied by, on
 * a device with fp16. Waits for the step before the last. */
status solver_begin(solver *s, uint64_t step, error *err);
/* After it: enqueues one update of every trained parameter. In fp16 the device leaves the update
 * out where a gradient is not finite; such a step counts in Adam's bias correction, unlike in
 * PyTorch, since the host does not know of it yet. */
status solver_step(solver *s, double lr, uint64_t step, error *err);

/* The loss's scale and what it depends on, for checkpoints; waits for the last step. */
status solver_get_loss_scale(solver *s, loss_scale *scale, error *err);
void solver_set_loss_scale(solver *s, const loss_scale *scale);

/* Whether it keeps anything between steps that a checkpoint has to hold. */
bool solver_has_state(const solver *s);

/* The state as a safetensors file, and back, bit for bit. */
status solver_save(solver *s, const char *path, error *err);
status solver_load(solver *s, const char *path, error *err);

#endif
