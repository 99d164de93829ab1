/* SPDX-License-Identifier: Apache-2.0 */
/* The convolutions of a graph, linear layers included: their calls, and the algorithms that run
 * them. */
#pragma once

#include "model/graph.h"
#include "ops/convolver.h"

/* The call of a node for `batch` images, by the algorithm chosen for that direction, without
 * buffers. */
convolution_call convolutions_call(const graph *g, const node *n, int batch,
                                   enum convolution_direction direction);

/* Sets the algorithms of each node (node.choices) for steps of at most `batch` images, as
 * convolver_choose chooses them. This is the only place that chooses; plan and execution read the
 * choices. */
void convolutions_choose(graph *g, const convolver *c, int batch, bool remembered);

/* Lists the distinct calls (choices.h defines which are the same), ordered by direction, then by
 * node. The caller frees *calls. */
status convolutions_list(const graph *g, int batch, convolution_call **calls, size_t *count,
                         error *err);

/* Floating-point operations of a layer for `count` images: those of a direct convolution, two for
 * each product with a pixel inside the image, whatever algorithm runs. `label` (the name of the
 * layer's first parameter) and `phase` ("forward" or "backward") are those of a profile. 0 if the
 * layer is not a convolution. */
double convolutions_flops(const graph *g, const char *label, const char *phase, int count);
/* The name of the algorithm that runs the layer with this label; NULL if the layer is not a
 * convolution or does not run in that direction. */
const char *convolutions_algorithm(const graph *g, const char *label,
                                   enum convolution_direction direction);
