/* SPDX-License-Identifier: Apache-2.0 */
/* The files that a run leaves: its directory with config.json and checkpoints, metrics.jsonl, and
 * what is tracked. The leading rank alone writes them. */
#pragma once

#include "track/journal.h"
#include "track/tracking.h"
#include "train/checkpoint.h"
#include "train/run_directory.h"

typedef struct trainer trainer;

typedef struct run_files {
    run_directory run; /* its path on all ranks */
    journal log;
    tracking track;
} run_files;

/* All of these are about t->files. The first, before anything is loaded or opened: what is refused
 * later has cost the user a minute. */
status run_files_check(trainer *t, error *err);
/* Makes the directory of a new run, with its first checkpoint. */
status run_files_begin(trainer *t, error *err);
/* Opens the directory of the run options->resume, and, when its state is loaded, the other files.
 */
status run_files_reopen(trainer *t, error *err);
status run_files_resume(trainer *t, error *err);
/* Tells the other ranks the run's path, when it has one. */
status run_files_share_path(trainer *t, error *err);

/* What a line says, to the metrics file and to who tracks the run. */
status run_files_log(run_files *f, const metric_line *line, error *err);
/* A checkpoint of where the run stands, between two steps. */
status run_files_save(trainer *t, bool best, error *err);

/* With what became of the run. complete: its last epoch is done and its best checkpoint measured.
 */
void run_files_close(run_files *f, status result, bool complete, const error *why);
