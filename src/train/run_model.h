/* SPDX-License-Identifier: Apache-2.0 */
/* The network that a run trains, with its device, its optimizer and the sums of gradients over the
 * ranks. */
#pragma once

#include "ranks/exchange.h"
#include "train/run_data.h"
#include "train/solver.h"
#include "train/train.h"

typedef struct run_model {
    device *dev;
    network *net;
    solver *solve;
    exchange *between;            /* sums gradients over options->ranks; NULL without ranks */
    statistics_gather statistics; /* for --sync-bn; the network's options point to it */
    char *freeze;                 /* the option --freeze, or its default */
} run_model;

/* Opens the device and chooses its precision, the same for all ranks. *m is zeros before the call.
 */
status run_model_open_device(run_model *m, const train_options *o, const train_observer *observer,
                             error *err);
/* Creates the network, whose weights are undefined, and what belongs to it. With --tune it first
 * tunes the device. */
status run_model_create(run_model *m, const train_options *o, const run_data *d,
                        const train_observer *observer, error *err);
/* Sets the weights that a new run starts from. */
status run_model_start(run_model *m, const train_options *o, const train_observer *observer,
                       error *err);
void run_model_close(run_model *m); /* after any of these, also if they failed */

/* Replaces the running statistics of batch normalisation by their means over the ranks; the same
 * for their moving average, if the solver keeps one. */
status run_model_average_statistics(run_model *m, const ranks *r, error *err);

/* Number of values in the trained parameters. */
size_t run_model_trained_size(const run_model *m);
