/* SPDX-License-Identifier: Apache-2.0 */
/* Fusions, which combine coarse and fine features into the input of the fine classifier. fusion.c
 * has a function for each and a table with their names, the values of --fusion.
 *
 * The coarse features are always detached: the fine loss sends no gradient into the coarse
 * backbone. */
#pragma once

#include "base/word_list.h"
#include "model/graph.h"

typedef struct fusion {
    const char *name;
    /* Declares the fusion's parameters and appends its nodes after two feature maps, the nodes
     * `fine` and `coarse`. Returns a node of one pixel with as many channels as the fine map. */
    int (*build)(graph *g, int fine, int coarse);
} fusion;

extern const word_list fusion_words;

const fusion *fusion_find(const char *name); /* NULL if unknown; a NULL name means the default */
