/* SPDX-License-Identifier: Apache-2.0 */
/* What a sweep found, as one JSON document: for the report, for scripts and for what the command
 * prints. */
#pragma once

#include "sweep/sweep_store.h"

#include <jansson.h>

/* {"name","method","metric" or null,"goal":"minimize"|"maximize",
 *  "parameters":[{"name","log":whether its places are even in the logarithm,"values":[TEXT] in
 * their order, or null for numbers}], "trials":[{"number","run","state","message" or
 * null,"objective" or null, "parameters":{NAME:TEXT}}], "importance":[{"name","correlation" or
 * null,"share" or null}], "best":{"run","objective","command"} or null: what to type for its
 * options again}. extra: the words that every run gets. */
status summary_create(sweep_store *store, const sweep_file *file, const words *extra,
                      json_t **created, error *err);

/* Of the sweep of that name, by what the store knows of it. rows, metrics: as sweep_file_load's. */
status summary_of_name(run_store *runs, const char *name, const option_row *rows,
                       const char *const *metrics, json_t **created, error *err);
