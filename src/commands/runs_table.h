/* SPDX-License-Identifier: Apache-2.0 */
/* What `hcnn-cl runs` prints: a table of values for people, or lines of JSON. */
#pragma once

#include <stddef.h>

#include <jansson.h>

enum {
    RUNS_COLUMNS = 64, /* at most */
    RUNS_DIGITS = 9    /* of a number in JSON */
};

/* Prints on standard output, columns as wide as they have to be. headings [columns]; cells
 * [rows][columns], borrowed. A column's name says how its values are shown. */
void runs_print_table(const char *const *headings, size_t columns, json_t *const *cells,
                      size_t rows);

/* The same turned on its side: a row for each key, a column for each run. headings [columns], keys
 * [rows]; cells [rows][columns]. */
void runs_print_comparison(const char *const *headings, size_t columns, const char *const *keys,
                           json_t *const *cells, size_t rows);

/* An array of cells, each its own reference; NULL is fine. */
void runs_free_cells(json_t **cells, size_t count);
