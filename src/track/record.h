/* SPDX-License-Identifier: Apache-2.0 */
/* A run's record made from its directory alone: for runs that the store does not know. */
#pragma once

#include "track/run_store.h"

/* RUN/config.json as an object. */
status record_config(const char *run, json_t **config, error *err);

/* Logs the lines of a metrics file; the last line may be cut. STATUS_FAILED names the line that is
 * no JSON. What is no regular file, such as a pipe, holds nothing to log. store NULL: only checks.
 */
status record_metrics(run_store *store, int64_t run, const char *path, error *err);

/* Records the run in the store beside it, which is made where there is none, in the place of what
 * was recorded under its name. *path: the store's; freed by the caller. A run that a process is
 * training is STATUS_FAILED. */
status record_run(const char *run, char **path, error *err);
