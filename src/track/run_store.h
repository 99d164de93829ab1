/* SPDX-License-Identifier: Apache-2.0 */
/* The store of runs, an SQLite file beside their directories: what each run was started with, what
 * it logged and how it ended. Several processes may write at once. Training does not depend on it:
 * a run is resumed from its directory alone. */
#pragma once

#include "base/word_list.h"
#include "track/database.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

typedef struct run_store {
    database db;     /* also used by code that keeps its own tables in the file */
    char *directory; /* the directory of the store, without a slash at the end */
} run_store;

/* "PARENT/runs.db" for the directory of a run. The caller frees it; NULL if memory is out. */
char *run_store_path_of(const char *run);
/* The same for a directory as a user gives it, and the name of the run. Slashes at the end are
 * ignored, and "." and ".." are resolved. The store need not exist. The caller frees both; on
 * failure both are NULL. */
status run_path_split(const char *directory, char **store, char **name, error *err);

/* Opens the store, and creates it if `create` is set. STATUS_FAILED, with what to do, if the file
 * is not a store, is damaged or was written by a newer program. The note is copied; NULL: none. */
status run_store_open(const char *path, bool create, const database_note *note, run_store **opened,
                      error *err);
void run_store_close(run_store *store); /* NULL is fine */
/* Milliseconds that a call waits for another process that writes, before it fails; 30000 after
 * opening. */
void run_store_set_patience(run_store *store, int milliseconds);
/* Whether the last call failed because another program has locked the store. */
bool run_store_is_locked(const run_store *store);
/* The current time in seconds since 1970. */
double run_store_now(void);

/* ---- Writing: what training does ---- */

/* A run that starts or is resumed. Its name is the last part of the path of its directory. */
typedef struct run_beginning {
    const char *name;
    const char *version, *device, *driver, *host;
    json_t *config;  /* as in config.json; borrowed */
    json_t *summary; /* facts about its data and network; borrowed */
    double at;       /* seconds since 1970 */
    bool resumed;
    uint64_t step; /* steps done; what is stored of later ones is deleted */
    bool added;    /* recorded from its directory, which may have less than an older record */
} run_beginning;

/* Records the run as running; *run is its id. A new run replaces an older one of that name, unless
 * the directory of that one is found under another name. A resumed run keeps what was stored up to
 * `step`, except its test results. If its directory was renamed, which its event files tell, its
 * record gets the present name. An added run keeps its record, and also its state; only the config
 * is replaced. If that record cannot be read, the run keeps only what it logged. */
status run_store_begin(run_store *store, const run_beginning *what, int64_t *run, error *err);

/* A value that was logged under a name such as "loss" or "validation/fine_top1". Names with a '/'
 * are logged once per epoch, those of tests once per run. */
typedef struct run_metric {
    const char *name;
    uint64_t step;
    double value; /* stored as null if it is not finite */
} run_metric;

/* Stores the metrics in one transaction. A value replaces an older one of the same name and
 * step. */
status run_store_log(run_store *store, int64_t run, const run_metric *metrics, size_t count,
                     error *err);

/* Removes test results of a step before the run's last: the run was resumed after it. */
status run_store_drop_old_tests(run_store *store, int64_t run, error *err);

/* Records a file of the run, relative to its directory. kind is "config", "metrics", "checkpoint",
 * "events" or "evaluation". */
status run_store_add_artifact(run_store *store, int64_t run, const char *kind, const char *file,
                              error *err);

enum run_state {
    RUN_RUNNING,
    RUN_FINISHED,
    RUN_STOPPED, /* by the user or by a limit; can be resumed */
    RUN_FAILED,
    RUN_KILLED, /* never stored: the store says running, but no process holds the directory */
};
extern const word_list run_states; /* names of the states: "running" ... */
const char *run_state_name(enum run_state state);

/* Records how a run ended. message: why it failed, or NULL. at: seconds since 1970. */
status run_store_end(run_store *store, int64_t run, enum run_state state, const char *message,
                     double at, error *err);
/* Logs the last metrics and records the end now, both or neither: a run that has ended is never
 * without its metrics. */
status run_store_finish(run_store *store, int64_t run, const run_metric *metrics, size_t count,
                        enum run_state state, const char *message, error *err);

/* ---- Reading ---- */

typedef struct run_record {
    int64_t id;
    char *name, *directory; /* the path begins with that of the store's directory */
    enum run_state state;
    char *message; /* or NULL */
    char *version, *device, *driver, *host;
    json_t *config, *summary;       /* objects */
    double started, ended, updated; /* seconds since 1970; ended is 0 if it has not ended */
    uint64_t step;                  /* the last one logged */
} run_record;

typedef struct run_list {
    run_record *runs;
    size_t count;
    words damaged; /* a message for each record that cannot be read */
} run_list;

/* All runs whose records can be read, in the order in which they first started. Free them with
 * run_list_free. */
status run_store_list(run_store *store, run_list *list, error *err);
/* The run of that name. STATUS_FAILED, with what to do, if there is none. Free it with
 * run_record_free. */
status run_store_find(run_store *store, const char *name, run_record *run, error *err);
/* Only the id, directory, state and message of the run of that name, even if the rest of its record
 * is damaged. If there is none, id is 0 and state is RUN_STOPPED. A run whose state is damaged has
 * failed, and its message says so. Free it with run_record_free. */
status run_store_find_state(run_store *store, const char *name, run_record *run, error *err);
/* The id of the run of that name; 0 if there is none. */
status run_store_id(run_store *store, const char *name, int64_t *run, error *err);
void run_record_free(run_record *run);
void run_list_free(run_list *list);

/* What was logged under one name, by rising step; NaN for a value that was not finite. */
typedef struct run_series {
    char *name;
    uint64_t *steps; /* [count] */
    double *values;  /* [count] */
    size_t count;
} run_series;

/* The values of one name; count is 0 if there are none. Free them with run_series_free. */
status run_store_series(run_store *store, int64_t run, const char *name, run_series *series,
                        error *err);
/* The names that a run logged, in alphabetical order. Free them with words_free. */
status run_store_names(run_store *store, int64_t run, words *names, error *err);
void run_series_free(run_series *series);

/* Deletes the record of a run. Its directory, or what else `remove` removes (NULL: nothing), goes
 * only if the store can be written, and the record only if that succeeds. */
typedef status run_store_remove(const void *context, error *err);
status run_store_delete(run_store *store, int64_t run, run_store_remove *remove,
                        const void *context, error *err);
