/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the records of runs whose directories were renamed; see run_home.h. */
#pragma once

#include "track/run_store.h"

/* Gives the record of the run in the directory `name` that name, if it has another one. If another
 * record has the name, it is renamed after the directory of its own run, and so on, so that runs
 * may change their names in a circle. A record that has to leave its name, and whose directory is
 * not found, is called "NAME (moved)". Trials of sweeps follow their runs.
 * is_new: the directory is that of a new run, so a record that has the name is of another run. If
 * the directory of that run is not found, the record keeps the name. Call this within a
 * transaction. */
status run_rename_follow(run_store *store, const char *name, bool is_new, error *err);
