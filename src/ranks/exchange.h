/* SPDX-License-Identifier: Apache-2.0 */
/* The gradients of a step, summed over the ranks while the backward pass goes on.
 *
 * As soon as the backward pass is past a layer, its gradients are on their way to the host, into
 * the bucket that is being filled; a bucket that is full is summed over the ranks while the device
 * works on the layers before; sums go back to the device, in front of the optimizer's step. */
#pragma once

#include "model/network.h"
#include "ranks/ranks.h"

typedef struct exchange exchange;

/* What it took, since exchange_create. */
typedef struct exchange_costs {
    uint64_t steps;
    uint64_t bytes;         /* that a rank hands in at each step */
    double seconds;         /* from a step's first bucket to its last one's sum, in all, */
    double exposed_seconds; /* of these after the device was done with the backward pass */
} exchange_costs;

/* For a network with gradients, which must outlive it and whose watch it becomes. Buckets of
 * at least bucket_bytes. With `halves` a bucket is multiplied by the power of two that just lets no
 * sum overflow, and sent in IEEE binary16: half the bytes, sums with 11 significant bits. */
status exchange_create(const ranks *r, network *net, bool halves, size_t bucket_bytes,
                       exchange **created, error *err);
void exchange_free(exchange *x); /* NULL is fine */

/* Before the network_backward whose gradients are a whole step's: buckets begin with it. Without
 * this exchange_finish sends what is there when it is called, after accumulation. */
void exchange_begin(exchange *x);

/* After it: returns when the sums are on their way into the gradients. */
status exchange_finish(exchange *x, error *err);

/* After a step that failed in between: waits for the device to let go of the buckets. */
void exchange_abandon(exchange *x);

exchange_costs exchange_so_far(const exchange *x);
