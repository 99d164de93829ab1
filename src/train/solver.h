/* The optimizer of a run: its state beside every trained parameter, on the device. */
#ifndef HCNN_TRAIN_SOLVER_H
#define HCNN_TRAIN_SOLVER_H

#include "model/network.h"
#include "train/config.h"

typedef struct solver solver;

/* Buffers per weight that the options' optimizer keeps, for network_options.solver_slots. */
int solver_slots(const train_options *options);

/* Whether the backward pass may take the steps: network_options.descend. */
bool solver_is_descent(const train_options *options);

status solver_create(network *net, const train_options *options, solver **created, error *err);
void solver_free(solver *s); /* NULL is fine */

/* Enqueues one update of every trained parameter; `step` counts from 1. */
status solver_step(solver *s, double lr, uint64_t step, error *err);

/* Whether it keeps anything between steps that a checkpoint has to hold. */
bool solver_has_state(const solver *s);

/* The state as a safetensors file, and back, bit for bit. */
status solver_save(solver *s, const char *path, error *err);
status solver_load(solver *s, const char *path, error *err);

#endif
