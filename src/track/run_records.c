/* SPDX-License-Identifier: Apache-2.0 */
/* What a store tells of its runs; see run_store.h. */
#include "base/file.h"
#include "base/text.h"
#include "track/run_store_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The year 5138: times have eleven digits at most. */
static const double LATEST = 1e11;

#define COLUMNS                                                                                    \
    "SELECT id, name, state, message, version, device, driver, host, config, summary, started,"    \
    " ended, updated, step FROM runs"

static json_t *read_object(sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    json_t *value = text ? json_loads(text, 0, NULL) : NULL;
    if (json_is_object(value))
        return value;
    json_decref(value);
    return NULL;
}

/* Seconds since 1970, or 0 for what can be none. */
static double read_time(sqlite3_stmt *row, int column)
{
    double seconds = database_double(row, column);
    return seconds > 0 && seconds < LATEST ? seconds : 0;
}

static status read_state(run_record *run, sqlite3_stmt *row, error *err)
{
    const char *name = (const char *)sqlite3_column_text(row, 2);
    if (!name || !run_state_named(name, &run->state))
        return error_set(err, STATUS_FAILED, "run %s: has a state that there is not: '%s'",
                         run->name, name ? name : "");
    if (run->state == RUN_RUNNING && !file_is_locked(run->directory))
        run->state = RUN_KILLED;
    return STATUS_OK;
}

static status read_run(run_store *store, sqlite3_stmt *row, run_record *run, error *err)
{
    *run = (run_record){
        .id = sqlite3_column_int64(row, 0),
        .name = database_text(row, 1),
        .message = database_text(row, 3),
        .version = database_text(row, 4),
        .device = database_text(row, 5),
        .driver = database_text(row, 6),
        .host = database_text(row, 7),
        .config = read_object(row, 8),
        .summary = read_object(row, 9),
        .started = read_time(row, 10),
        .ended = read_time(row, 11),
        .updated = read_time(row, 12),
        .step = (uint64_t)sqlite3_column_int64(row, 13),
    };
    if (!run->name)
        return error_memory(err, store->db.path);
    run->directory = text_format("%s/%s", store->directory, run->name);
    if (!run->directory)
        return error_memory(err, store->db.path);
    /* The directory is one of the store's own, whatever the file says: `--delete` removes it. */
    if (!run->config || !run->summary || !file_is_name(run->name))
        return error_set(err, STATUS_FAILED, "%s: the record of run %s is damaged; %s",
                         store->db.path, run->name, store->db.remedy);
    return read_state(run, row, err);
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
    *list = (run_list){0};
}

/* Where a list grows. */
typedef struct listing {
    run_store *store;
    run_list *list;
} listing;

static status append_run(void *context, sqlite3_stmt *row, error *err)
{
    const listing *l = context;
    run_record *grown = realloc(l->list->runs, (l->list->count + 1) * sizeof *grown);
    if (!grown)
        return error_memory(err, l->store->db.path);
    l->list->runs = grown;
    return read_run(l->store, row, &grown[l->list->count++], err);
}

status run_store_list(run_store *store, run_list *list, error *err)
{
    sqlite3_stmt *rows;
    listing l = {store, list};
    *list = (run_list){0};
    status asked = database_ask(&store->db, &rows, err, COLUMNS " ORDER BY started, id", "");
    status result = database_each(&store->db, asked, rows, append_run, &l, err);
    if (result != STATUS_OK)
        run_list_free(list);
    return result;
}

status run_store_find(run_store *store, const char *name, run_record *run, error *err)
{
    sqlite3_stmt *rows;
    bool found;
    *run = (run_record){0};
    TRY(database_ask(&store->db, &rows, err, COLUMNS " WHERE name = ?", "s", name));
    status result = database_next(&store->db, rows, &found, err);
    if (result == STATUS_OK && !found)
        result = error_set(err, STATUS_FAILED,
                           "%s: knows no run %s; `hcnn-cl runs` lists those that it knows, and "
                           "`hcnn-cl runs --add %s/%s` records one that has a directory there",
                           store->db.path, name, store->directory, name);
    if (result == STATUS_OK)
        result = read_run(store, rows, run, err);
    sqlite3_finalize(rows);
    if (result != STATUS_OK)
        run_record_free(run);
    return result;
}

