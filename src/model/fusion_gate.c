/* SPDX-License-Identifier: Apache-2.0 */
/* The coarse features open and close the fine channels:
 *
 *   average(fine) * sigmoid(W average(coarse) + b), W and b being fine_gate
 *
 * One gate an image and channel, so that it does not matter whether it comes before or behind the
 * average. */
#include "model/fusion.h"

int fusion_gate(graph *g, int fine, int coarse)
{
    int average = graph_average_pool(g, coarse);
    graph_detach(g, average, coarse);
    int gate = fusion_project(g, "fine_gate", average, g->nodes[fine].c);
    return graph_gate(g, graph_average_pool(g, fine), gate);
}
