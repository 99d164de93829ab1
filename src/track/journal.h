/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.jsonl, for scripts: a line of JSON for each step, for each epoch and for the test. */
#pragma once

#include "track/metric_lines.h"

#include <stdio.h>

typedef struct journal {
    FILE *stream;
    char *path;
} journal;

/* STATUS_USAGE if the file is not empty: the metrics of a new run neither replace nor follow
 * others. */
status journal_check_new(const char *path, error *err);

/* Opens a new run's metrics file and locks it. STATUS_FAILED if another process writes to it,
 * STATUS_USAGE if it is not empty. Pipes and terminals are not checked. */
status journal_create(journal *j, const char *path, error *err);

/* Opens the file of a resumed run and truncates it to `bytes`, its length at the checkpoint, so
 * that steps that were lost in a kill and are trained again do not appear twice. A missing or empty
 * file is started anew. A file that is shorter, or in which no line ends there, does not belong to
 * this run: STATUS_FAILED, and it is unchanged. */
status journal_resume(journal *j, const char *path, uint64_t bytes, error *err);
void journal_close(journal *j);

/* Writes the line at once, so that readers see it. */
status journal_put(journal *j, const metric_line *line, error *err);

/* Whether the path still names the file; true for a pipe or a terminal. */
bool journal_is_there(const journal *j);

/* Writes the file to the disk. *bytes is its length; 0 for a pipe or a terminal. */
status journal_sync(journal *j, uint64_t *bytes, error *err);
