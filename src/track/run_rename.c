/* SPDX-License-Identifier: Apache-2.0 */
/* See run_rename.h. */
#include "track/run_rename.h"
#include "base/file.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static status find_events(run_store *store, int64_t run, words *files, error *err)
{
    return database_each(&store->db, database_take_word, files, err,
                         "SELECT file FROM artifacts WHERE run = ? AND kind = 'events'", "i", run);
}

static bool has_one(const char *directory, const words *files)
{
    bool found = false;
    for (size_t i = 0; i < files->count && !found; i++)
        found = file_is_name(files->texts[i]) && file_exists_in(directory, files->texts[i]);
    return found;
}

/* ---- The record that a directory had before it was renamed ---- */

typedef struct earlier_name {
    const char *store, *run; /* the directories */
    int64_t id;              /* 0: not found */
} earlier_name;

/* Takes a row with the id and name of a run and one of its event files. If this directory has the
 * file and that of the name has not, the run is here. */
static status take_earlier(void *context, sqlite3_stmt *row, error *err)
{
    earlier_name *e = context;
    const char *name, *file;
    TRY(database_look(row, 1, &name, err));
    TRY(database_look(row, 2, &file, err));
    if (!name || !file || !file_is_name(file) || !file_exists_in(e->run, file))
        return STATUS_OK;
    char *earlier = text_format("%s/%s", name, file);
    TRY(got_memory(earlier, err, e->run));
    if (!file_may_exist_in(e->store, earlier))
        e->id = sqlite3_column_int64(row, 0);
    free(earlier);
    return STATUS_OK;
}

/* *id is 0 if there is none, or if the record `own`, which has the name, is that of the directory:
 * a copied run has its own record beside that of the original. */
static status find_record(run_store *store, const char *name, int64_t own, const words *events,
                          int64_t *id, error *err)
{
    char *run = text_format("%s/%s", store->directory, name);
    earlier_name e = {store->directory, run, 0};
    status result = got_memory(run, err, name);
    if (result == STATUS_OK && (own == 0 || !has_one(run, events)))
        result = database_each(&store->db, take_earlier, &e, err,
                               "SELECT runs.id, name, file FROM artifacts JOIN runs ON id = run"
                               " WHERE kind = 'events' AND name <> ?",
                               "s", name);
    free(run);
    *id = e.id;
    return result;
}

/* ---- The directory of a record whose name was taken ---- */

typedef struct place {
    run_store *store;
    const words *events; /* of the record */
    char *name;          /* NULL: not found */
    status result;
    error *err;
} place;

/* Takes a directory that has the record's run and no record yet. */
static void take_place(void *context, const char *name, const char *path)
{
    place *p = context;
    struct stat info;
    int64_t other;
    if (p->result != STATUS_OK || p->name || lstat(path, &info) != 0 || !S_ISDIR(info.st_mode) ||
        !has_one(path, p->events))
        return;
    p->result = run_store_id(p->store, name, &other, p->err);
    if (p->result != STATUS_OK || other != 0)
        return;
    p->name = strdup(name);
    p->result = got_memory(p->name, p->err, path);
}

static status set_name(run_store *store, int64_t run, const char *name, error *err)
{
    return database_run(&store->db, err, "UPDATE runs SET name = ? WHERE id = ?", "si", name, run);
}

static status place_record(run_store *store, int64_t run, const words *events, bool *found,
                           error *err)
{
    place p = {store, events, NULL, STATUS_OK, err};
    file_each(store->directory, take_place, &p);
    *found = p.name;
    if (p.result == STATUS_OK && p.name)
        p.result = set_name(store, run, p.name, err);
    free(p.name);
    return p.result;
}

/* ---- Both ---- */

static status follow(run_store *store, const char *name, int64_t own, const words *events,
                     int64_t *lost, error *err)
{
    int64_t moved;
    bool placed = true;
    TRY(find_record(store, name, own, events, &moved, err));
    if (moved == 0)
        return STATUS_OK;
    if (own != 0)
        TRY(set_name(store, own, "/", err)); /* which no directory has */
    TRY(set_name(store, moved, name, err));
    if (own != 0)
        TRY(place_record(store, own, events, &placed, err));
    *lost = placed ? 0 : own;
    return STATUS_OK;
}

status run_rename_follow(run_store *store, const char *name, int64_t *lost, error *err)
{
    int64_t own;
    words events = {0};
    *lost = 0;
    TRY(run_store_id(store, name, &own, err));
    status result = find_events(store, own, &events, err);
    if (result == STATUS_OK)
        result = follow(store, name, own, &events, lost, err);
    words_free(&events);
    return result;
}
