/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the record of a run whose directory was renamed. A directory and its record belong together
 * if both have an event file of one name, because no two starts write one of the same name. */
#pragma once

#include "track/run_store.h"

/* Gives the record of the run in the directory `name` that name, if it has another one. The record
 * that had the name before gets that of the directory in which its run is now. *lost is that record
 * if there is no such directory, else 0; the caller deletes it. Called within a transaction. */
status run_rename_follow(run_store *store, const char *name, int64_t *lost, error *err);
