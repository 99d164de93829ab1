/* SPDX-License-Identifier: Apache-2.0 */
/* A tree of images (tree.c) under construction, in a hidden directory inside the one where it
 * belongs. It gets its place once it is complete and on the disk: label_map.json first and the
 * training images last, without which no data set is read. A killed process leaves nothing that is
 * read as data; the next one removes what it left or, if that was complete, moves it to its place.
 */
#pragma once

#include "data/hierarchy.h"

#include <stdbool.h>

typedef struct tree_output {
    const char *out; /* borrowed: where the tree belongs */
    char *path;      /* where it is written, as PART_images/COARSE/FINE/FILE */
    char *map;       /* the text of label_map.json */
    int lock;
    bool made;      /* `out` did not exist */
    bool completed; /* tree_output_begin has completed a tree that a killed process left */
    bool done;      /* it was, and now `out` has all parts that were asked for: write nothing */
} tree_output;

/* Creates the directories. STATUS_USAGE if `out` already has a part that would be written, or
 * another label_map.json; STATUS_FAILED also if a complete tree was left and cannot be moved. Close
 * it also after an error. */
status tree_output_begin(tree_output *t, const char *out, const hierarchy *classes, bool train,
                         bool test, error *err);
/* Syncs all images, writes label_map.json and moves the tree to its place. STATUS_USAGE if another
 * process placed its tree first. */
status tree_output_commit(tree_output *t, error *err);
/* Removes what was not committed. Does nothing for zeros. */
void tree_output_close(tree_output *t);
