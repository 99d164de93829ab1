/* SPDX-License-Identifier: Apache-2.0 */
/* The table of fusions and what they share; see fusion.h. */
#include "model/fusion.h"

/* The first is the default. */
static const fusion fusions[] = {
    {"concat", fusion_concat},
    {"concat-bn-relu", fusion_concat_bn_relu},
    {"add", fusion_add},
    {"gate", fusion_gate},
    {.name = NULL},
};

const word_list fusion_words = WORD_LIST_OF(fusions);

const fusion *fusion_at(size_t index)
{
    return index + 1 < sizeof fusions / sizeof fusions[0] ? &fusions[index] : NULL;
}

const fusion *fusion_find(const char *name)
{
    int index = name ? word_list_find(&fusion_words, name) : 0;
    return index < 0 ? NULL : &fusions[index];
}

/* The original's pool, which halves a map as the missing stage would, for each that is missing. */
int fusion_coarse_map(graph *g, int fine, int coarse)
{
    while (!g->failed && g->nodes[coarse].h > g->nodes[fine].h) {
        int pooled = graph_max_pool(g, coarse, 3, 2, 1, MAX_POOL_NOTHING);
        graph_detach(g, pooled, coarse);
        coarse = pooled;
    }
    return coarse;
}

int fusion_coarse_average(graph *g, int fine, int coarse)
{
    int map = fusion_coarse_map(g, fine, coarse);
    int average = graph_average_pool(g, map);
    graph_detach(g, average, map);
    return average;
}

int fusion_project(graph *g, const char *name, int input, int channels)
{
    int cin = g->nodes[input].c;
    int parameters = graph_declare_convolution(g, name, cin, channels, 1, true);
    return graph_convolution(g, input, parameters, true,
                             (convolution_shape){cin, channels, 1, 1, 0});
}
