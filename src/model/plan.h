/* SPDX-License-Identifier: Apache-2.0 */
/* Device memory for every value of a graph, decided before the first step. Values that are not
 * needed at the same time share memory. */
#pragma once

#include "model/graph.h"

typedef struct plan plan;

/* Plans the memory of a graph for `batch` images, without allocating it. The algorithms of the
 * nodes must be chosen. `sync` is NULL unless several ranks share the batch. */
status plan_create(device *dev, const graph *g, int batch, const statistics_gather *sync,
                   plan **created, error *err);
/* Bytes of the activations, gradients and workspaces; bytes of the largest single piece. */
uint64_t plan_bytes(const plan *p);
uint64_t plan_largest(const plan *p);
/* Creates the buffers, which the plan owns, and makes the graph's nodes use them. */
status plan_allocate(device *dev, plan *p, graph *g, error *err);
void plan_free(plan *p); /* NULL is allowed */

/* The workspaces that all operations share; NULL for those that none needs. */
typedef struct plan_workspace {
    convolution_memory convolution; /* other operations use its scratch, too */
    cl_mem standardised;            /* standardised weights of one convolution at a time */
    cl_mem standardised_gradient;   /* the gradient of those weights */
} plan_workspace;
plan_workspace plan_memory(const plan *p);
