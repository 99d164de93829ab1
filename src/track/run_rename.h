/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the record of a run whose directory was renamed. A directory and its record belong together
 * if both have an event file of one name, because no two starts write one of the same name. */
#pragma once

#include "track/run_store.h"

/* Gives the record of the run in the directory `name` that name, if it has another one. If another
 * record had the name, it is renamed after the directory of its own run. If that run has no
 * directory any more, *lost is its record, and the caller deletes it; otherwise *lost is 0. Call
 * this within a transaction. */
status run_rename_follow(run_store *store, const char *name, int64_t *lost, error *err);
