/* SPDX-License-Identifier: Apache-2.0 */
/* Measures a network on a part of a data set. */
#pragma once

#include "data/hierarchy.h"
#include "data/loader.h"
#include "measure/metrics.h"
#include "model/network.h"

#include <signal.h>

/* Reports progress and asks whether to stop; either may be NULL. */
typedef struct evaluate_watch {
    void (*progress)(void *context, const char *what, size_t done, size_t total); /* in images */
    void *context;
    const char *what; /* what is measured, for progress */
    const volatile sig_atomic_t *stop;
} evaluate_watch;

/* Receives the results of each batch, in the loader's order; results and batch are valid during the
 * call. Either function may be NULL. */
typedef struct evaluate_sink {
    void (*results)(void *context, const batch *b, const step_results *results);
    /* coarse is [count][coarse classes], or NULL with only_fine; fine is [count][fine classes].
     * Reading them makes the device wait a little between batches. */
    void (*logits)(void *context, const batch *b, const float *coarse, const float *fine);
    void *context;
} evaluate_sink;

/* Runs every batch of the loader, which must not shuffle or augment, with the running
 * statistics. watch and sink may be NULL. A stop is noticed before each batch: it returns
 * STATUS_INTERRUPTED, and `sums` has the batches done. */
status evaluate_loader(network *net, loader *from, const hierarchy *classes,
                       const evaluate_watch *watch, const evaluate_sink *sink, metrics *sums,
                       error *err);

/* Converts a loader's batch for the network, which does not copy it. */
network_batch batch_for_network(const batch *b);
