/* SPDX-License-Identifier: Apache-2.0 */
/* Collects the names of classes as a reader meets them, and numbers the classes at the end: by
 * coarse name and, within a coarse class, by fine name. A fine name in several coarse classes means
 * several classes. */
#pragma once

#include "data/dataset.h"

typedef struct class_table class_table;

/* The caller frees *created, also after a failure. */
status class_table_create(class_table **created, error *err);
void class_table_free(class_table *table); /* NULL is allowed */

/* *number is the class's place in the order in which classes were first met. A name that is empty
 * or not UTF-8 is STATUS_FAILED. */
status class_table_add(class_table *table, const char *coarse, const char *fine, int *number,
                       error *err);

/* The same for a coarse class, which need not have fine classes. */
status class_table_add_coarse(class_table *table, const char *coarse, error *err);

/* Makes data->classes from the names that were added, sorted by their bytes or in the order in
 * which they were first met. In the three parts, `fine` has to contain the numbers of
 * class_table_add; both labels become the numbers of the classes. At least one fine class must have
 * been added. */
status class_table_finish(class_table *table, bool sorted, dataset *data, error *err);
