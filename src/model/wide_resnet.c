/* Wide ResNet backbones: torchvision's wide_resnet50_2 with its names (models/resnet.py), the
 * stride on the 3x3 convolution, and one of the same build that is small enough for tests. */
#include "base/file.h"
#include "model/graph.h"

#include <stdlib.h>
#include <string.h>

static const backbone backbones[] = {
    {"wide_resnet_50", 64, {64, 128, 256, 512}, {3, 4, 6, 3}},
    {"tiny", 4, {2, 4, 8, 16}, {1, 1, 1, 1}},
};

const backbone *backbone_find(const char *name)
{
    for (size_t i = 0; i < sizeof backbones / sizeof backbones[0]; i++)
        if (strcmp(backbones[i].name, name) == 0)
            return &backbones[i];
    return NULL;
}

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

/* relu(bn3(conv3(relu(bn2(conv2(relu(bn1(conv1(x)))))))) + shortcut). */
static int build_bottleneck(graph *g, const char *prefix, int input, int planes, int stride,
                            bool downsample)
{
    int cin = g->nodes[input].c, width = planes * BACKBONE_WIDENING;
    int cout = planes * BACKBONE_EXPANSION;
    unit first = declare_unit(g, prefix, "conv1", "bn1", (convolution_shape){cin, width, 1, 1, 0});
    unit second =
        declare_unit(g, prefix, "conv2", "bn2", (convolution_shape){width, width, 3, stride, 1});
    unit third = declare_unit(g, prefix, "conv3", "bn3", (convolution_shape){width, cout, 1, 1, 0});
    int shortcut = input;
    if (downsample) {
        unit down = declare_unit(g, prefix, "downsample.0", "downsample.1",
                                 (convolution_shape){cin, cout, 1, stride, 0});
        shortcut = build_unit(g, down, input, false, GRAPH_NONE);
    }
    int x = build_unit(g, first, input, true, GRAPH_NONE);
    x = build_unit(g, second, x, true, GRAPH_NONE);
    return build_unit(g, third, x, true, shortcut);
}

static int build_stage(graph *g, const backbone *b, const char *prefix, int stage, int input)
{
    for (int block = 0; block < b->blocks[stage]; block++) {
        char *name = file_path("%s.layer%d.%d", prefix, stage + 1, block);
        if (!name) {
            g->failed = true;
            return input;
        }
        int stride = block == 0 && stage > 0 ? 2 : 1;
        input = build_bottleneck(g, name, input, b->planes[stage], stride, block == 0);
        free(name);
    }
    return input;
}

int backbone_build(graph *g, const backbone *b, const char *prefix, enum stem stem, int input,
                   int stages)
{
    int channels = b->stem_channels;
    convolution_shape shape = stem == STEM_CIFAR ? (convolution_shape){3, channels, 3, 1, 1}
                                                 : (convolution_shape){3, channels, 7, 2, 3};
    int x = build_unit(g, declare_unit(g, prefix, "conv1", "bn1", shape), input, true, GRAPH_NONE);
    if (stem == STEM_IMAGENET)
        x = graph_max_pool(g, x, 3, 2, 1, false);
    for (int stage = 0; stage < stages; stage++)
        x = build_stage(g, b, prefix, stage, x);
    return x;
}
