/* SPDX-License-Identifier: Apache-2.0 */
/* Measuring a network on part of a data set. */
#pragma once

#include "data/hierarchy.h"
#include "data/loader.h"
#include "measure/metrics.h"
#include "model/network.h"

#include <signal.h>

/* What to tell while it goes on, and when to stop; either may be NULL. */
typedef struct evaluate_watch {
    void (*progress)(void *context, const char *what, size_t done, size_t total); /* images */
    void *context;
    const char *what; /* is measured, for progress */
    const volatile sig_atomic_t *stop;
} evaluate_watch;

/* Where what was found of each batch goes, in the loader's order; it and the batch are valid during
 * the call. Either may be NULL. */
typedef struct evaluate_sink {
    void (*results)(void *context, const batch *b, const step_results *results);
    /* coarse [count][coarse classes], NULL with only_fine, and fine [count][fine classes]. Reading
     * them makes the device wait a little between batches. */
    void (*logits)(void *context, const batch *b, const float *coarse, const float *fine);
    void *context;
} evaluate_sink;

/* Runs every batch of the loader, whose order and augmentation are off, with running statistics.
 * watch and sink may be NULL. Stopped, which is noticed before every batch: STATUS_INTERRUPTED, and
 * sums that hold what was done. */
status evaluate_loader(network *net, loader *from, const hierarchy *classes,
                       const evaluate_watch *watch, const evaluate_sink *sink, metrics *sums,
                       error *err);

/* A loader's batch as a network takes it. */
network_batch batch_for_network(const batch *b);
