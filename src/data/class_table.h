/* SPDX-License-Identifier: Apache-2.0 */
/* Names of classes as a reader meets them, numbered in the end by the bytes of the coarse names
 * and, below each, of the fine ones. A fine name under several coarse classes is several classes.
 */
#pragma once

#include "data/dataset.h"

typedef struct class_table class_table;

status class_table_create(class_table **created, error *err);
void class_table_free(class_table *table); /* NULL and what a failed create left are fine */

/* *number is the class's place in the order in which classes were first met. A name that is empty
 * or no UTF-8 is STATUS_FAILED. */
status class_table_add(class_table *table, const char *coarse, const char *fine, int *number,
                       error *err);

/* Makes data->classes of what was added, and the labels of its three parts, whose `fine` holds
 * class_table_add's numbers so far, the classes' own. At least one class must have been added. */
status class_table_finish(class_table *table, dataset *data, error *err);
