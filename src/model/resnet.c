/* ResNet backbones as torchvision builds them (models/resnet.py), with its names: basic blocks
 * (resnet18) and bottlenecks (resnet50, wide_resnet50_2) with the stride on the 3x3 convolution. */
#include "base/file.h"
#include "model/backbone.h"

#include <stdlib.h>

/* Parameters of "PREFIX.convN" and "PREFIX.bnN", or of the two halves of a downsample. */
typedef struct unit {
    int convolution, batchnorm;
    convolution_shape shape;
} unit;

static unit declare_unit(graph *g, const char *prefix, const char *convolution,
                         const char *batchnorm, convolution_shape shape)
{
    char *conv_name = file_path("%s.%s", prefix, convolution);
    char *norm_name = file_path("%s.%s", prefix, batchnorm);
    unit declared = {.shape = shape};
    if (conv_name && norm_name) {
        declared.convolution =
            graph_declare_convolution(g, conv_name, shape.cin, shape.cout, shape.kernel, false);
        declared.batchnorm = graph_declare_batchnorm(g, norm_name, shape.cout);
    } else {
        g->failed = true;
    }
    free(conv_name);
    free(norm_name);
    return declared;
}

static int build_unit(graph *g, unit u, int input, bool relu, int residual)
{
    int convolved = graph_convolution(g, input, u.convolution, false, u.shape);
    return graph_batchnorm(g, convolved, u.batchnorm, relu, residual);
}

/* What a block adds to its result: its input, or that brought to the same shape. */
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
static int build_basic(graph *g, const char *prefix, int input, int width, int cout, int stride)
{
    int cin = g->nodes[input].c;
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
static int build_bottleneck(graph *g, const char *prefix, int input, int width, int cout,
                            int stride)
{
    int cin = g->nodes[input].c;
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

static int build_stem(graph *g, const backbone *b, const char *prefix, enum stem stem, int input)
{
    int channels = b->stem_channels;
    convolution_shape shape = stem == STEM_CIFAR ? (convolution_shape){3, channels, 3, 1, 1}
                                                 : (convolution_shape){3, channels, 7, 2, 3};
    int x = build_unit(g, declare_unit(g, prefix, "conv1", "bn1", shape), input, true, GRAPH_NONE);
    return stem == STEM_IMAGENET ? graph_max_pool(g, x, 3, 2, 1, MAX_POOL_NOTHING) : x;
}

typedef int block_builder(graph *g, const char *prefix, int input, int width, int cout, int stride);

static void build_stages(graph *g, const backbone *b, const char *prefix, enum stem stem, int input,
                         int stages, block_builder *build_block,
                         backbone_stage made[BACKBONE_STAGES])
{
    int x = build_stem(g, b, prefix, stem, input);
    for (int stage = 0; stage < stages; stage++) {
        made[stage].parameters = (int)g->parameter_count;
        for (int block = 0; block < b->blocks[stage]; block++) {
            char *name = file_path("%s.layer%d.%d", prefix, stage + 1, block);
            int stride = block == 0 && stage > 0 ? 2 : 1;
            if (name)
                x = build_block(g, name, x, b->widths[stage], b->channels[stage], stride);
            else
                g->failed = true;
            free(name);
        }
        made[stage].value = x;
    }
}

static void build_basic_stages(graph *g, const backbone *b, const char *prefix, enum stem stem,
                               int input, int stages, backbone_stage made[BACKBONE_STAGES])
{
    build_stages(g, b, prefix, stem, input, stages, build_basic, made);
}

static void build_bottleneck_stages(graph *g, const backbone *b, const char *prefix, enum stem stem,
                                    int input, int stages, backbone_stage made[BACKBONE_STAGES])
{
    build_stages(g, b, prefix, stem, input, stages, build_bottleneck, made);
}

static const char first_weight[] = "layer1.0.conv1.weight";

const backbone_build resnet_basic = {.stages = build_basic_stages, .first_weight = first_weight};
const backbone_build resnet_bottleneck = {.stages = build_bottleneck_stages,
                                          .first_weight = first_weight};
