/* BiT's ResNet-v2 (Kolesnikov et al., "Big Transfer", 2020) with timm's names (models/resnetv2.py):
 * pre-activation bottlenecks, group normalisation, and every convolution by its standardised
 * weights. Nothing depends on the batch, so that one image is enough for a training step. */
#include "base/file.h"
#include "model/backbone.h"

#include <stdlib.h>

/* "PREFIX.NAME.weight" of a convolution. */
static int declare_convolution(graph *g, const char *prefix, const char *name,
                               convolution_shape shape)
{
    char *full = file_path("%s.%s", prefix, name);
    int declared = 0;
    if (full)
        declared = graph_declare_convolution(g, full, shape.cin, shape.cout, shape.kernel, false);
    else
        g->failed = true;
    free(full);
    return declared;
}

static int declare_norm(graph *g, const char *prefix, const char *name, int channels)
{
    char *full = file_path("%s.%s", prefix, name);
    int declared = 0;
    if (full)
        declared = graph_declare_group_norm(g, full, channels);
    else
        g->failed = true;
    free(full);
    return declared;
}

/* A convolution of relu(norm(x)). */
typedef struct unit {
    int norm, convolution;
    convolution_shape shape;
} unit;

static unit declare_unit(graph *g, const char *prefix, const char *norm, const char *convolution,
                         convolution_shape shape)
{
    unit declared = {.shape = shape};
    declared.norm = declare_norm(g, prefix, norm, shape.cin);
    declared.convolution = declare_convolution(g, prefix, convolution, shape);
    return declared;
}

static int convolve(graph *g, const backbone *b, unit u, int input)
{
    int active = graph_group_norm(g, input, u.norm, b->groups, true);
    return graph_standardised_convolution(g, active, u.convolution, u.shape);
}

/* conv3(relu(norm3(conv2(relu(norm2(conv1(a))))))) + shortcut with a = relu(norm1(x)); the
 * shortcut is x or, in a stage's first block, a convolution of a. */
static int build_block(graph *g, const backbone *b, const char *prefix, int input, int stage,
                       int stride, bool downsample)
{
    int cin = g->nodes[input].c, width = b->widths[stage], cout = b->channels[stage];
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
    return graph_add(g, x, shortcut);
}

/* Its pool sees zeros around the map, which has no ReLU behind it: not what torchvision's does. */
static int build_stem(graph *g, const backbone *b, const char *prefix, enum stem stem, int input)
{
    int channels = b->stem_channels;
    convolution_shape shape = stem == STEM_CIFAR ? (convolution_shape){3, channels, 3, 1, 1}
                                                 : (convolution_shape){3, channels, 7, 2, 3};
    int weight = declare_convolution(g, prefix, "stem.conv", shape);
    int x = graph_standardised_convolution(g, input, weight, shape);
    return stem == STEM_IMAGENET ? graph_max_pool(g, x, 3, 2, 1, MAX_POOL_ZEROS) : x;
}

static void build_stages(graph *g, const backbone *b, const char *prefix, enum stem stem, int input,
                         int stages, backbone_stage made[BACKBONE_STAGES])
{
    int x = build_stem(g, b, prefix, stem, input);
    for (int stage = 0; stage < stages; stage++) {
        made[stage].parameters = (int)g->parameter_count;
        for (int block = 0; block < b->blocks[stage]; block++) {
            char *name = file_path("%s.stages.%d.blocks.%d", prefix, stage, block);
            int stride = block == 0 && stage > 0 ? 2 : 1;
            if (name)
                x = build_block(g, b, name, x, stage, stride, block == 0);
            else
                g->failed = true;
            free(name);
        }
        made[stage].value = x;
    }
}

/* A stage ends with a sum that nothing has normalised. */
static int finish(graph *g, const backbone *b, const char *name, int value)
{
    int norm = graph_declare_group_norm(g, name, g->nodes[value].c);
    return graph_group_norm(g, value, norm, b->groups, true);
}

const backbone_build bit_bottleneck = {
    .stages = build_stages, .finish = finish, .first_weight = "stages.0.blocks.0.conv1.weight"};
