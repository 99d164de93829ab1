/* SPDX-License-Identifier: Apache-2.0 */
/* Builds backbones from the rows of one table; see backbone.h. */
#include "model/backbone.h"

#include <stdlib.h>

/* The tiny backbones, one for each way of building, are for tests. */
static const backbone backbones[] = {
    {"wide_resnet_50", &resnet_bottleneck, 64, {128, 256, 512, 1024}, 2, {3, 4, 6, 3}, 0},
    {"resnet50", &resnet_bottleneck, 64, {64, 128, 256, 512}, 4, {3, 4, 6, 3}, 0},
    {"resnet18", &resnet_basic, 64, {64, 128, 256, 512}, 1, {2, 2, 2, 2}, 0},
    {"bit_r50x1", &bit_bottleneck, 64, {64, 128, 256, 512}, 4, {3, 4, 6, 3}, 32},
    {"tiny", &resnet_bottleneck, 4, {4, 8, 16, 32}, 2, {1, 1, 1, 1}, 0},
    {"tiny_basic", &resnet_basic, 4, {4, 6, 8, 12}, 1, {1, 2, 1, 1}, 0},
    {"tiny_bit", &bit_bottleneck, 4, {4, 4, 6, 8}, 4, {1, 2, 1, 1}, 2},
    {.name = NULL},
};

const word_list backbone_words = WORD_LIST_OF(backbones);
const word_list stem_words = WORD_LIST("imagenet", "cifar");
const word_list coarse_loss_words = WORD_LIST("head", "marginal");

const backbone *backbone_find(const char *name)
{
    int index = word_list_find(&backbone_words, name);
    return index < 0 ? NULL : &backbones[index];
}

static int append_stem(graph *g, const backbone *b, const char *prefix, enum stem stem, int input)
{
    int channels = b->stem_channels;
    convolution_shape small = {3, channels, 3, 1, 1}, large = {3, channels, 7, 2, 3};
    int x = b->build->stem(g, prefix, stem == STEM_CIFAR ? small : large, input);
    return stem == STEM_IMAGENET ? graph_max_pool(g, x, 3, 2, 1, b->build->pool) : x;
}

static int append_stage(graph *g, const backbone *b, const char *prefix, int stage, int input)
{
    for (int block = 0; block < b->blocks[stage]; block++) {
        char *name = b->build->block_name(prefix, stage, block);
        int stride = block == 0 && stage > 0 ? 2 : 1;
        if (name)
            input = b->build->block(g, b, name, input, stage, stride);
        else
            g->failed = true;
        free(name);
    }
    return input;
}

void backbone_stages(graph *g, const backbone *b, const char *prefix, enum stem stem, int input,
                     int stages, backbone_stage made[BACKBONE_STAGES])
{
    int x = append_stem(g, b, prefix, stem, input);
    for (int stage = 0; stage < stages; stage++) {
        int parameters = (int)g->parameter_count;
        x = append_stage(g, b, prefix, stage, x);
        made[stage] = (backbone_stage){x, parameters};
    }
}

int backbone_features(graph *g, const backbone *b, const char *prefix, const char *own, int stage,
                      int value)
{
    const layer_name norm =
        stage < BACKBONE_STAGES ? (layer_name){NULL, own} : (layer_name){prefix, "norm"};
    return b->build->finish ? b->build->finish(g, b, norm, value) : value;
}
