/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.jsonl: a line of JSON per step and per epoch, for scripts. */
#pragma once

#include "track/metric_lines.h"

#include <stdio.h>

typedef struct journal {
    FILE *stream;
    char *path;
} journal;

/* STATUS_USAGE where the file holds something already: a new run's metrics replace nothing and are
 * mixed into nothing. */
status journal_check_new(const char *path, error *err);

/* Opens a new run's metrics file, locked: another process that writes there is STATUS_FAILED, a
 * file that is not empty STATUS_USAGE. Neither is asked of a pipe or a terminal. */
status journal_create(journal *j, const char *path, error *err);

/* Opens it to go on, after cutting it to `bytes`, where the checkpoint left it: lines of steps that
 * a kill undid are not there twice. A file that is gone begins anew; one that is shorter, or in
 * which no line ends there, is not this run's: STATUS_FAILED, and it stays as it is. */
status journal_resume(journal *j, const char *path, uint64_t bytes, error *err);
void journal_close(journal *j);

status journal_put(journal *j, const metric_line *line, error *err);

/* Brings the file to the disk; *bytes is its length. */
status journal_sync(journal *j, uint64_t *bytes, error *err);
