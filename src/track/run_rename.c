/* SPDX-License-Identifier: Apache-2.0 */
/* See run_rename.h. */
#include "track/run_rename.h"
#include "base/file.h"
#include "base/text.h"
#include "track/run_home.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- Names ---- */

/* The trials of sweeps (sweep/sweep_store.c) name their runs. A store without sweeps does not have
 * their table. */
static status rename_trials(run_store *store, int64_t run, const char *name, error *err)
{
    int64_t tables = 0;
    TRY(database_number(
        &store->db, &tables, err,
        "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'trials'", ""));
    return tables == 0 ? STATUS_OK
                       : database_run(&store->db, err,
                                      "UPDATE trials SET run = ?"
                                      " WHERE run = (SELECT name FROM runs WHERE id = ?)",
                                      "si", name, run);
}

static status set_name(run_store *store, int64_t run, const char *name, error *err)
{
    TRY(rename_trials(store, run, name, err));
    return database_run(&store->db, err, "UPDATE runs SET name = ? WHERE id = ?", "si", name, run);
}

/* Frees the record's name by giving it one that no directory and no other record has. */
static status clear_name(run_store *store, int64_t run, error *err)
{
    char *name = text_format("/%lld", (long long)run);
    status result = name ? set_name(store, run, name, err) : error_memory(err, "a run's name");
    free(name);
    return result;
}

/* Calls the record "NAME (moved)" or, if that is in use, "NAME (moved 2)" and so on. */
static status set_moved_name(run_store *store, int64_t run, const char *name, error *err)
{
    int64_t other = run;
    status result = STATUS_OK;
    for (int n = 1; result == STATUS_OK && other != 0; n++) {
        char *moved =
            n == 1 ? text_format("%s (moved)", name) : text_format("%s (moved %d)", name, n);
        result = moved ? run_store_id(store, moved, &other, err) : error_memory(err, name);
        if (result == STATUS_OK && other == 0 && file_exists_in(store->directory, moved))
            other = run;
        if (result == STATUS_OK && other == 0)
            result = set_name(store, run, moved, err);
        free(moved);
    }
    return result;
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

/* *id is 0 if there is none. */
static status find_record(run_store *store, const char *name, const char *directory, int64_t *id,
                          error *err)
{
    earlier_name e = {store->directory, directory, 0};
    TRY(database_each(&store->db, take_earlier, &e, err,
                      "SELECT runs.id, name, file FROM artifacts JOIN runs ON id = run"
                      " WHERE kind = 'events' AND name <> ?",
                      "s", name));
    *id = e.id;
    return STATUS_OK;
}

/* ---- The directory of a record ---- */

typedef struct place {
    run_store *store;
    int64_t run;      /* the record */
    char *name;       /* NULL: not found */
    int64_t occupant; /* the record that has this name, although its run is not there; or 0 */
} place;

/* Finds the record that has the name of a directory. *home: it is that of the run there. */
static status find_occupant(place *p, const char *name, const char *path, bool *home, error *err)
{
    *home = false;
    TRY(run_store_id(p->store, name, &p->occupant, err));
    return p->occupant == 0 ? STATUS_OK
                            : run_home_has_events(p->store, p->occupant, path, home, err);
}

/* Takes a directory that has the record's run, unless another record already belongs there: a
 * copied run has its own record beside that of the original. */
static status take_place(void *context, const char *name, const char *path, error *err)
{
    place *p = context;
    struct stat info;
    bool here, home;
    error unreadable; /* others may have directories here that this user may not read */
    if (p->name || lstat(path, &info) != 0 || !S_ISDIR(info.st_mode))
        return STATUS_OK;
    if (run_home_has_events(p->store, p->run, path, &here, &unreadable) != STATUS_OK) {
        if (unreadable.shortage)
            *err = unreadable;
        return unreadable.shortage ? STATUS_FAILED : STATUS_OK;
    }
    if (!here)
        return STATUS_OK;
    TRY(find_occupant(p, name, path, &home, err));
    if (home)
        return STATUS_OK;
    p->name = strdup(name);
    return got_memory(p->name, err, path);
}

static status find_place(run_store *store, int64_t run, char **name, int64_t *occupant, error *err)
{
    place p = {.store = store, .run = run};
    status result = file_each(store->directory, take_place, &p, err);
    *name = p.name;
    *occupant = p.name ? p.occupant : 0;
    return result;
}

/* ---- Both ---- */

/* Names the record after its directory, then the record that had this name after its own, and so
 * on. Each of them stays where it is put, so this ends. name: what the first record was called,
 * which it keeps if it has_name and its directory is not found. */
static status place_records(run_store *store, int64_t run, const char *name, bool has_name,
                            error *err)
{
    int64_t occupant;
    char *left = strdup(name), *found = NULL;
    status result;
    TRY_OR_DONE(got_memory(left, err, name));
    for (; run != 0; run = occupant, has_name = false) {
        TRY_OR_DONE(find_place(store, run, &found, &occupant, err));
        if (!found && !has_name)
            TRY_OR_DONE(set_moved_name(store, run, left, err));
        if (!found)
            break;
        if (occupant != 0)
            TRY_OR_DONE(clear_name(store, occupant, err));
        TRY_OR_DONE(set_name(store, run, found, err));
        free(left);
        left = found;
        found = NULL;
    }
done:
    free(found);
    free(left);
    return result;
}

/* own: the record that has the name, or 0. */
static status follow(run_store *store, const char *name, const char *directory, int64_t own,
                     bool is_new, error *err)
{
    int64_t moved = 0;
    bool home = false, other = false;
    if (own != 0 && !is_new)
        TRY(run_home_holds(store, own, directory, &home, err));
    if (home)
        return STATUS_OK;
    if (!is_new)
        TRY(find_record(store, name, directory, &moved, err));
    if (moved != 0 && own != 0)
        TRY(clear_name(store, own, err));
    if (moved != 0)
        TRY(set_name(store, moved, name, err));
    if (own == 0)
        return STATUS_OK;
    if (!is_new)
        TRY(run_home_has_other(store, own, directory, &other, err));
    return place_records(store, own, name, moved == 0 && !other, err);
}

status run_rename_follow(run_store *store, const char *name, bool is_new, error *err)
{
    int64_t own;
    TRY(run_store_id(store, name, &own, err));
    char *directory = text_format("%s/%s", store->directory, name);
    status result =
        directory ? follow(store, name, directory, own, is_new, err) : error_memory(err, name);
    free(directory);
    return result;
}
