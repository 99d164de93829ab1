/* SPDX-License-Identifier: Apache-2.0 */
/* BiT's ResNet-v2 (Kolesnikov et al., "Big Transfer", 2020) with timm's parameter names
 * (models/resnetv2.py): pre-activation bottlenecks, group normalisation, and standardised weights
 * in every convolution. The result for an image does not depend on the rest of its batch, so one
 * image is enough for a training step. */
#include "base/text.h"
#include "model/backbone.h"

static int declare_convolution(graph *g, const char *prefix, const char *name,
                               convolution_shape shape)
{
    return graph_declare_convolution(g, (layer_name){prefix, name}, shape.cin, shape.cout,
                                     shape.kernel, false);
}

/* convolution(relu(norm(x))): the first parameter of each, and the shape. */
typedef struct unit {
    int norm, convolution;
    convolution_shape shape;
} unit;

static unit declare_unit(graph *g, const char *prefix, const char *norm, const char *convolution,
                         convolution_shape shape)
{
    int first = graph_declare_group_norm(g, (layer_name){prefix, norm}, shape.cin);
    return (unit){first, declare_convolution(g, prefix, convolution, shape), shape};
}

static int convolve(graph *g, const backbone *b, unit u, int input)
{
    int active = graph_group_norm(g, input, u.norm, b->groups, true);
    return graph_standardised_convolution(g, active, u.convolution, u.shape);
}

/* conv3(relu(norm3(conv2(relu(norm2(conv1(a))))))) + shortcut with a = relu(norm1(x)). The shortcut
 * is x or, if the shape changes, a convolution of a. */
static int build_block(graph *g, const backbone *b, const char *prefix, int input, int stage,
                       int stride)
{
    int cin = g->nodes[input].c, width = b->widths[stage], cout = width * b->expansion;
    bool downsample = stride != 1 || cin != cout;
    convolution_shape down_shape = {cin, cout, 1, stride, 0};
    int down = downsample ? declare_convolution(g, prefix, "downsample.conv", down_shape) : 0;
    unit first =
        declare_unit(g, prefix, "norm1", "conv1", (convolution_shape){cin, width, 1, 1, 0});
    unit second =
        declare_unit(g, prefix, "norm2", "conv2", (convolution_shape){width, width, 3, stride, 1});
    unit third =
        declare_unit(g, prefix, "norm3", "conv3", (convolution_shape){width, cout, 1, 1, 0});
    int active = graph_group_norm(g, input, first.norm, b->groups, true);
    int shortcut = input;
    if (downsample)
        shortcut = graph_standardised_convolution(g, active, down, down_shape);
    int x = graph_standardised_convolution(g, active, first.convolution, first.shape);
    x = convolve(g, b, third, convolve(g, b, second, x));
    return graph_pair(g, NODE_ADD, x, shortcut);
}

static int build_stem(graph *g, const char *prefix, convolution_shape shape, int input)
{
    int weight = declare_convolution(g, prefix, "stem.conv", shape);
    return graph_standardised_convolution(g, input, weight, shape);
}

static char *block_name(const char *prefix, int stage, int block)
{
    return text_format("%s.stages.%d.blocks.%d", prefix, stage, block);
}

/* A stage ends with a sum that is not normalised. This normalises it for heads and fusions. */
static int finish(graph *g, const backbone *b, layer_name of, int value)
{
    int norm = graph_declare_group_norm(g, of, g->nodes[value].c);
    return graph_group_norm(g, value, norm, b->groups, true);
}

/* The stem's max pool pads with zeros, unlike torchvision's. No ReLU precedes the pool, so this
 * changes the result. */
const backbone_build bit_bottleneck = {.stem = build_stem,
                                       .pool = MAX_POOL_ZEROS,
                                       .block = build_block,
                                       .block_name = block_name,
                                       .finish = finish,
                                       .first_weight = "stages.0.blocks.0.conv1.weight"};
