/* SPDX-License-Identifier: Apache-2.0 */
/* Backbones, which turn an image into feature maps. backbone.c has a table with a line for each
 * backbone; each way of building one has a file: resnet.c, bit.c. Nothing here knows classifiers or
 * fusions. */
#pragma once

#include "base/word_list.h"
#include "model/graph.h"

enum { BACKBONE_STAGES = 4 };

typedef struct backbone backbone;

/* Where a stage ends, and where its parameters begin. */
typedef struct backbone_stage {
    int value;      /* index of its last node */
    int parameters; /* index of its first parameter */
} backbone_stage;

/* One way of building a backbone. */
typedef struct backbone_build {
    /* Appends the layers before the stages, without the pool, and returns the last node. The
     * parameters are named PREFIX.*. */
    int (*stem)(graph *g, const char *prefix, convolution_shape shape, int input);
    enum max_pool_padding pool; /* padding of the ImageNet stem's max pool */
    /* Appends one block of a stage (stages count from 0) and returns its last node. The parameters
     * are named NAME.*. */
    int (*block)(graph *g, const backbone *b, const char *name, int input, int stage, int stride);
    /* The name of a block; stages and blocks count from 0. The caller frees it. NULL if memory ran
     * out. */
    char *(*block_name)(const char *prefix, int stage, int block);
    /* Appends the layers between a stage, whose last node is `value`, and its readers: heads and
     * fusions. Returns the last node. The parameters belong to layer `of`. If this pointer is NULL,
     * heads and fusions read the stage itself. */
    int (*finish)(graph *g, const backbone *b, layer_name of, int value);
    const char *first_weight; /* name, without PREFIX., of a weight that every such backbone has */
} backbone_build;

struct backbone {
    const char *name; /* value of --backbone */
    const backbone_build *build;
    int stem_channels;
    int widths[BACKBONE_STAGES]; /* channels inside a block */
    int expansion;               /* output channels of a block = width * expansion */
    int blocks[BACKBONE_STAGES]; /* number of blocks in each stage */
    int groups;                  /* in each group normalisation; 0 without group normalisations */
};

extern const backbone_build resnet_basic, resnet_bottleneck, bit_bottleneck;

extern const word_list backbone_words;

const backbone *backbone_find(const char *name); /* the backbone of that name, or NULL */

/* Appends the stem and the first `stages` stages, 1 to BACKBONE_STAGES, to node `input` and fills
 * made[0] to made[stages - 1]. The parameters are named PREFIX.*, in the order of the state
 * dict. */
void backbone_stages(graph *g, const backbone *b, const char *prefix, enum stem stem, int input,
                     int stages, backbone_stage made[BACKBONE_STAGES]);

/* Returns the node that heads and fusions read after stage `stage`, 1 to BACKBONE_STAGES, whose
 * last node is `value`. If the backbone has to normalise the stage for them, this appends the
 * normalisation. It is named PREFIX.norm after the last stage, as in the published network, and
 * `own` after an earlier one. */
int backbone_features(graph *g, const backbone *b, const char *prefix, const char *own, int stage,
                      int value);
