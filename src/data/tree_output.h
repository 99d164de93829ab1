/* SPDX-License-Identifier: Apache-2.0 */
/* A tree of images (tree.c) under construction, in a hidden directory inside the one where it
 * belongs. It gets its place when it is whole and on the disk: label_map.json first and the
 * training images last, without which no data set is read. A killed process leaves nothing that is
 * read as data; the next one removes what it left or, if that was whole, completes it. */
#pragma once

#include "base/error.h"

#include <stdbool.h>

typedef struct tree_output {
    const char *out; /* borrowed: where the tree belongs */
    char *path;      /* where it is written: PART_images/COARSE/FINE/FILE and label_map.json */
    int lock;
    bool completed; /* tree_output_begin has completed a tree that a killed process left */
} tree_output;

/* Creates the directories. STATUS_USAGE if `out` already has a part that will be written. Close it
 * also after an error. */
status tree_output_begin(tree_output *t, const char *out, bool train, bool test, error *err);
/* Syncs all files and moves the tree to its place. label_map.json has to be the last file that was
 * written. STATUS_USAGE if another process was faster. */
status tree_output_commit(tree_output *t, error *err);
/* Removes what was not committed. Does nothing for zeros. */
void tree_output_close(tree_output *t);
