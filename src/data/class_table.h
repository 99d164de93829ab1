/* SPDX-License-Identifier: Apache-2.0 */
/* Names of classes as a reader meets them, numbered in the end by coarse names and, below each, by
 * fine ones. A fine name under several coarse classes is several classes. */
#pragma once

#include "data/dataset.h"

typedef struct class_table class_table;

status class_table_create(class_table **created, error *err);
void class_table_free(class_table *table); /* NULL and what a failed create left are fine */

/* *number is the class's place in the order in which classes were first met. A name that is empty
 * or no UTF-8 is STATUS_FAILED. */
status class_table_add(class_table *table, const char *coarse, const char *fine, int *number,
                       error *err);

/* The same for a coarse class that may have no fine ones. */
status class_table_add_coarse(class_table *table, const char *coarse, error *err);

/* Makes data->classes of what was added, sorted by the names' bytes or in the order in which they
 * were first met, and the labels of its three parts, whose `fine` holds class_table_add's numbers
 * so far, the classes' own. At least one class must have been added. */
status class_table_finish(class_table *table, bool sorted, dataset *data, error *err);
