/* SPDX-License-Identifier: Apache-2.0 */
/* See record.h. */
#include "track/record.h"
#include "base/file.h"
#include "base/json_values.h"
#include "base/text.h"
#include "track/event_file.h"
#include "track/metric_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    MAX_CONFIG_BYTES = 1 << 20,
    LOGGED_AT_ONCE = 4096, /* values per transaction */
};

status record_config(const char *run, json_t **config, error *err)
{
    json_error_t fault;
    char *path = text_format("%s/config.json", run);
    unsigned char *text = NULL;
    size_t size;
    *config = NULL;
    status result;
    TRY_OR_DONE(got_memory(path, err, run));
    TRY_OR_DONE(file_read(path, MAX_CONFIG_BYTES, &text, &size, err));
    TRY_OR_DONE(json_from_text((char *)text, size, 0, path, config, &fault, err));
    if (!json_is_object(*config)) {
        result = error_set(err, STATUS_FAILED, "%s: is not the configuration of a run: %s", path,
                           *config ? "expected a JSON object" : fault.text);
        json_decref(*config);
        *config = NULL;
    }
done:
    free(text);
    free(path);
    return result;
}

/* ---- The metrics file ---- */

/* The state of copying a metrics file into a store. */
typedef struct logging {
    run_store *store;
    int64_t run;
    const char *path;
    size_t line; /* number of the line */
    char text[METRIC_LINE_BYTES];
    uint64_t step;
    run_metric values[LOGGED_AT_ONCE + METRICS_OF_LINE];
    size_t count;
} logging;

static status log_values(logging *l, error *err)
{
    size_t count = l->count;
    l->count = 0;
    return count && l->store ? run_store_log(l->store, l->run, l->values, count, err) : STATUS_OK;
}

static status log_line(logging *l, const char *text, size_t length, error *err)
{
    json_error_t fault;
    json_t *line;
    TRY(json_from_text(text, length, 0, l->path, &line, &fault, err));
    if (!json_is_object(line)) {
        error_set(err, STATUS_FAILED, "%s: line %zu: not a metrics line: %s", l->path, l->line,
                  line ? "expected a JSON object" : fault.text);
        json_decref(line);
        return STATUS_FAILED;
    }
    l->count += metric_line_parse(line, &l->step, l->values + l->count);
    json_decref(line);
    return l->count >= LOGGED_AT_ONCE ? log_values(l, err) : STATUS_OK;
}

static status log_lines(logging *l, FILE *file, error *err)
{
    while (fgets(l->text, sizeof l->text, file)) {
        size_t length = strlen(l->text);
        l->line++;
        if (length > 0 && l->text[length - 1] == '\n')
            TRY(log_line(l, l->text, length, err));
        else if (!feof(file)) /* at the end, a kill truncated the line */
            return error_set(err, STATUS_FAILED,
                             "%s: line %zu: is too long for a metrics line, or contains zero bytes",
                             l->path, l->line);
    }
    return log_values(l, err);
}

status record_metrics(run_store *store, int64_t run, const char *path, error *err)
{
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return STATUS_OK;
    FILE *file = fopen(path, "rb");
    if (!file)
        return file_error(err, path, "cannot be read");
    logging *l = calloc(1, sizeof *l);
    status result;
    TRY_OR_DONE(got_memory(l, err, path));
    l->store = store;
    l->run = run;
    l->path = path;
    TRY_OR_DONE(log_lines(l, file, err));
done:
    free(l);
    fclose(file);
    return result;
}

/* ---- A whole run ---- */

static double modified(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 ? (double)info.st_mtime : run_store_now();
}

/* Records the end of a run that has none, or that has finished since. A run that logged a test
 * result had finished. */
static status end_run(run_store *store, const char *name, int64_t run, double at, error *err)
{
    run_record r;
    run_series tested;
    TRY(run_store_series(store, run, "test/loss", &tested, err));
    bool finished = tested.count > 0;
    run_series_free(&tested);
    TRY(run_store_find_state(store, name, &r, err));
    bool ended =
        r.state == RUN_FINISHED || (!finished && r.state != RUN_RUNNING && r.state != RUN_KILLED);
    run_record_free(&r);
    return ended ? STATUS_OK
                 : run_store_end(store, run, finished ? RUN_FINISHED : RUN_STOPPED, NULL, at, err);
}

typedef struct event_files {
    run_store *store;
    int64_t run;
} event_files;

static status add_event_file(void *context, const char *name, const char *path, error *err)
{
    const event_files *e = context;
    (void)path;
    return text_after(name, EVENT_FILE_BEGINS)
               ? run_store_add_artifact(e->store, e->run, "events", name, err)
               : STATUS_OK;
}

static status add_files(run_store *store, int64_t run, const char *directory, error *err)
{
    static const char *const files[][2] = {
        {"config", "config.json"},          {"metrics", "metrics.jsonl"},
        {"checkpoint", "last.safetensors"}, {"checkpoint", "best.safetensors"},
        {"evaluation", "validation.json"},  {"evaluation", "test.json"},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (file_exists_in(directory, files[i][1]))
            TRY(run_store_add_artifact(store, run, files[i][0], files[i][1], err));
    }
    event_files events = {store, run};
    return file_each(directory, add_event_file, &events, err);
}

static status record(run_store *store, const char *directory, const char *metrics, json_t *config,
                     error *err)
{
    char *config_path = text_format("%s/config.json", directory);
    json_watch();
    json_t *summary = json_object();
    int64_t run = 0;
    const run_beginning what = {.name = strrchr(directory, '/') + 1,
                                .config = config,
                                .summary = summary,
                                .added = true,
                                .at = config_path ? modified(config_path) : 0};
    status result;
    TRY_OR_DONE(got_memory(config_path && summary, err, directory));
    TRY_OR_DONE(run_store_begin(store, &what, &run, err));
    TRY_OR_DONE(record_metrics(store, run, metrics, err));
    TRY_OR_DONE(run_store_drop_old_tests(store, run, err));
    TRY_OR_DONE(add_files(store, run, directory, err));
    TRY_OR_DONE(end_run(store, what.name, run, modified(metrics), err));
done:
    json_decref(summary);
    free(config_path);
    return result;
}

static status record_locked(const char *directory, const char *path, const database_note *note,
                            error *err)
{
    json_t *config;
    run_store *store = NULL;
    status result;
    TRY(record_config(directory, &config, err));
    const char *elsewhere = json_string_value(json_object_get(config, "metrics"));
    char *metrics =
        elsewhere ? text_format("%s", elsewhere) : text_format("%s/metrics.jsonl", directory);
    TRY_OR_DONE(got_memory(metrics, err, directory));
    /* The whole file is checked before an older record is replaced. */
    TRY_OR_DONE(record_metrics(NULL, 0, metrics, err));
    TRY_OR_DONE(run_store_open(path, true, note, &store, err));
    TRY_OR_DONE(record(store, directory, metrics, config, err));
done:
    run_store_close(store);
    free(metrics);
    json_decref(config);
    return result;
}

status record_run(const char *run, const database_note *note, char **path, error *err)
{
    int lock;
    char *directory = realpath(run, NULL);
    *path = NULL;
    if (!directory)
        return file_error(err, run, "cannot be opened");
    *path = run_store_path_of(directory);
    status result = *path ? file_lock(directory, &lock, err) : error_memory(err, run);
    if (result == STATUS_OK) {
        result = record_locked(directory, *path, note, err);
        file_unlock(lock);
    }
    free(directory);
    if (result != STATUS_OK) {
        free(*path);
        *path = NULL;
    }
    return result;
}
