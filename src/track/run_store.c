/* SPDX-License-Identifier: Apache-2.0 */
/* The store of runs: its tables, and what training writes; see run_store.h. Reading is in
 * run_records.c. */
#include "track/run_store.h"
#include "base/file.h"
#include "base/json_values.h"
#include "base/text.h"
#include "track/run_rename.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The name of a metric is stored once, and the values of a run under one name are stored together
 * by step, because that is what a curve reads. Times are seconds since 1970. */
static const database_form form = {
    .version = 1,
    .schema = "CREATE TABLE runs ("
              "  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, state TEXT NOT NULL,"
              "  message TEXT, version TEXT, device TEXT, driver TEXT, host TEXT,"
              "  config TEXT NOT NULL, summary TEXT NOT NULL,"
              "  started REAL NOT NULL, ended REAL, updated REAL NOT NULL, step INTEGER NOT NULL);"
              "CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
              "CREATE TABLE metrics ("
              "  run INTEGER NOT NULL, name INTEGER NOT NULL, step INTEGER NOT NULL, value REAL,"
              "  PRIMARY KEY (run, name, step)) WITHOUT ROWID;"
              "CREATE TABLE artifacts ("
              "  run INTEGER NOT NULL, kind TEXT NOT NULL, file TEXT NOT NULL,"
              "  PRIMARY KEY (run, file)) WITHOUT ROWID;",
    .remedy = "move it away; the runs are complete in their directories, and `hcnn-cl runs --add "
              "RUN...` records them in a new one",
};

const word_list run_states = WORD_LIST("running", "finished", "stopped", "failed", "killed");

const char *run_state_name(enum run_state state)
{
    return word_list_at(&run_states, (int)state);
}

char *run_store_path_of(const char *run)
{
    char *parent = file_parent(run);
    char *path = parent ? text_format("%s/runs.db", parent) : NULL;
    free(parent);
    return path;
}

/* The path without slashes at its end; the absolute path for "." and "..", which are not names of
 * runs. NULL if memory is out. */
