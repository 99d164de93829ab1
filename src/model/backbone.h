/* SPDX-License-Identifier: Apache-2.0 */
/* Backbones by name: from an image to feature maps. A table in backbone.c has a line for each, a
 * file here for each way to build one: resnet.c, bit.c. */
#pragma once

#include "base/word_list.h"
#include "model/graph.h"

enum { BACKBONE_STAGES = 4 };

typedef struct backbone backbone;

/* What a stage ends with, and where it began. */
typedef struct backbone_stage {
    int value;      /* its last node */
    int parameters; /* the index of its first parameter */
} backbone_stage;

/* A way to build one. */
typedef struct backbone_build {
    /* Appends the first convolution and what follows it up to the pool; its parameters are called
     * PREFIX.*. */
    int (*stem)(graph *g, const char *prefix, convolution_shape shape, int input);
    enum max_pool_padding pool; /* of the ImageNet stem's */
    /* Appends a block of a stage, from 0; its parameters are called NAME.*. */
    int (*block)(graph *g, const backbone *b, const char *name, int input, int stage, int stride);
    /* The name of a block, from 0, of a stage; freed by the caller, NULL when memory is out. */
    char *(*block_name)(const char *prefix, int stage, int block);
    /* What heads and fusions take instead of a stage's value; NULL: the value itself. Its
     * parameters are those of a layer of that name. */
    int (*finish)(graph *g, const backbone *b, layer_name of, int value);
    const char *first_weight; /* the name, inside a backbone, of one that each of these has */
} backbone_build;

struct backbone {
    const char *name; /* --backbone */
    const backbone_build *build;
    int stem_channels;
    int widths[BACKBONE_STAGES]; /* channels inside a block; */
    int expansion;               /* a stage's value has so many times them */
    int blocks[BACKBONE_STAGES];
    int groups; /* of group normalisations */
};

extern const backbone_build resnet_basic, resnet_bottleneck, bit_bottleneck;

extern const word_list backbone_words;

const backbone *backbone_find(const char *name); /* or NULL */

/* Appends the stem and `stages` stages, under parameters called PREFIX.*, in the order of the state
 * dict. */
void backbone_stages(graph *g, const backbone *b, const char *prefix, enum stem stem, int input,
                     int stages, backbone_stage made[BACKBONE_STAGES]);

/* The features that heads and fusions take, from the value of stage 1 .. BACKBONE_STAGES. Only the
 * last stage's norm is one of the published network, PREFIX.norm; an earlier one's is the caller's,
 * `own`. */
int backbone_features(graph *g, const backbone *b, const char *prefix, const char *own, int stage,
                      int value);
