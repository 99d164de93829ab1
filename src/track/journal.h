/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.jsonl, for scripts: a line of JSON for each step, for each epoch and for the test. */
#pragma once

#include "track/metric_lines.h"

#include <stdio.h>

enum journal_kind {
    JOURNAL_UNKNOWN,  /* an older checkpoint: length without a checksum, 0 for a stream */
    JOURNAL_FILE,     /* the run's own file */
    JOURNAL_APPENDED, /* a pipe, a terminal, or where stdout or stderr go: it has other content,
                         too, and is never truncated */
};

/* What the metrics file contained at a checkpoint. */
typedef struct journal_mark {
    enum journal_kind kind;
    uint64_t bytes; /* 0 if the kind is JOURNAL_APPENDED */
    uint32_t crc32c;
} journal_mark;

typedef struct journal {
    FILE *stream;
    char *path;
    journal_mark now;
} journal;

/* STATUS_USAGE if it is a directory or a file that is not empty: the metrics of a new run neither
 * replace nor follow others. */
status journal_check_new(const char *path, error *err);

/* Opens a new run's metrics file and locks it. STATUS_FAILED if another process writes to it, or it
 * is a pipe that nobody reads; STATUS_USAGE if it is not empty. Pipes and terminals are not checked
 * for that. */
status journal_create(journal *j, const char *path, error *err);

/* Opens the file of a resumed run and truncates it to the mark of its checkpoint, so that steps
 * after `step`, which were lost in a kill and are trained again, do not appear twice. A missing or
 * empty file is started anew. A file with anything that the run did not write (journal_check) is
 * STATUS_FAILED, and it is unchanged. If the file or the mark is JOURNAL_APPENDED, the file is
 * neither checked nor truncated, and its next marks are JOURNAL_APPENDED too. */
status journal_resume(journal *j, const char *path, const journal_mark *mark, uint64_t step,
                      error *err);
void journal_close(journal *j);

/* Writes the line at once, so that readers see it. */
status journal_put(journal *j, const metric_line *line, error *err);

/* Whether the path still names the file; true for a pipe or a terminal. */
bool journal_is_there(const journal *j);

/* Writes the file to the disk; *mark is what it contains. */
status journal_sync(journal *j, journal_mark *mark, error *err);
