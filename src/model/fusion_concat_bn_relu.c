/* SPDX-License-Identifier: Apache-2.0 */
/* As fusion_concat.c, with batch normalisation and ReLU behind the convolution, which thus has no
 * bias and every pixel to convolve:
 *
 *   average(relu(bn(W [fine; pool(coarse)]))), W being fine_11conv and bn fine_bn */
#include "model/fusion.h"

int fusion_concat_bn_relu(graph *g, int fine, int coarse)
{
    int width = g->nodes[fine].c;
    int beside = fusion_coarse_map(g, fine, coarse);
    int both = graph_concat(g, fine, beside), channels = g->nodes[both].c;
    graph_detach(g, both, beside);
    int weight = graph_declare_convolution(g, "fine_11conv", channels, width, 1, false);
    int norm = graph_declare_batchnorm(g, "fine_bn", width);
    int mixed =
        graph_convolution(g, both, weight, false, (convolution_shape){channels, width, 1, 1, 0});
    return graph_average_pool(g, graph_batchnorm(g, mixed, norm, true, GRAPH_NONE));
}
