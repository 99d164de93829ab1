/* SPDX-License-Identifier: Apache-2.0 */
/* What a run leaves for people while it goes on: its record in the store beside its directory
 * (run_store.h) and TensorBoard's events in the directory. Training itself reads none of it: what
 * cannot be opened or written there is a note, once, and never the run's end. */
#pragma once

#include "data/image.h"
#include "track/event_file.h"
#include "track/metric_lines.h"
#include "track/run_store.h"

/* Begins as zeros but for note (may be NULL), which is told once of what fails. */
typedef struct tracking {
    void (*note)(void *context, const char *text);
    void *context;
    run_store *store; /* NULL: it cannot be opened */
    int64_t run;      /* 0: it is in no store */
    event_file *events;
    run_metric *waiting; /* for the next flush; [capacity], of which count are used */
    size_t count, capacity;
    double flushed; /* clock_now() of the last flush */
    bool complained;
    error why; /* what failed last */
} tracking;

/* The facts of a run that begins or is resumed. */
typedef struct tracked_run {
    const char *directory;
    const char *device, *driver;
    json_t *summary;        /* facts of its data and network; borrowed. NULL: memory was out */
    const char *metrics;    /* the path of its metrics file */
    bool metrics_elsewhere; /* outside the directory */
    bool resumed;
    uint64_t step;   /* done */
    uint64_t logged; /* steps of them that have a line */
} tracked_run;

/* Opens the store beside the run's directory. */
void tracking_open(tracking *k, const char *directory);

/* With the run's config.json and metrics file written. */
void tracking_begin(tracking *k, const tracked_run *run);

/* The metrics of a line, to the store and the event file. */
void tracking_log(tracking *k, const metric_line *line);
void tracking_picture(tracking *k, uint64_t step, const char *tag, const image *picture);
void tracking_histogram(tracking *k, uint64_t step, const char *tag, const histogram *h);

/* Hands what was logged to readers; before a checkpoint, so that the store never holds less than
 * it. */
void tracking_flush(tracking *k);

/* A new file of the run, relative to its directory; kind as run_store_add_artifact's. */
void tracking_file(tracking *k, const char *kind, const char *file);

/* How the run ended, and frees all. message: why a run failed, or NULL. Does nothing where it has
 * not begun. */
void tracking_end(tracking *k, enum run_state state, const char *message);

/* A note of the first failure, which is in `why`; for those who make what is tracked. */
void tracking_check(tracking *k, status result);
