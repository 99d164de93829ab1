/* SPDX-License-Identifier: Apache-2.0 */
/* The original's fusion: the coarse channels behind the fine ones, then a 1x1 convolution back to
 * the fine width, of which the classifier takes the average:
 *
 *   average(W [fine; pool(coarse)] + b), W and b being fine_11conv
 *
 * Both are linear and the convolution mixes no pixels, so the average comes first: the same
 * function and gradients, one pixel to convolve. */
#include "model/fusion.h"

int fusion_concat(graph *g, int fine, int coarse)
{
    int beside = fusion_coarse_average(g, fine, coarse);
    int both = graph_concat(g, graph_average_pool(g, fine), beside);
    return fusion_project(g, "fine_11conv", both, g->nodes[fine].c);
}
