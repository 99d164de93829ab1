/* SPDX-License-Identifier: Apache-2.0 */
/* A run's facts by name, for tables, filters and orders: its record's own, its options, the facts
 * of its summary and its metrics. */
#pragma once

#include "track/run_store.h"

/* The value of a key: "name", "state", "step", "started", "ended", "updated" (seconds since 1970),
 * "seconds" (from the first start to the end, or to the last sign of life), "version", "device",
 * "driver", "host", "message"; else an option's, then the summary's, then a metric's best value:
 * the largest of accuracies, the smallest of losses, the last of others ('-' and '_' are the same
 * in all). *value is a new reference, JSON's null where this run has none of it. *known, unless
 * known is NULL: whether the key means anything in this run. */
status run_value(run_store *store, const run_record *run, const char *key, json_t **value,
                 bool *known, error *err);

/* Whether the larger value of a metric is the better one. */
bool run_metric_rises(const char *name);

enum { CONDITION_BELOW = 1, CONDITION_EQUAL = 2, CONDITION_ABOVE = 4 };

/* "KEY OP VALUE": OP is one of = != < <= > >=. Texts are compared as numbers where both are. */
typedef struct run_condition {
    char *key, *value;
    int holds; /* where the run's value is CONDITION_BELOW, _EQUAL or _ABOVE: a bit each */
} run_condition;

/* STATUS_USAGE for what has no operator or no key. */
status run_condition_parse(const char *text, size_t length, run_condition *condition, error *err);
void run_condition_free(run_condition *condition);
/* Never of a value that the run does not have. */
bool run_condition_holds(const run_condition *condition, const json_t *value);

/* Numbers by size, then texts by their bytes, then what is null: <0, 0, >0. */
int run_value_compare(const json_t *a, const json_t *b);
