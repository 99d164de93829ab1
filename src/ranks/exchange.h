/* SPDX-License-Identifier: Apache-2.0 */
/* Sums the gradients of a step over the ranks during the backward pass.
 *
 * When the backward pass has finished a layer, the layer's gradients are read into the current
 * bucket on the host. A full bucket is summed over the ranks while the device works on the earlier
 * layers. The sums go back to the device before the optimizer's step. */
#pragma once

#include "model/network.h"
#include "ranks/ranks.h"

typedef struct exchange exchange;

/* The costs since exchange_create. */
typedef struct exchange_costs {
    uint64_t steps;
    uint64_t bytes;         /* bytes that a rank hands in at each step */
    double seconds;         /* over all steps, from a step's first bucket to the last sum */
    double exposed_seconds; /* the part of these after the backward pass */
} exchange_costs;

/* Creates the exchange for a network with gradients, which must outlive it; the exchange becomes
 * the network's gradient watch. Buckets have at least bucket_bytes bytes. With `halves`, each
 * bucket is scaled by the largest power of two with which no sum overflows, and sent as IEEE
 * binary16: half the bytes, and sums with 11 significant bits. */
status exchange_create(const ranks *r, network *net, bool halves, size_t bucket_bytes,
                       exchange **created, error *err);
void exchange_free(exchange *x); /* NULL is allowed */

/* Call it before network_backward if the gradients of that pass are those of a whole step;
 * buckets are then sent during the pass. Otherwise exchange_finish sends all gradients, after
 * accumulation. */
void exchange_begin(exchange *x);

/* Call it after network_backward. Returns when the sums are enqueued for the gradients on the
 * device. */
status exchange_finish(exchange *x, error *err);

/* Call it if a step failed in between: waits until the device no longer uses the buckets. */
void exchange_abandon(exchange *x);

exchange_costs exchange_so_far(const exchange *x);
