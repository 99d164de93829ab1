/* SPDX-License-Identifier: Apache-2.0 */
/* ResNet backbones as torchvision builds them (models/resnet.py), with its parameter names: basic
 * blocks (resnet18) and bottlenecks (resnet50, wide_resnet50_2) with the stride in the 3x3
 * convolution. */
#include "base/text.h"
#include "model/backbone.h"

/* A convolution and its batchnorm: their first parameters, and the shape. They are named
 * PREFIX.convN and PREFIX.bnN or, in a shortcut, PREFIX.downsample.0 and .1. */
typedef struct unit {
    int convolution, batchnorm;
    convolution_shape shape;
} unit;

static unit declare_unit(graph *g, const char *prefix, const char *convolution,
                         const char *batchnorm, convolution_shape shape)
{
    int weight = graph_declare_convolution(g, (layer_name){prefix, convolution}, shape.cin,
                                           shape.cout, shape.kernel, false);
    return (unit){weight, graph_declare_batchnorm(g, (layer_name){prefix, batchnorm}, shape.cout),
                  shape};
}

static int build_unit(graph *g, unit u, int input, bool relu, int residual)
{
    int convolved = graph_convolution(g, input, u.convolution, false, u.shape);
    return graph_batchnorm(g, convolved, u.batchnorm, relu, residual);
}

/* What a block adds to its result: its input, convolved if the shape changes. */
static int build_shortcut(graph *g, const char *prefix, int input, int cout, int stride)
{
    int cin = g->nodes[input].c;
    if (stride == 1 && cin == cout)
        return input;
    unit down = declare_unit(g, prefix, "downsample.0", "downsample.1",
                             (convolution_shape){cin, cout, 1, stride, 0});
    return build_unit(g, down, input, false, GRAPH_NONE);
}

/* relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut). */
static int build_basic(graph *g, const backbone *b, const char *prefix, int input, int stage,
                       int stride)
{
    int cin = g->nodes[input].c, width = b->widths[stage], cout = width * b->expansion;
    unit first =
        declare_unit(g, prefix, "conv1", "bn1", (convolution_shape){cin, width, 3, stride, 1});
    unit second =
        declare_unit(g, prefix, "conv2", "bn2", (convolution_shape){width, cout, 3, 1, 1});
    graph_start_at_zero(g, second.batchnorm);
    int shortcut = build_shortcut(g, prefix, input, cout, stride);
    int x = build_unit(g, first, input, true, GRAPH_NONE);
    return build_unit(g, second, x, true, shortcut);
}

/* relu(bn3(conv3(relu(bn2(conv2(relu(bn1(conv1(x)))))))) + shortcut). */
static int build_bottleneck(graph *g, const backbone *b, const char *prefix, int input, int stage,
                            int stride)
{
    int cin = g->nodes[input].c, width = b->widths[stage], cout = width * b->expansion;
    unit first = declare_unit(g, prefix, "conv1", "bn1", (convolution_shape){cin, width, 1, 1, 0});
    unit second =
        declare_unit(g, prefix, "conv2", "bn2", (convolution_shape){width, width, 3, stride, 1});
    unit third = declare_unit(g, prefix, "conv3", "bn3", (convolution_shape){width, cout, 1, 1, 0});
    graph_start_at_zero(g, third.batchnorm);
    int shortcut = build_shortcut(g, prefix, input, cout, stride);
    int x = build_unit(g, first, input, true, GRAPH_NONE);
    x = build_unit(g, second, x, true, GRAPH_NONE);
    return build_unit(g, third, x, true, shortcut);
}

static int build_stem(graph *g, const char *prefix, convolution_shape shape, int input)
{
    return build_unit(g, declare_unit(g, prefix, "conv1", "bn1", shape), input, true, GRAPH_NONE);
}

static char *block_name(const char *prefix, int stage, int block)
{
    return text_format("%s.layer%d.%d", prefix, stage + 1, block);
}

static const char first_weight[] = "layer1.0.conv1.weight";

const backbone_build resnet_basic = {.stem = build_stem,
                                     .pool = MAX_POOL_NOTHING,
                                     .block = build_basic,
                                     .block_name = block_name,
                                     .first_weight = first_weight};
const backbone_build resnet_bottleneck = {.stem = build_stem,
                                          .pool = MAX_POOL_NOTHING,
                                          .block = build_bottleneck,
                                          .block_name = block_name,
                                          .first_weight = first_weight};
