/* SPDX-License-Identifier: Apache-2.0 */
/* The coarse features, brought to the fine width by a 1x1 convolution, added to the fine ones:
 *
 *   average(fine + W pool(coarse) + b), W and b being fine_11conv
 *
 * All of it is linear, so the averages come first, as in fusion_concat.c. */
#include "model/fusion.h"

int fusion_add(graph *g, int fine, int coarse)
{
    int beside = fusion_coarse_average(g, fine, coarse);
    int projected = fusion_project(g, "fine_11conv", beside, g->nodes[fine].c);
    return graph_add(g, graph_average_pool(g, fine), projected);
}
