/* SPDX-License-Identifier: Apache-2.0 */
/* The facts of a run by name, for tables, filters and sorting: its record, its options, its summary
 * and its metrics. */
#pragma once

#include "track/run_store.h"

/* The value of a key, looked up in this order: "name", "state", "step", "started", "ended",
 * "updated" (seconds since 1970), "seconds" (from the first start to the last update), "version",
 * "device", "driver", "host", "message", "directory"; an option; a member of the summary; a metric,
 * of which the best value counts: the largest of an accuracy, the smallest of a loss, the last one
 * of a test and of all others. '-' and '_' are the same in all keys. *value is a new reference,
 * JSON's null if the run does not have the value. *known, unless known is NULL: whether the key
 * means anything for this run. */
status run_value(run_store *store, const run_record *run, const char *key, json_t **value,
                 bool *known, error *err);

/* Whether a larger value of the metric is better. */
bool run_metric_rises(const char *name);

enum { CONDITION_BELOW = 1, CONDITION_EQUAL = 2, CONDITION_ABOVE = 4 };

/* "KEY OP VALUE"; OP is one of = != < <= > >=. Texts are compared as numbers if both are
 * numbers. */
typedef struct run_condition {
    char *key, *value;
    int holds; /* CONDITION_ bits: how the run's value may compare with `value` */
} run_condition;

/* Parses a text. STATUS_USAGE if it has no key, no operator or no value. Free it with
 * run_condition_free. */
status run_condition_parse(const char *text, run_condition *condition, error *err);
void run_condition_free(run_condition *condition);
/* Whether the condition holds; never for a value that the run does not have (null). */
bool run_condition_holds(const run_condition *condition, const json_t *value);
/* False if the run's value is a number and the condition's is not. */
bool run_condition_suits(const run_condition *condition, const json_t *value);

/* Compares two values; numbers come first, by size, then texts by their bytes, then null. Returns
 * <0, 0 or >0. */
int run_value_compare(const json_t *a, const json_t *b);
