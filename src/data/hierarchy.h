/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of classes: coarse classes, and fine classes that each have one coarse parent. Branches
 * may have any number of children. */
#pragma once

#include "base/error.h"

typedef struct hierarchy {
    int coarse_count, fine_count;
    char **coarse_names; /* [coarse_count] */
    char **fine_names;   /* [fine_count] */
    int *parents;        /* [fine_count], the coarse class of each fine class */
} hierarchy;

/* STATUS_FAILED for a name that is empty or that JSON, and so a checkpoint, cannot hold. */
status hierarchy_check_name(const char *name, error *err);

/* Copies names, which hierarchy_check_name has to let through, and parents; checks that every
 * parent exists. */
status hierarchy_create(hierarchy *tree, int coarse_count, const char *const *coarse_names,
                        int fine_count, const char *const *fine_names, const int *parents,
                        error *err);
void hierarchy_free(hierarchy *tree);

/* STATUS_FAILED with the first difference in the message when the two differ in a count, a name or
 * a parent. */
status hierarchy_compare(const hierarchy *a, const char *a_name, const hierarchy *b,
                         const char *b_name, error *err);
