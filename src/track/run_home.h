/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a directory is that of a record. Its name alone does not say so: directories can be
 * renamed. */
#pragma once

#include "track/run_store.h"

/* Whether the record has the newest event file of the directory that any record has. A copy of a
 * run shares older ones with it. */
status run_home_has_events(run_store *store, int64_t run, const char *directory, bool *has,
                           error *err);
/* Whether the directory certainly holds another run: it has neither those event files, which may
 * have been deleted, nor the record's config. */
status run_home_has_other(run_store *store, int64_t run, const char *directory, bool *other,
                          error *err);

/* Whether the directory holds the record's run, by the event files or, if the record or the
 * directory has none, by the config. STATUS_FAILED if the directory cannot be read. */
status run_home_holds(run_store *store, int64_t run, const char *directory, bool *holds,
                      error *err);
