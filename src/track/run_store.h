/* SPDX-License-Identifier: Apache-2.0 */
/* The store of runs, an SQLite file beside their directories: what each run was started with, what
 * it logged and how it ended. Several processes may write at once. Nothing that training needs is
 * in it: a run goes on from its directory alone. */
#pragma once

#include "base/word_list.h"
#include "track/database.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

typedef struct run_store {
    database db;     /* also for those who keep tables of their own in the file */
    char *directory; /* that the store is in, without a slash at the end */
} run_store;

/* "PARENT/runs.db" of a run's directory; NULL when memory is out. */
char *run_store_path_of(const char *run);
/* The same of a directory as a user gives it, and the run's name: slashes at the end do not count,
 * and "." and ".." are the directories that they mean. The store need not be there. Both are freed
 * by the caller; on failure both are NULL. */
status run_path_split(const char *directory, char **store, char **name, error *err);

/* Opens the store, and makes it where `create`. A file that is no store, one that is damaged or of
 * a newer program is STATUS_FAILED, with what to do. */
status run_store_open(const char *path, bool create, run_store **opened, error *err);
void run_store_close(run_store *store); /* NULL is fine */
/* How long a call waits for another process that writes, before it fails; 30000 after opening. */
void run_store_set_patience(run_store *store, int milliseconds);
/* Seconds since 1970. */
double run_store_now(void);

/* ---- Writing: what training does ---- */

/* A run that begins or goes on. Its name is the last part of its directory's. */
typedef struct run_beginning {
    const char *name;
    const char *version, *device, *driver, *host;
    json_t *config;  /* as config.json; borrowed */
    json_t *summary; /* facts of its data and network; borrowed */
    double at;       /* seconds since 1970 */
    bool resumed;
    uint64_t step; /* done: what is stored of later ones is dropped */
} run_beginning;

/* Stores that it runs. What an earlier run of that name left is dropped; a resumed one keeps what
 * was stored up to `step`. */
status run_store_begin(run_store *store, const run_beginning *what, int64_t *run, error *err);

/* A value that was logged under a name such as "loss" or "validation/fine_top1". Those with a '/'
 * come once an epoch. */
typedef struct run_metric {
    const char *name;
    uint64_t step;
    double value; /* not finite: stored as none */
} run_metric;

/* One transaction. The same name and step again: the last one counts. */
status run_store_log(run_store *store, int64_t run, const run_metric *metrics, size_t count,
                     error *err);

/* A file of the run, relative to its directory; kind is "config", "metrics", "checkpoint",
 * "events", "evaluation". */
status run_store_add_artifact(run_store *store, int64_t run, const char *kind, const char *file,
                              error *err);

enum run_state {
    RUN_RUNNING,
    RUN_FINISHED,
    RUN_STOPPED, /* by the user or by a limit: it can go on */
    RUN_FAILED,
    RUN_KILLED, /* never stored: a run that says it is running and that no process holds */
};
extern const word_list run_states; /* "running" ... */
const char *run_state_name(enum run_state state);

/* message: why it failed, or NULL. at: seconds since 1970. */
status run_store_end(run_store *store, int64_t run, enum run_state state, const char *message,
                     double at, error *err);

/* ---- Reading ---- */

typedef struct run_record {
    int64_t id;
    char *name, *directory; /* the path from where the program was started */
    enum run_state state;
    char *message; /* or NULL */
    char *version, *device, *driver, *host;
    json_t *config, *summary;       /* objects */
    double started, ended, updated; /* seconds since 1970; ended 0: it has not */
    uint64_t step;                  /* the last that was logged */
} run_record;

typedef struct run_list {
    run_record *runs;
    size_t count;
} run_list;

/* All runs, in the order in which they first began. */
status run_store_list(run_store *store, run_list *list, error *err);
/* The one of that name; STATUS_FAILED says which there are. */
status run_store_find(run_store *store, const char *name, run_record *run, error *err);
/* Of the one of that name id, directory, state and message alone, whatever became of the rest; id 0
 * and RUN_STOPPED: there is none. One whose state is damaged has failed, and its message says so.
 */
status run_store_find_state(run_store *store, const char *name, run_record *run, error *err);
/* The id of the one of that name; 0: there is none. */
status run_store_id(run_store *store, const char *name, int64_t *run, error *err);
void run_record_free(run_record *run);
void run_list_free(run_list *list);

/* What was logged under a name, by rising step; NaN where a value was not finite. */
typedef struct run_series {
    char *name;
    uint64_t *steps; /* [count] */
    double *values;  /* [count] */
    size_t count;
} run_series;

/* One name's; with count 0 when there is none of it. */
status run_store_series(run_store *store, int64_t run, const char *name, run_series *series,
                        error *err);
/* The names that a run logged, in alphabetical order. */
status run_store_names(run_store *store, int64_t run, words *names, error *err);
void run_series_free(run_series *series);

/* Forgets a run, not its directory. */
status run_store_delete(run_store *store, int64_t run, error *err);
