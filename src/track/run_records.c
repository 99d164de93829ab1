/* SPDX-License-Identifier: Apache-2.0 */
/* Reads runs from a store; see run_store.h. */
#include "base/array.h"
#include "base/file.h"
#include "base/text.h"
#include "track/run_store.h"

#include <stdlib.h>
#include <string.h>

/* The year 5138: times have at most eleven digits. */
static const double LATEST = 1e11;

#define COLUMNS                                                                                    \
    "SELECT id, name, state, message, version, device, driver, host, config, summary, started,"    \
    " ended, updated, step FROM runs"

/* Seconds since 1970, or 0 for a number that cannot be a time. */
static double read_time(sqlite3_stmt *row, int column)
{
    double seconds = database_double(row, column);
    return seconds > 0 && seconds < LATEST ? seconds : 0;
}

/* Sets the state from its name and from whether a process has locked the run's directory. Returns
 * false for an unknown name; the state is then RUN_RUNNING if the directory is locked, else
 * RUN_FAILED. */
static bool read_state(run_record *run, const char *name)
{
    int state = name ? word_list_find(&run_states, name) : -1;
    bool known = state >= 0;
    if (known && state != RUN_RUNNING)
        run->state = (enum run_state)state;
    else if (file_is_locked(run->directory))
        run->state = RUN_RUNNING;
    else
        run->state = known ? RUN_KILLED : RUN_FAILED;
    return known;
}

static status read_texts(sqlite3_stmt *row, run_record *run, error *err)
{
    TRY(database_text(row, 1, &run->name, err));
    TRY(database_text(row, 3, &run->message, err));
    TRY(database_text(row, 4, &run->version, err));
    TRY(database_text(row, 5, &run->device, err));
    TRY(database_text(row, 6, &run->driver, err));
    TRY(database_text(row, 7, &run->host, err));
    TRY(database_json(row, 8, &run->config, err));
    return database_json(row, 9, &run->summary, err);
}

/* Reads a record. *whole is false if it is damaged. */
static status read_run(run_store *store, sqlite3_stmt *row, run_record *run, bool *whole,
                       error *err)
{
    const char *state;
    *run = (run_record){
        .id = sqlite3_column_int64(row, 0),
        .started = read_time(row, 10),
        .ended = read_time(row, 11),
        .updated = read_time(row, 12),
        .step = (uint64_t)sqlite3_column_int64(row, 13),
    };
    TRY(read_texts(row, run, err));
    if (!run->name)
        run->name = strdup("");
    TRY(got_memory(run->name, err, store->db.path));
    run->directory = text_format("%s/%s", store->directory, run->name);
    TRY(got_memory(run->directory, err, store->db.path));
    /* `--delete` removes the directory, so it has to be one beside the store, whatever the file
     * says. */
    TRY(database_look(row, 2, &state, err));
    *whole = json_is_object(run->config) && json_is_object(run->summary) &&
             file_is_name(run->name) && read_state(run, state);
    return STATUS_OK;
}

static status damaged(const run_store *store, const run_record *run, error *err)
{
    error_set(err, STATUS_FAILED, "%s: the record of run %s is damaged", store->db.path, run->name);
    if (!file_is_name(run->name))
        return error_suffix(err, STATUS_FAILED, "; %s", store->db.remedy);
    return error_suffix(err, STATUS_FAILED, "; `hcnn-cl runs --add %s` records it again",
                        run->directory);
}

void run_record_free(run_record *run)
{
    free(run->name);
    free(run->directory);
    free(run->message);
    free(run->version);
    free(run->device);
    free(run->driver);
    free(run->host);
    json_decref(run->config);
    json_decref(run->summary);
    *run = (run_record){0};
}

void run_list_free(run_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        run_record_free(&list->runs[i]);
    free(list->runs);
    words_free(&list->damaged);
    *list = (run_list){0};
}

/* The list that runs are appended to. */
typedef struct listing {
    run_store *store;
    run_list *list;
} listing;

