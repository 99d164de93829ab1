/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes `runs --add` (track/record.c): the input is a run's config.json and metrics.jsonl,
 * separated by a line "=====". Everything that was recorded must be in the store, each value at its
 * step. */
#include "track/record.h"
#include "base/file.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static void check_store(const char *path)
{
    error err;
    run_store *store;
    run_record run;
    words names;
    FUZZ_SUCCEEDS(run_store_open(path, false, NULL, &store, &err));
    FUZZ_SUCCEEDS(run_store_find(store, "run", &run, &err));
    FUZZ_SUCCEEDS(run_store_names(store, run.id, &names, &err));
    for (size_t i = 0; i < names.count; i++) {
        run_series series;
        FUZZ_SUCCEEDS(run_store_series(store, run.id, names.texts[i], &series, &err));
        FUZZ_HOLDS(series.count > 0);
        for (size_t k = 1; k < series.count; k++)
            FUZZ_HOLDS(series.steps[k] > series.steps[k - 1]);
        run_series_free(&series);
    }
    words_free(&names);
    run_record_free(&run);
    run_store_close(store);
}

static size_t find_cut(const uint8_t *data, size_t size, size_t *behind)
{
    static const char cut[] = "\n=====\n";
    const uint8_t *found = size > 0 ? memmem(data, size, cut, sizeof cut - 1) : NULL;
    size_t length = found ? (size_t)(found - data) : size;
    *behind = found ? length + sizeof cut - 1 : size;
    return length;
}

int fuzz_record(const uint8_t *data, size_t size)
{
    error err;
    char *store;
    size_t behind, length = find_cut(data, size, &behind);
    char *config = fuzz_file("record/run/config.json", data, length);
    char *metrics = fuzz_file("record/run/metrics.jsonl", data + behind, size - behind);
    char *run = file_parent(config);
    if (record_run(run, NULL, &store, &err) == STATUS_OK) {
        check_store(store);
        free(store);
    }
    free(run);
    free(metrics);
    free(config);
    return 0;
}
