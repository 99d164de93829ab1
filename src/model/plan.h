/* SPDX-License-Identifier: Apache-2.0 */
/* Device memory for every value of a graph, settled before the first step: what is not needed at
 * the same time shares the same bytes. */
#pragma once

#include "model/graph.h"

typedef struct plan plan;

/* Lays out the graph, whose nodes have their algorithms, for `batch` images, of a batch that the
 * ranks of sync share unless it is NULL; makes no buffer yet. */
status plan_create(device *dev, const graph *g, int batch, const statistics_gather *sync,
                   plan **created, error *err);
/* Bytes of the activations, gradients and workspaces, and of the largest single piece. */
uint64_t plan_bytes(const plan *p);
uint64_t plan_largest(const plan *p);
/* Makes the buffers and points the graph's nodes at them. */
status plan_allocate(device *dev, plan *p, graph *g, error *err);
void plan_free(plan *p); /* NULL is fine */

/* Workspaces that the operations share; NULL where none needs it. */
typedef struct plan_workspace {
    convolution_memory convolution; /* its scratch is other operations' as well */
    cl_mem standardised;            /* weights, of one convolution at a time */
    cl_mem standardised_gradient;   /* the gradient by them */
} plan_workspace;
plan_workspace plan_memory(const plan *p);
