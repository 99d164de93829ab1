/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `hcnn-cl runs`: which runs it shows and in which order (runs_choice.c), how runs
 * differ (runs_compare.c), and tables of values for people (runs_table.c). */
#pragma once

#include "base/options.h"
#include "track/run_store.h"

#include <jansson.h>

enum { RUNS_DIGITS = 9 }; /* of a real number in JSON */

typedef struct runs_choice {
    run_store *store; /* borrowed */
    run_list all;
    run_record **runs; /* [count], pointers into all */
    size_t count;
} runs_choice;

/* Chooses the named runs, by name or directory, or all runs if there are no names. store_path is
 * the path of the store, for messages and to check directories. An unknown run is STATUS_FAILED,
 * one of another store STATUS_USAGE. Free with runs_choice_free, also after a failure. */
status runs_choice_make(run_store *store, const char *store_path, const operands *names,
                        runs_choice *made, error *err);
void runs_choice_free(runs_choice *c); /* accepts one that is all zeros */

/* Returns STATUS_USAGE, with the option in the message, if no run of the store has the key and a
 * run cannot log a metric of that name. */
status runs_choice_check_key(const runs_choice *c, const char *option, const char *key, error *err);

/* Keeps the runs that meet all conditions, which are separated by commas (track/run_values.h). */
status runs_choice_filter(runs_choice *c, const char *conditions, error *err);

/* Sorts by a key's value, ascending, or descending with "-KEY". Runs without it come last. */
status runs_choice_sort(runs_choice *c, const char *key, error *err);

/* Prints the options in which the runs differ, and their metrics: as a table or, with `json`, as
 * one line {"key":..,"values":{RUN:..}} for each row. STATUS_USAGE for fewer than two. */
status runs_compare(const runs_choice *c, bool json, error *err);

/* A table of values. A key says how its values are printed (see show in runs_table.c). */
typedef struct runs_table {
    const char *const *headings; /* [columns] */
    const char *const *keys;     /* [rows], first in each row; NULL: the headings are the keys */
    json_t **cells;              /* [rows][columns]; a null is printed as - */
    size_t columns, rows;
} runs_table;

/* Prints the table on standard output. Columns are as wide as their contents; with keys, all
 * columns have the same width. */
status runs_print_table(const runs_table *t, error *err);
/* Releases every cell and frees the array; accepts NULL. */
void runs_free_cells(json_t **cells, size_t count);
