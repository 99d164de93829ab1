/* SPDX-License-Identifier: Apache-2.0 */
/* Names of classes as a reader meets them, numbered by their names in the end: coarse classes in
 * the order of their names' bytes, the fine classes of one after those of the one before it, in
 * that order too. A fine name may stand under several coarse classes; each is a class of its own.
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
