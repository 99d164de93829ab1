/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a run: its directory with config.json and checkpoints, metrics.jsonl, and the
 * tracking (event files and run store). Only the leading rank writes them. */
#pragma once

#include "track/journal.h"
#include "track/tracking.h"
#include "train/checkpoint.h"
#include "train/run_directory.h"

typedef struct trainer trainer;

typedef struct run_files {
    run_directory run; /* path is set on all ranks */
    journal log;
    bool log_is_lost; /* the user was told */
    tracking track;
} run_files;

/* These functions work on t->files. Call run_files_check before anything is loaded or opened,
 * because an error that comes later has cost the user a minute. */
status run_files_check(trainer *t, error *err);
/* Creates the directory of a new run, with its first checkpoint, and opens the other files. */
status run_files_begin(trainer *t, error *err);
/* To resume: run_files_reopen opens and locks the directory options->resume; when the state is
 * loaded, run_files_resume opens the other files. */
status run_files_reopen(trainer *t, error *err);
status run_files_resume(trainer *t, error *err);
/* Sends the run's path to the other ranks. */
status run_files_share_path(trainer *t, error *err);

/* Writes a line to the metrics file and to the tracking. */
status run_files_log(run_files *f, const metric_line *line, error *err);

/* Fails if the run's path no longer names its directory (run_directory_is_there). */
status run_files_still_there(const trainer *t, error *err);
/* Saves a checkpoint, between two steps. */
status run_files_save(trainer *t, bool best, error *err);

/* Closes all files and records the result of the run. complete: the last epoch is done and the best
 * checkpoint is measured. */
void run_files_close(run_files *f, status result, bool complete, const error *why);
