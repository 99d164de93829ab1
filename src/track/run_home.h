/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a directory is that of a record: directories can be renamed, so a name does not tell. */
#pragma once

#include "track/run_store.h"

/* The event files of a record. No two starts write one of the same name. *files has to be empty;
 * free it with words_free, also after a failure. */
status run_home_events(run_store *store, int64_t run, words *files, error *err);
/* Whether the directory has one of these event files. */
bool run_home_has_one(const char *directory, const words *files);

/* Whether the directory holds the record's run: whether it has one of the record's event files. If
 * the record or the directory has no event files, config.json has to say what the record says. A
 * directory without a readable config.json then holds another run. */
status run_home_holds(run_store *store, int64_t run, const char *directory, bool *holds,
                      error *err);
