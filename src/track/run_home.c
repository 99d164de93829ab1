/* SPDX-License-Identifier: Apache-2.0 */
/* See run_home.h. */
#include "track/run_home.h"
#include "base/file.h"
#include "base/text.h"
#include "track/event_file.h"
#include "track/record.h"

#include <stdlib.h>
#include <string.h>

/* The event files of a directory. */
typedef struct search {
    run_store *store;
    char *newest; /* of those that a record has, by name; NULL: none */
    bool any;
} search;

/* Names begin with the time, and no two starts write one of the same name. */
static status take_newer(void *context, const char *name, const char *path, error *err)
{
    search *s = context;
    int64_t records = 0;
    if (!text_after(name, EVENT_FILE_BEGINS))
        return STATUS_OK;
    s->any = true;
    if (s->newest && strcmp(name, s->newest) < 0)
        return STATUS_OK;
    TRY(database_number(&s->store->db, &records, err,
                        "SELECT count(*) FROM artifacts WHERE kind = 'events' AND file = ?", "s",
                        name));
    if (records == 0)
        return STATUS_OK;
    free(s->newest);
    s->newest = strdup(name);
    return got_memory(s->newest, err, path);
}

/* *any, which may be NULL: whether the directory has event files. */
static status has_newest(run_store *store, int64_t run, const char *directory, bool *has, bool *any,
                         error *err)
{
    search s = {.store = store};
    int64_t files = 0;
    status result = file_each(directory, take_newer, &s, err);
    if (result == STATUS_OK && s.newest)
        result = database_number(
            &store->db, &files, err,
            "SELECT count(*) FROM artifacts WHERE run = ? AND kind = 'events' AND file = ?", "is",
            run, s.newest);
    free(s.newest);
    *has = files > 0;
    if (any)
        *any = s.any;
    return result;
}

status run_home_has_events(run_store *store, int64_t run, const char *directory, bool *has,
                           error *err)
{
    return has_newest(store, run, directory, has, NULL, err);
}

/* *known: both have a config. */
static status compare_configs(run_store *store, int64_t run, const char *directory, bool *same,
                              bool *known, error *err)
{
    error why;
    json_t *here, *recorded = NULL;
    sqlite3_stmt *row = NULL;
    bool found;
    *same = *known = false;
    if (record_config(directory, &here, &why) != STATUS_OK) {
        if (why.shortage)
            *err = why;
        return why.shortage ? STATUS_FAILED : STATUS_OK;
    }
    status result;
    TRY_OR_DONE(database_find(&store->db, &row, &found, err, "SELECT config FROM runs WHERE id = ?",
                              "i", run));
    if (found)
        TRY_OR_DONE(database_json(row, 0, &recorded, err));
    *known = recorded;
    *same = recorded && json_equal(here, recorded);
done:
    sqlite3_finalize(row);
    json_decref(recorded);
    json_decref(here);
    return result;
}

status run_home_has_other(run_store *store, int64_t run, const char *directory, bool *other,
                          error *err)
{
    bool has, same, known;
    *other = false;
    TRY(run_home_has_events(store, run, directory, &has, err));
    if (has)
        return STATUS_OK;
    TRY(compare_configs(store, run, directory, &same, &known, err));
    *other = known && !same;
    return STATUS_OK;
}

status run_home_holds(run_store *store, int64_t run, const char *directory, bool *holds, error *err)
{
    bool has_others, known;
    int64_t recorded = 0;
    TRY(has_newest(store, run, directory, holds, &has_others, err));
    if (*holds)
        return STATUS_OK;
    TRY(database_number(&store->db, &recorded, err,
                        "SELECT count(*) FROM artifacts WHERE run = ? AND kind = 'events'", "i",
                        run));
    return recorded > 0 && has_others ? STATUS_OK
                                      : compare_configs(store, run, directory, holds, &known, err);
}