static status append_run(void *context, sqlite3_stmt *row, error *err)
{
    const listing *l = context;
    run_list *list = l->list;
    bool whole = false;
    error why;
    TRY(array_grow(&list->runs, list->count, sizeof *list->runs, l->store->db.path, err));
    run_record *run = &list->runs[list->count++];
    TRY(read_run(l->store, row, run, &whole, err));
    if (whole)
        return STATUS_OK;
    damaged(l->store, run, &why);
    run_record_free(run);
    list->count--;
    return words_add(&list->damaged, why.message, strlen(why.message), err);
}

status run_store_list(run_store *store, run_list *list, error *err)
{
    listing l = {store, list};
    *list = (run_list){0};
    status result =
        database_each(&store->db, append_run, &l, err, COLUMNS " ORDER BY started, id", "");
    if (result != STATUS_OK)
        run_list_free(list);
    return result;
}

status run_store_find(run_store *store, const char *name, run_record *run, error *err)
{
    sqlite3_stmt *row;
    bool found, whole = true;
    *run = (run_record){0};
    TRY(database_find(&store->db, &row, &found, err, COLUMNS " WHERE name = ?", "s", name));
    status result =
        found ? read_run(store, row, run, &whole, err)
              : error_set(err, STATUS_FAILED,
                          "%s: the store does not have a run %s; `hcnn-cl runs` lists its runs, "
                          "and `hcnn-cl runs --add %s/%s` records one from its directory",
                          store->db.path, name, store->directory, name);
    sqlite3_finalize(row);
    if (!whole)
        result = damaged(store, run, err);
    if (result != STATUS_OK)
        run_record_free(run);
    return result;
}

status run_store_find_state(run_store *store, const char *name, run_record *run, error *err)
{
    sqlite3_stmt *row;
    bool found;
    const char *state;
    *run = (run_record){.state = RUN_STOPPED};
    TRY(database_find(&store->db, &row, &found, err,
                      "SELECT id, state, message FROM runs WHERE name = ?", "s", name));
    status result = STATUS_OK;
    if (found) {
        run->id = sqlite3_column_int64(row, 0);
        run->directory = text_format("%s/%s", store->directory, name);
        TRY_OR_DONE(got_memory(run->directory, err, name));
        TRY_OR_DONE(database_look(row, 1, &state, err));
        if (read_state(run, state)) {
            TRY_OR_DONE(database_text(row, 2, &run->message, err));
        } else {
            run->message = text_format("its record in %s is damaged", store->db.path);
            TRY_OR_DONE(got_memory(run->message, err, name));
        }
    }
done:
    sqlite3_finalize(row);
    return result;
}

/* ---- Logged values ---- */

static status append_point(void *context, sqlite3_stmt *row, error *err)
{
    static const char what[] = "what a run logged";
    run_series *s = context;
    TRY(array_grow(&s->steps, s->count, sizeof *s->steps, what, err));
    TRY(array_grow(&s->values, s->count, sizeof *s->values, what, err));
    s->steps[s->count] = (uint64_t)sqlite3_column_int64(row, 0);
    s->values[s->count++] = database_double(row, 1);
    return STATUS_OK;
}

status run_store_series(run_store *store, int64_t run, const char *name, run_series *series,
                        error *err)
{
    *series = (run_series){.name = text_format("%s", name)};
    TRY(got_memory(series->name, err, name));
    status result = database_each(&store->db, append_point, series, err,
                                  "SELECT step, value FROM metrics WHERE run = ?"
                                  " AND name = (SELECT id FROM names WHERE name = ?) ORDER BY step",
                                  "is", run, name);
    if (result != STATUS_OK)
        run_series_free(series);
    return result;
}

void run_series_free(run_series *series)
{
    free(series->name);
    free(series->steps);
    free(series->values);
    *series = (run_series){0};
}

status run_store_names(run_store *store, int64_t run, words *names, error *err)
{
    *names = (words){0};
    status result =
        database_each(&store->db, database_take_word, names, err,
                      "SELECT name FROM names WHERE EXISTS (SELECT 1 FROM metrics WHERE run = ?"
                      " AND metrics.name = names.id) ORDER BY name",
                      "i", run);
    if (result != STATUS_OK)
        words_free(names);
    return result;
}
