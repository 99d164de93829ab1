/* SPDX-License-Identifier: Apache-2.0 */
/* See run_home.h. */
#include "track/run_home.h"
#include "base/file.h"
#include "base/text.h"
#include "track/event_file.h"
#include "track/record.h"

status run_home_events(run_store *store, int64_t run, words *files, error *err)
{
    return database_each(&store->db, database_take_word, files, err,
                         "SELECT file FROM artifacts WHERE run = ? AND kind = 'events'", "i", run);
}

bool run_home_has_one(const char *directory, const words *files)
{
    bool found = false;
    for (size_t i = 0; i < files->count && !found; i++)
        found = file_is_name(files->texts[i]) && file_exists_in(directory, files->texts[i]);
    return found;
}

static void look_for_events(void *found, const char *name, const char *path)
{
    (void)path;
    *(bool *)found |= text_after(name, EVENT_FILE_BEGINS) != NULL;
}

static status has_config(run_store *store, int64_t run, const char *directory, bool *has,
                         error *err)
{
    error why;
    json_t *here, *recorded = NULL;
    sqlite3_stmt *row = NULL;
    bool found;
    *has = false;
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
    *has = recorded && json_equal(here, recorded);
done:
    sqlite3_finalize(row);
    json_decref(recorded);
    json_decref(here);
    return result;
}

status run_home_holds(run_store *store, int64_t run, const char *directory, bool *holds, error *err)
{
    words files = {0};
    bool has_others = false;
    *holds = false;
    status result = run_home_events(store, run, &files, err);
    bool has_events = files.count > 0;
    if (result == STATUS_OK)
        *holds = run_home_has_one(directory, &files);
    words_free(&files);
    if (result != STATUS_OK || *holds)
        return result;
    file_each(directory, look_for_events, &has_others);
    return has_events && has_others ? STATUS_OK : has_config(store, run, directory, holds, err);
}
