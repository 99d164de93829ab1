/* SPDX-License-Identifier: Apache-2.0 */
/* What a run leaves for people while it goes on: its record in the store beside its directory
 * (track/run_store.h) and TensorBoard's events in the directory. Training itself reads none of it:
 * what cannot be opened or written there is a note, once, and never the run's end. */
#ifndef HCNN_TRAIN_TRACKING_H
#define HCNN_TRAIN_TRACKING_H

#include "track/event_file.h"
#include "track/run_store.h"

#include <stdbool.h>

struct trainer;

typedef struct tracking {
    run_store *store; /* NULL: it cannot be opened */
    int64_t run;      /* 0: it is in no store */
    event_file *events;
    run_metric *waiting; /* for the next flush; [capacity], of which count are used */
    size_t count, capacity;
    uint64_t step;  /* of the last line */
    double flushed; /* clock_now() of the last flush */
    bool complained;
} tracking;

/* Opens the store beside the run's directory. */
void tracking_open(struct trainer *t, const char *directory);

/* With the run's directory, network and metrics file open. */
void tracking_begin(struct trainer *t, bool resumed);

/* Hands what was logged to readers; before a checkpoint, so that the store never holds less than
 * it. */
void tracking_flush(struct trainer *t);

/* A new file of the run, relative to its directory; kind as run_store_add_artifact's. */
void tracking_file(struct trainer *t, const char *kind, const char *file);

/* How the run ended, and frees all. Does nothing where it has not begun. */
void tracking_end(struct trainer *t, status result, const error *why);

/* For the files that add to the events: the first failure is a note. */
void tracking_check(struct trainer *t, status result, const error *err);

#endif
