/* SPDX-License-Identifier: Apache-2.0 */
/* Creates a run's record from its directory alone, for runs that the store does not know. */
#pragma once

#include "track/run_store.h"

/* Reads RUN/config.json, which has to be an object. *config is a new reference, NULL after a
 * failure. */
status record_config(const char *run, json_t **config, error *err);

/* Logs the lines of a metrics file; the last line may be truncated. STATUS_FAILED names a line that
 * is not a JSON object. A pipe or another file that is not regular has nothing to log. store NULL:
 * only checks the file. */
status record_metrics(run_store *store, int64_t run, const char *path, error *err);

/* Records the run in the store beside it, which is created if it does not exist. An older record of
 * the same run keeps what the directory does not have any more; one of another run that has the
 * name gets another name (run_rename.h). *path is the path of the store, which the caller frees;
 * NULL after a failure. STATUS_FAILED if a process is training the run. */
status record_run(const char *run, const database_note *note, char **path, error *err);
