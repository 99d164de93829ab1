/* SPDX-License-Identifier: Apache-2.0 */
/* What a run trains, and on which device: the network, its optimizer, and the gradients' sums over
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
    exchange *between;            /* of gradients over the options' ranks; NULL without */
    statistics_gather statistics; /* for --sync-bn; the network's options point to it */
    char *freeze;                 /* the option, or what it is without */
} run_model;

/* Opens the device. m has zeros. */
status run_model_open_device(run_model *m, const train_options *o, error *err);
/* Makes the network and what belongs to it, with undefined weights; with --tune it measures the
 * device first. */
status run_model_create(run_model *m, const train_options *o, const run_data *d,
                        const train_observer *observer, error *err);
/* The weights that a new run starts from. */
status run_model_start(run_model *m, const train_options *o, const train_observer *observer,
                       error *err);
void run_model_close(run_model *m); /* after any of these */

/* The running statistics of batch normalisation, and of their average where the solver keeps one,
 * become their means over the ranks. */
status run_model_average_statistics(run_model *m, const ranks *r, error *err);

/* Elements of the parameters that learn. */
size_t run_model_trained_size(const run_model *m);
