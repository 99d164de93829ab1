/* SPDX-License-Identifier: Apache-2.0 */
/* What a run leaves for people while it trains: its record in the store beside its directory
 * (run_store.h) and TensorBoard's event files in the directory. Training itself reads none of it.
 * If something there cannot be opened or written, a note says so once, and the run continues. */
#pragma once

#include "base/text.h"
#include "data/image.h"
#include "track/event_file.h"
#include "track/metric_lines.h"
#include "track/run_store.h"

/* Starts as zeros, except for `note` (may be NULL), which is called with the first failure, and if
 * the end of the run cannot be recorded. */
typedef struct tracking {
    void (*note)(void *context, const char *text);
    void *context;
    run_store *store; /* NULL if it cannot be opened */
    int64_t run;      /* id in the store; 0: not in it */
    event_file *events;
    run_metric *waiting; /* [capacity] values for the next flush, of which count are used */
    size_t count, capacity;
    words files;    /* that wait as well: kind and name in turn */
    double flushed; /* clock_now() of the last flush */
    double
        locked_since; /* the same, of the first flush that found the store locked; 0: it is not */
    bool complained;
    error why; /* the last failure */
} tracking;

/* The facts of a run that starts or is resumed. */
typedef struct tracked_run {
    const char *directory;
    const char *device, *driver;
    json_t *summary;        /* facts about its data and network; borrowed. NULL: memory was out */
    const char *metrics;    /* path of its metrics file */
    bool metrics_elsewhere; /* that file is outside the directory */
    bool resumed;
    uint64_t step;   /* steps done */
    uint64_t logged; /* steps, of those done, that have a line in the metrics file */
} tracked_run;

/* Opens the store beside the run's directory. */
void tracking_open(tracking *k, const char *directory);

/* Starts the record and the event file. The run's config.json and metrics file have to be
 * written. */
void tracking_begin(tracking *k, const tracked_run *run);

/* Adds the metrics of a line to the store and to the event file. */
void tracking_log(tracking *k, const metric_line *line);
void tracking_picture(tracking *k, uint64_t step, const char *tag, const image *picture);
void tracking_histogram(tracking *k, uint64_t step, const char *tag, const histogram *h);

/* Makes what was logged visible to readers. Called before each checkpoint, so that the store never
 * contains less than the checkpoint. */
void tracking_flush(tracking *k);

/* Records a new file of the run, relative to its directory; kind: see run_store_add_artifact. */
void tracking_file(tracking *k, const char *kind, const char *file);

/* Records how the run ended, and frees everything. message: why a run failed, or NULL. Does nothing
 * if the run has not begun. */
void tracking_end(tracking *k, enum run_state state, const char *message);

/* Calls `note` with the message in `why` if `result` is the first failure. For code that creates
 * what is tracked. */
void tracking_check(tracking *k, status result);
