/* The coarse/fine network: a coarse backbone without its last stage, a fine one with it, the coarse
 * features beside the fine ones, and a linear head on each. */
#include "model/graph.h"

enum { COARSE_STAGES = 3, FINE_STAGES = 4 };

/* The coarse features, without a way back for gradients, pooled to the fine map's size and put
 * behind the fine channels; then a 1x1 convolution back to the fine width, of which the head takes
 * the average. Both are linear and the convolution mixes no pixels, so the average comes first: the
 * same function and gradients, one pixel to convolve. */
static int build_fusion(graph *g, int fine, int coarse, int parameters)
{
    int width = g->nodes[fine].c;
    int pooled = graph_average_pool(g, graph_max_pool(g, coarse, 3, 2, 1, true));
    int both = graph_concat(g, graph_average_pool(g, fine), pooled);
    convolution_shape shape = {g->nodes[both].c, width, 1, 1, 0};
    return graph_convolution(g, both, parameters, true, shape);
}

status hcnn_build(const network_options *options, graph *g, error *err)
{
    *g = (graph){.heads = {{.logits = GRAPH_NONE}, {.logits = GRAPH_NONE}}};
    const backbone *b = backbone_find(options->backbone);
    if (!b)
        return error_set(err, STATUS_USAGE,
                         "unknown backbone '%s'; there are wide_resnet_50 and tiny",
                         options->backbone);
    int input = graph_input(g, options->image_size);
    int coarse = GRAPH_NONE;
    if (!options->only_fine) {
        coarse = backbone_build(g, b, "coarse_backbone", options->stem, input, COARSE_STAGES);
        int classifier = graph_declare_linear(g, "coarse_classifier", g->nodes[coarse].c,
                                              options->coarse_classes);
        g->heads[HEAD_COARSE].logits =
            graph_linear(g, graph_average_pool(g, coarse), classifier, options->coarse_classes);
    }
    int fine = backbone_build(g, b, "fine_backbone", options->stem, input, FINE_STAGES);
    int width = g->nodes[fine].c;
    int classifier = graph_declare_linear(g, "fine_classifier", width, options->fine_classes);
    if (coarse != GRAPH_NONE) {
        int both = width + g->nodes[coarse].c;
        int fusion = graph_declare_convolution(g, "fine_11conv", both, width, 1, true);
        fine = build_fusion(g, fine, coarse, fusion);
    } else {
        fine = graph_average_pool(g, fine);
    }
    g->heads[HEAD_FINE].logits = graph_linear(g, fine, classifier, options->fine_classes);
    if (g->failed)
        return error_memory(err, "the network");
    return STATUS_OK;
}
