/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the store of runs (track/database.c, track/run_store.c, track/run_records.c and
 * sweep/sweep_store.c): the input is the SQLite file. Everything that `runs`, `report` and `sweep`
 * read from it is read. A run's directory must be one of the store's own. */
#include "track/run_store.h"
#include "base/file.h"
#include "fuzz.h"
#include "sweep/sweep_store.h"
#include "track/metric_lines.h"
#include "track/report.h"
#include "train/train_options.h"

#include <stdlib.h>
#include <string.h>

static void read_run(run_store *store, const run_record *run)
{
    error err;
    run_record same;
    FUZZ_HOLDS(!strchr(run->name, '/') && strcmp(run->name, "..") != 0);
    if (run_store_find(store, run->name, &same, &err) == STATUS_OK)
        run_record_free(&same);
    json_decref(report_run(store, run, &err));
}

static void read_runs(run_store *store)
{
    error err;
    run_list list;
    if (run_store_list(store, &list, &err) != STATUS_OK)
        return;
    for (size_t i = 0; i < list.count; i++)
        read_run(store, &list.runs[i]);
    run_list_free(&list);
}

static void read_trials(sweep_store *found, const char *text)
{
    error err;
    sweep_file file;
    sweep_trials trials = {0};
    if (sweep_file_read("sweep", text, train_rows, metric_names, &file, &err) != STATUS_OK)
        return;
    if (sweep_store_update(found, &file, &trials, &err) == STATUS_OK)
        sweep_trials_free(&trials);
    sweep_file_free(&file);
}

static void read_sweep(run_store *store, const char *name)
{
    error err;
    sweep_store found;
    words extra;
    char *text;
    if (sweep_store_find(store, name, &found, &text, &extra, &err) == STATUS_OK) {
        read_trials(&found, text);
        free(text);
        words_free(&extra);
    }
}

int fuzz_run_store(const uint8_t *data, size_t size)
{
    error err;
    run_store *store;
    fuzz_remove("store/runs.db-wal");
    fuzz_remove("store/runs.db-shm");
    fuzz_remove("store/runs.db-journal");
    char *path = fuzz_file("store/runs.db", data, size);
    if (run_store_open(path, false, NULL, &store, &err) == STATUS_OK) {
        run_store_set_patience(store, 0);
        read_runs(store);
        read_sweep(store, "first");
        run_store_close(store);
    }
    free(path);
    return 0;
}