/* ---- What was logged ---- */

/* A series while it grows. */
typedef struct growing {
    run_series *series;
    size_t capacity;
} growing;

static status make_room(growing *g, error *err)
{
    if (g->series->count < g->capacity)
        return STATUS_OK;
    size_t more = g->capacity ? 2 * g->capacity : 256;
    uint64_t *steps = realloc(g->series->steps, more * sizeof *steps);
    if (steps)
        g->series->steps = steps;
    double *values = realloc(g->series->values, more * sizeof *values);
    if (values)
        g->series->values = values;
    if (!steps || !values)
        return error_memory(err, "what a run logged");
    g->capacity = more;
    return STATUS_OK;
}

static status append_point(void *context, sqlite3_stmt *row, error *err)
{
    growing *g = context;
    TRY(make_room(g, err));
    g->series->steps[g->series->count] = (uint64_t)sqlite3_column_int64(row, 0);
    g->series->values[g->series->count++] = database_double(row, 1);
    return STATUS_OK;
}

status run_store_series(run_store *store, int64_t run, const char *name, run_series *series,
                        error *err)
{
    sqlite3_stmt *rows;
    growing g = {.series = series};
    *series = (run_series){.name = text_format("%s", name)};
    if (!series->name)
        return error_memory(err, name);
    status asked = database_ask(&store->db, &rows, err,
                                "SELECT step, value FROM metrics WHERE run = ?"
                                " AND name = (SELECT id FROM names WHERE name = ?) ORDER BY step",
                                "is", run, name);
    status result = database_each(&store->db, asked, rows, append_point, &g, err);
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

typedef struct naming {
    char **names;
    size_t count;
} naming;

static status append_name(void *context, sqlite3_stmt *row, error *err)
{
    naming *n = context;
    char *name = database_text(row, 0);
    char **grown = name ? realloc(n->names, (n->count + 1) * sizeof *grown) : NULL;
    if (!grown) {
        free(name);
        return error_memory(err, "the names that a run logged");
    }
    n->names = grown;
    grown[n->count++] = name;
    return STATUS_OK;
}

status run_store_names(run_store *store, int64_t run, char ***names, size_t *count, error *err)
{
    sqlite3_stmt *rows;
    naming n = {0};
    status asked =
        database_ask(&store->db, &rows, err,
                     "SELECT name FROM names WHERE EXISTS (SELECT 1 FROM metrics WHERE run = ?"
                     " AND metrics.name = names.id) ORDER BY name",
                     "i", run);
    status result = database_each(&store->db, asked, rows, append_name, &n, err);
    if (result != STATUS_OK) {
        run_names_free(n.names, n.count);
        n = (naming){0};
    }
    *names = n.names;
    *count = n.count;
    return result;
}

void run_names_free(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

typedef struct gathering {
    run_artifact *artifacts;
    size_t count;
} gathering;

static status append_artifact(void *context, sqlite3_stmt *row, error *err)
{
    gathering *g = context;
    run_artifact *grown = realloc(g->artifacts, (g->count + 1) * sizeof *grown);
    if (!grown)
        return error_memory(err, "the files of a run");
    g->artifacts = grown;
    run_artifact *added = &grown[g->count++];
    *added = (run_artifact){database_text(row, 0), database_text(row, 1)};
    return added->kind && added->file ? STATUS_OK : error_memory(err, "the files of a run");
}

status run_store_artifacts(run_store *store, int64_t run, run_artifact **artifacts, size_t *count,
                           error *err)
{
    sqlite3_stmt *rows;
    gathering g = {0};
    status asked =
        database_ask(&store->db, &rows, err,
                     "SELECT kind, file FROM artifacts WHERE run = ? ORDER BY file", "i", run);
    status result = database_each(&store->db, asked, rows, append_artifact, &g, err);
    if (result != STATUS_OK) {
        run_artifacts_free(g.artifacts, g.count);
        g = (gathering){0};
    }
    *artifacts = g.artifacts;
    *count = g.count;
    return result;
}

void run_artifacts_free(run_artifact *artifacts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(artifacts[i].kind);
        free(artifacts[i].file);
    }
    free(artifacts);
}
