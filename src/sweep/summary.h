/* SPDX-License-Identifier: Apache-2.0 */
/* What a sweep found, as one JSON document: for the report, for scripts and for the output of the
 * command. */
#pragma once

#include "sweep/sweep_store.h"

#include <jansson.h>

/* Creates the document:
 *
 *   {"name", "method", "metric" or null, "goal": "minimize"|"maximize",
 *    "parameters": [{"name", "log", "values": [TEXT] or null}],
 *    "trials": [{"number", "run", "state", "message" or null, "objective" or null,
 *                "parameters": {NAME: TEXT}, "taken": true or left out}],
 *    "damaged": number of trials that are left out because their records cannot be read,
 *    "importance": [{"name", "correlation" or null, "share" or null}],
 *    "best": {"run", "objective", "command"} or null}
 *
 * log: whether the parameter is spread evenly in the logarithm. values: the texts in order; null
 * for numbers. taken: a run with other options has the name of the run. command: what to type to
 * train with the same options again. extra: the words that every run gets. The caller owns
 * *created. */
status summary_create(sweep_store *store, const sweep_file *file, const words *extra,
                      json_t **created, error *err);

/* The same for the sweep of that name, as the store has it. rows, metrics: see sweep_file_read. */
status summary_of_name(run_store *runs, const char *name, const option_row *rows,
                       const char *const *metrics, json_t **created, error *err);
