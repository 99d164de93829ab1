/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of classes: coarse classes, and fine classes with one coarse parent each. A coarse class
 * may have any number of fine classes. */
#pragma once

#include "base/error.h"

typedef struct hierarchy {
    int coarse_count, fine_count;
    char **coarse_names; /* [coarse_count] */
    char **fine_names;   /* [fine_count] */
    int *parents;        /* [fine_count], the coarse class of each fine class */
} hierarchy;

/* STATUS_FAILED if a name is empty or not UTF-8: JSON, and so a checkpoint, cannot store it. */
status hierarchy_check_name(const char *name, error *err);

/* Copies names and parents. STATUS_FAILED if there is no class of either kind, a name fails
 * hierarchy_check_name, or a parent does not exist. */
status hierarchy_create(hierarchy *tree, int coarse_count, const char *const *coarse_names,
                        int fine_count, const char *const *fine_names, const int *parents,
                        error *err);
void hierarchy_free(hierarchy *tree);

/* The text of label_map.json: an object with a list of fine names for each coarse name, all sorted.
 * `path` is for messages. The caller frees the text. */
status hierarchy_map_text(const hierarchy *tree, const char *path, char **text, error *err);

/* STATUS_FAILED if the two differ in a number of classes, a name or a parent. The message has the
 * first difference and calls the trees a_name and b_name. */
status hierarchy_compare(const hierarchy *a, const char *a_name, const hierarchy *b,
                         const char *b_name, error *err);
