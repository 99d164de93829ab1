/* SPDX-License-Identifier: Apache-2.0 */
/* How coarse and fine features become what the fine classifier takes. A table in fusion.c has a
 * line for each, found by the name that --fusion takes, and a file each: fusion_NAME.c.
 *
 * The coarse features are always detached: the fine loss sends no gradient into the coarse
 * backbone. */
#pragma once

#include "base/word_list.h"
#include "model/graph.h"

typedef struct fusion {
    const char *name;
    /* Declares its parameters and appends its nodes behind two feature maps; the node that it
     * returns is one pixel of as many channels as the fine map has. */
    int (*build)(graph *g, int fine, int coarse);
} fusion;

int fusion_add(graph *g, int fine, int coarse);
int fusion_concat(graph *g, int fine, int coarse);
int fusion_concat_bn_relu(graph *g, int fine, int coarse);
int fusion_gate(graph *g, int fine, int coarse);

extern const word_list fusion_words;

const fusion *fusion_find(const char *name); /* or NULL; a NULL name is the default's */
/* NULL behind the last. */
const fusion *fusion_at(size_t index);

/* For the fusions: the coarse map, pooled to the fine one's size where it is larger (its backbone
 * then lacks stages), and detached there; else it is the caller's to detach. */
int fusion_coarse_map(graph *g, int fine, int coarse);
/* The average of that map, detached: one pixel. */
int fusion_coarse_average(graph *g, int fine, int coarse);
/* A 1x1 convolution with a bias, under parameters called NAME.*. */
int fusion_project(graph *g, const char *name, int input, int channels);