static char *name_directory(const char *given)
{
    size_t length = strlen(given);
    while (length > 1 && given[length - 1] == '/')
        length--;
    char *directory = strndup(given, length);
    const char *slash = directory ? strrchr(directory, '/') : NULL;
    const char *name = slash ? slash + 1 : directory;
    char *full = name && (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
                     ? realpath(directory, NULL)
                     : NULL;
    if (!full)
        return directory;
    free(directory);
    return full;
}

status run_path_split(const char *directory, char **store, char **name, error *err)
{
    char *path = name_directory(directory);
    const char *slash = path ? strrchr(path, '/') : NULL;
    *store = path ? run_store_path_of(path) : NULL;
    *name = path ? strdup(slash ? slash + 1 : path) : NULL;
    free(path);
    if (*store && *name)
        return STATUS_OK;
    free(*store);
    free(*name);
    *store = *name = NULL;
    return error_memory(err, directory);
}

status run_store_open(const char *path, bool create, const database_note *note, run_store **opened,
                      error *err)
{
    database_form noted = form;
    noted.note = note ? *note : noted.note;
    run_store *store = calloc(1, sizeof *store);
    *opened = NULL;
    TRY(got_memory(store, err, path));
    store->directory = file_parent(path);
    status result;
    TRY_OR_DONE(got_memory(store->directory, err, path));
    TRY_OR_DONE(database_open(path, &noted, create, &store->db, err));
    *opened = store;
    return STATUS_OK;
done:
    run_store_close(store);
    return result;
}

void run_store_close(run_store *store)
{
    if (!store)
        return;
    database_close(&store->db);
    free(store->directory);
    free(store);
}

void run_store_set_patience(run_store *store, int milliseconds)
{
    store->db.patience = milliseconds;
}

bool run_store_is_locked(const run_store *store)
{
    return sqlite3_errcode(store->db.handle) == SQLITE_BUSY;
}

double run_store_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- Writing ---- */

status run_store_id(run_store *store, const char *name, int64_t *run, error *err)
{
    *run = 0;
    return database_number(&store->db, run, err, "SELECT id FROM runs WHERE name = ?", "s", name);
}

static status forget(run_store *store, int64_t run, error *err)
{
    TRY(database_run(&store->db, err, "DELETE FROM metrics WHERE run = ?", "i", run));
    TRY(database_run(&store->db, err, "DELETE FROM artifacts WHERE run = ?", "i", run));
    return database_run(&store->db, err, "DELETE FROM runs WHERE id = ?", "i", run);
}

/* Whether the record of the name can be read. */
static status find_whole(run_store *store, const char *name, bool *whole, error *err)
{
    error why;
    run_record r;
    *whole = run_store_find(store, name, &r, &why) == STATUS_OK;
    if (*whole)
        run_record_free(&r);
    else if (why.shortage)
        *err = why;
    return !*whole && why.shortage ? STATUS_FAILED : STATUS_OK;
}

#define TEST_NAMES "(SELECT id FROM names WHERE name LIKE 'test%')"

/* Called within a transaction. A resumed run keeps the time of its first start. */
static status put_run(run_store *store, const run_beginning *w, const char *config,
                      const char *summary, int64_t *run, error *err)
{
    database *db = &store->db;
    int64_t step = (int64_t)w->step;
    bool whole = false;
    TRY(run_rename_follow(store, w->name, !w->resumed && !w->added, err));
    TRY(run_store_id(store, w->name, run, err));
    if (*run != 0 && w->added)
        TRY(find_whole(store, w->name, &whole, err));
    if (whole)
        return database_run(db, err, "UPDATE runs SET config = ? WHERE id = ?", "si", config, *run);
    if (*run != 0 && w->resumed) {
        /* Test results go too: the best checkpoint of a resumed run is not tested yet. */
        TRY(database_run(db, err,
                         "DELETE FROM metrics WHERE run = ?"
                         " AND (step > ? OR name IN " TEST_NAMES ")",
                         "ii", *run, step));
    } else if (*run == 0 || !w->added) {
        TRY(forget(store, *run, err));
        TRY(database_run(db, err,
                         "INSERT INTO runs (name, state, config, summary, started, updated, step)"
                         " VALUES (?, '', '', '', ?, 0, 0)",
                         "sd", w->name, w->at));
        *run = sqlite3_last_insert_rowid(db->handle);
    }
    return database_run(db, err,
                        "UPDATE runs SET state = 'running', message = NULL, ended = NULL,"
                        " version = ?, device = ?, driver = ?, host = ?, config = ?,"
                        " summary = ?, updated = ?, step = ? WHERE id = ?",
                        "ssssssdii", w->version, w->device, w->driver, w->host, config, summary,
                        w->at, step, *run);
}

status run_store_begin(run_store *store, const run_beginning *what, int64_t *run, error *err)
{
    char *config = NULL, *summary = NULL;
    const char *path = store->db.path;
    status result;
    TRY_OR_DONE(json_to_text(json_incref(what->config), JSON_COMPACT, path, &config, err));
    TRY_OR_DONE(json_to_text(json_incref(what->summary), JSON_COMPACT, path, &summary, err));
    TRY_OR_DONE(database_begin(&store->db, err));
    result = database_end(&store->db, put_run(store, what, config, summary, run, err), err);
done:
    free(config);
    free(summary);
    return result;
}

/* name and value are the two statements that store a value. */
static status put_values(run_store *store, int64_t run, const run_metric *metrics, size_t count,
                         sqlite3_stmt *name, sqlite3_stmt *value, error *err)
{
    uint64_t last = 0;
    for (size_t i = 0; i < count; i++) {
        const run_metric *m = &metrics[i];
        TRY(database_rerun(&store->db, name, err, "s", m->name));
        TRY(database_rerun(&store->db, value, err, "isid", run, m->name, (int64_t)m->step,
                           m->value));
        last = m->step > last ? m->step : last;
    }
    return database_run(&store->db, err,
                        "UPDATE runs SET updated = ?, step = max(step, ?) WHERE id = ?", "dii",
                        run_store_now(), (int64_t)last, run);
}

static status put_metrics(run_store *store, int64_t run, const run_metric *metrics, size_t count,
                          error *err)
{
    sqlite3_stmt *name = NULL, *value = NULL;
    status result;
    TRY_OR_DONE(
        database_prepare(&store->db, &name, "INSERT OR IGNORE INTO names (name) VALUES (?)", err));
    TRY_OR_DONE(database_prepare(&store->db, &value,
                                 "INSERT OR REPLACE INTO metrics (run, name, step, value)"
                                 " VALUES (?, (SELECT id FROM names WHERE name = ?), ?, ?)",
                                 err));
    TRY_OR_DONE(put_values(store, run, metrics, count, name, value, err));
done:
    sqlite3_finalize(name);
    sqlite3_finalize(value);
    return result;
}

status run_store_log(run_store *store, int64_t run, const run_metric *metrics, size_t count,
                     error *err)
{
    TRY(database_begin(&store->db, err));
    return database_end(&store->db, put_metrics(store, run, metrics, count, err), err);
}

status run_store_drop_old_tests(run_store *store, int64_t run, error *err)
{
    return database_run(&store->db, err,
                        "DELETE FROM metrics WHERE run = ? AND name IN " TEST_NAMES
                        " AND step < (SELECT step FROM runs WHERE id = ?)",
                        "ii", run, run);
}

status run_store_add_artifact(run_store *store, int64_t run, const char *kind, const char *file,
                              error *err)
{
    return database_run(&store->db, err,
                        "INSERT OR REPLACE INTO artifacts (run, kind, file) VALUES (?, ?, ?)",
                        "iss", run, kind, file);
}

status run_store_end(run_store *store, int64_t run, enum run_state state, const char *message,
                     double at, error *err)
{
    return database_run(&store->db, err,
                        "UPDATE runs SET state = ?, message = ?, ended = ?, updated = ?"
                        " WHERE id = ?",
                        "ssddi", run_state_name(state), message, at, at, run);
}

status run_store_finish(run_store *store, int64_t run, const run_metric *metrics, size_t count,
                        enum run_state state, const char *message, error *err)
{
    TRY(database_begin(&store->db, err));
    status result = put_metrics(store, run, metrics, count, err);
    if (result == STATUS_OK)
        result = run_store_end(store, run, state, message, run_store_now(), err);
    return database_end(&store->db, result, err);
}

status run_store_delete(run_store *store, int64_t run, run_store_remove *remove,
                        const void *context, error *err)
{
    TRY(database_begin(&store->db, err));
    status result = forget(store, run, err);
    if (result == STATUS_OK && remove)
        result = remove(context, err);
    return database_end(&store->db, result, err);
}
