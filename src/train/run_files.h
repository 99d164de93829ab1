/* SPDX-License-Identifier: Apache-2.0 */
/* The files that a run leaves: its directory with config.json and checkpoints, metrics.jsonl, and
 * what is tracked. The leading rank alone writes them. */
#pragma once

#include "track/journal.h"
#include "track/tracking.h"
#include "train/checkpoint.h"
#include "train/run_directory.h"
#include "train/run_model.h"

typedef struct run_files {
    run_directory run; /* its path on all ranks */
    journal log;
    tracking track;
} run_files;

/* What the files describe. */
typedef struct run_parts {
    const train_options *options;
    const run_data *data;
    const run_model *model;
    training_state *state;
} run_parts;

/* Before anything is loaded or opened: what is refused later has cost the user a minute. */
status run_files_check(run_files *f, const train_options *o, error *err);
/* Makes the directory of a new run, with its first checkpoint. */
status run_files_begin(run_files *f, const run_parts *p, error *err);
/* Opens the directory of a run that is resumed, and, when its state is loaded, the other files. */
status run_files_reopen(run_files *f, const char *run, error *err);
status run_files_resume(run_files *f, const run_parts *p, error *err);
/* Tells the other ranks the run's path, when it has one. */
status run_files_share_path(run_files *f, const ranks *r, error *err);

/* What a line says, to the metrics file and to who tracks the run. */
status run_files_log(run_files *f, const metric_line *line, error *err);
/* A checkpoint of where the run stands, between two steps. */
status run_files_save(run_files *f, const run_parts *p, bool best, error *err);

/* With what became of the run. complete: its last epoch is done and its best checkpoint measured.
 */
void run_files_close(run_files *f, status result, bool complete, const error *why);
