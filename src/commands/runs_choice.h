/* SPDX-License-Identifier: Apache-2.0 */
/* Which runs `hcnn-cl runs` is about, and in which order. */
#pragma once

#include "base/options.h"
#include "track/run_store.h"

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
