/* SPDX-License-Identifier: Apache-2.0 */
/* Every fusion, and the table of them; see fusion.h. */
#include "model/fusion.h"

/* The coarse map, pooled to the fine one's size where it is larger (its backbone then lacks
 * stages), and detached there; else it is the caller's to detach. The pool is the original's, which
 * halves a map as the missing stage would, for each that is missing. */
static int coarse_map(graph *g, int fine, int coarse)
{
    while (!g->failed && g->nodes[coarse].h > g->nodes[fine].h) {
        int pooled = graph_max_pool(g, coarse, 3, 2, 1, MAX_POOL_NOTHING);
        graph_detach(g, pooled, coarse);
        coarse = pooled;
    }
    return coarse;
}

/* The average of a coarse map, detached: one pixel. */
static int detached_average(graph *g, int map)
{
    int average = graph_average_pool(g, map);
    graph_detach(g, average, map);
    return average;
}

/* A 1x1 convolution with a bias, under parameters called NAME.*. */
static int project(graph *g, const char *name, int input, int channels)
{
    int cin = g->nodes[input].c;
    int parameters = graph_declare_convolution(g, (layer_name){NULL, name}, cin, channels, 1, true);
    return graph_convolution(g, input, parameters, true,
                             (convolution_shape){cin, channels, 1, 1, 0});
}

/* The original's fusion: the coarse channels behind the fine ones, then a 1x1 convolution back to
 * the fine width, of which the classifier takes the average:
 *
 *   average(W [fine; pool(coarse)] + b), W and b being fine_11conv
 *
 * Both are linear and the convolution mixes no pixels, so the average comes first: the same
 * function and gradients, one pixel to convolve. */
static int concat(graph *g, int fine, int coarse)
{
    int beside = detached_average(g, coarse_map(g, fine, coarse));
    int both = graph_pair(g, NODE_CONCAT, graph_average_pool(g, fine), beside);
    return project(g, "fine_11conv", both, g->nodes[fine].c);
}

/* As concat, with batch normalisation and ReLU behind the convolution, which thus has no bias and
 * every pixel to convolve:
 *
 *   average(relu(bn(W [fine; pool(coarse)]))), W being fine_11conv and bn fine_bn */
static int concat_bn_relu(graph *g, int fine, int coarse)
{
    int width = g->nodes[fine].c;
    int beside = coarse_map(g, fine, coarse);
    int both = graph_pair(g, NODE_CONCAT, fine, beside), channels = g->nodes[both].c;
    graph_detach(g, both, beside);
    int weight =
        graph_declare_convolution(g, (layer_name){NULL, "fine_11conv"}, channels, width, 1, false);
    int norm = graph_declare_batchnorm(g, (layer_name){NULL, "fine_bn"}, width);
    int mixed =
        graph_convolution(g, both, weight, false, (convolution_shape){channels, width, 1, 1, 0});
    return graph_average_pool(g, graph_batchnorm(g, mixed, norm, true, GRAPH_NONE));
}

/* The coarse features, brought to the fine width by a 1x1 convolution, added to the fine ones:
 *
 *   average(fine + W pool(coarse) + b), W and b being fine_11conv
 *
 * All of it is linear, so the averages come first, as in concat. */
static int add(graph *g, int fine, int coarse)
{
    int beside = detached_average(g, coarse_map(g, fine, coarse));
    int projected = project(g, "fine_11conv", beside, g->nodes[fine].c);
    return graph_pair(g, NODE_ADD, graph_average_pool(g, fine), projected);
}

/* The coarse features open and close the fine channels:
 *
 *   average(fine) * sigmoid(W average(coarse) + b), W and b being fine_gate
 *
 * One gate an image and channel, so that it does not matter whether it comes before or behind the
 * average. */
static int gate(graph *g, int fine, int coarse)
{
    int opened = project(g, "fine_gate", detached_average(g, coarse), g->nodes[fine].c);
    return graph_pair(g, NODE_GATE, graph_average_pool(g, fine), opened);
}

/* The first is the default. */
static const fusion fusions[] = {
    {"concat", concat}, {"concat-bn-relu", concat_bn_relu}, {"add", add}, {"gate", gate},
    {.name = NULL},
};

const word_list fusion_words = WORD_LIST_OF(fusions);

const fusion *fusion_find(const char *name)
{
    int index = name ? word_list_find(&fusion_words, name) : 0;
    return index < 0 ? NULL : &fusions[index];
}
