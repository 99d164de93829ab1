/* SPDX-License-Identifier: Apache-2.0 */
/* All fusions and the table of them; see fusion.h. */
#include "model/fusion.h"

/* Pools the coarse map to the size of the fine one. The coarse map is larger if the coarse backbone
 * has fewer stages; the pool, which is the original's, halves it once for each missing stage. A
 * pooled map is detached. If nothing is pooled, the caller has to detach the map. */
static int coarse_map(graph *g, int fine, int coarse)
{
    while (!g->failed && g->nodes[coarse].h > g->nodes[fine].h) {
        int pooled = graph_max_pool(g, coarse, 3, 2, 1, MAX_POOL_NOTHING);
        graph_detach(g, pooled, coarse);
        coarse = pooled;
    }
    return coarse;
}

/* The average of a map over its pixels, detached: one pixel. */
static int detached_average(graph *g, int map)
{
    int average = graph_average_pool(g, map);
    graph_detach(g, average, map);
    return average;
}

/* A 1x1 convolution with a bias; its parameters are named NAME.*. */
static int project(graph *g, const char *name, int input, int channels)
{
    int cin = g->nodes[input].c;
    int parameters = graph_declare_convolution(g, (layer_name){NULL, name}, cin, channels, 1, true);
    return graph_convolution(g, input, parameters, true,
                             (convolution_shape){cin, channels, 1, 1, 0});
}

/* The original's fusion. The coarse channels are appended to the fine ones, a 1x1 convolution
 * reduces them to the fine width, and the classifier uses the average over the pixels:
 *
 *   average(W [fine; pool(coarse)] + b), where W and b are fine_11conv
 *
 * Both are linear and the convolution mixes no pixels, so the average comes first: function and
 * gradients are the same, and only one pixel is convolved. */
static int concat(graph *g, int fine, int coarse)
{
    int beside = detached_average(g, coarse_map(g, fine, coarse));
    int both = graph_pair(g, NODE_CONCAT, graph_average_pool(g, fine), beside);
    return project(g, "fine_11conv", both, g->nodes[fine].c);
}

/* Like concat, with batch normalisation and ReLU after the convolution. It therefore has no bias,
 * and every pixel is convolved:
 *
 *   average(relu(bn(W [fine; pool(coarse)]))), where W is fine_11conv and bn is fine_bn */
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

/* Adds the coarse features, brought to the fine width by a 1x1 convolution, to the fine ones:
 *
 *   average(fine + W pool(coarse) + b), where W and b are fine_11conv
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
 *   average(fine) * sigmoid(W average(coarse) + b), where W and b are fine_gate
 *
 * There is one gate per image and channel, so it may be applied before or after the average. */
static int gate(graph *g, int fine, int coarse)
{
    int average = detached_average(g, coarse);
    int opened = project(g, "fine_gate", average, g->nodes[fine].c);
    return graph_pair(g, NODE_GATE, graph_average_pool(g, fine), opened);
}

/* The first row is the default. */
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
