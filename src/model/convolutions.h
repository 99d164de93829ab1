/* SPDX-License-Identifier: Apache-2.0 */
/* The convolutions of a graph (linear layers are such): their calls, and the algorithms that they
 * run by. */
#pragma once

#include "model/graph.h"
#include "ops/convolver.h"

/* The call of a node for `batch` images, without buffers, by what was chosen for it. */
convolution_call convolutions_call(const graph *g, const node *n, int batch,
                                   enum convolution_direction direction);

/* Gives each node its algorithms for steps of at most `batch` images: convolver_choose's. The one
 * place that does; plan and execution read them. */
void convolutions_choose(graph *g, const convolver *c, int batch, bool remembered);

/* The distinct calls (choices.h says what tells two apart), by direction, then in the order of the
 * nodes; freed by the caller. */
status convolutions_list(const graph *g, int batch, convolution_call **calls, size_t *count,
                         error *err);

/* Operations of a layer for `count` images, by a profile's label (the name of its first parameter)
 * and phase ("forward", "backward"): what a direct convolution needs, two for each product with a
 * pixel inside the image. 0 for layers that are not convolutions. */
double convolutions_flops(const graph *g, const char *label, const char *phase, int count);
/* The name of the algorithm that a layer, by the same label, runs by; NULL where it is not a
 * convolution or does not run in that direction. */
const char *convolutions_algorithm(const graph *g, const char *label,
                                   enum convolution_direction direction);
