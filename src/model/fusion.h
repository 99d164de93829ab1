/* SPDX-License-Identifier: Apache-2.0 */
/* How coarse and fine features become what the fine classifier takes. fusion.c has a function for
 * each and, by the name that --fusion takes, a line in its table.
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

extern const word_list fusion_words;

const fusion *fusion_find(const char *name); /* or NULL; a NULL name is the default's */
