/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `hcnn-cl runs`: which runs it is about and in which order (runs_choice.c), how they
 * differ (runs_compare.c) and tables of values for people (runs_table.c). */
#pragma once

#include "base/options.h"
#include "track/run_store.h"

#include <jansson.h>

enum { RUNS_DIGITS = 9 }; /* of a number in JSON */

typedef struct runs_choice {
    run_store *store; /* borrowed */
    run_list all;
    run_record **runs; /* [count], some of all */
    size_t count;
} runs_choice;

/* Those that are named, by name or directory; without names all. */
status runs_choice_make(run_store *store, const char *store_path, const operands *names,
                        runs_choice *made, error *err);
void runs_choice_free(runs_choice *c); /* one of zeros is fine */

/* A key that means nothing in any run of the store, and is no metric that one could log, is a slip:
 * STATUS_USAGE, with the option in the message. */
status runs_choice_check_key(const runs_choice *c, const char *option, const char *key, error *err);

/* Keeps those of which all conditions hold, with commas between (track/run_values.h). */
status runs_choice_filter(runs_choice *c, const char *conditions, error *err);

/* By a key's value, rising; "-KEY": falling. Runs without it come last either way. */
status runs_choice_sort(runs_choice *c, const char *key, error *err);

/* Prints the options in which runs differ, and their metrics: a table, or with json a line
 * {"key":..,"values":{RUN:..}} for each row of it. Fewer than two runs are STATUS_USAGE. */
status runs_compare(const runs_choice *c, bool json, error *err);

/* Values that are shown together; a key says how its values are. */
typedef struct runs_table {
    const char *const *headings; /* [columns] */
    const char *const *keys;     /* [rows], in front of each; NULL: the headings are the keys */
    json_t **cells;              /* [rows][columns] */
    size_t columns, rows;
} runs_table;

/* Prints on standard output, columns as wide as they have to be; with keys all alike. */
status runs_print_table(const runs_table *t, error *err);
/* An array of cells, each its own reference; NULL is fine. */
void runs_free_cells(json_t **cells, size_t count);
