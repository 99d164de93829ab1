/* SPDX-License-Identifier: Apache-2.0 */
/* See tracking.h. */
#include "track/tracking.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "config.h"
#include "track/record.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FLUSH_SECONDS = 1,
    RETRY_SECONDS = 10,     /* after a flush that failed */
    PATIENCE = 100,         /* milliseconds that a step waits for another process that writes */
    LAST_PATIENCE = 30000,  /* the same, for the end of the run */
    MOST_WAITING = 1 << 20, /* values kept while the store cannot be written; beyond that, all are
                             * dropped */
};

/* Metrics that TensorBoard's HParams page shows beside the options. */
static const char *const shown_metrics[] = {"validation/loss", "validation/fine_top1",
                                            "validation/coarse_top1", "test/fine_top1",
                                            "test/coarse_top1"};

void tracking_check(tracking *k, status result)
{
    if (result == STATUS_OK || k->complained)
        return;
    k->complained = true;
    error_suffix(&k->why, result,
                 "; the run continues, but what is written there may be incomplete");
    if (k->note)
        k->note(k->context, k->why.message);
}

/* ---- Lines ---- */

/* Whether another program has locked the store for as long as a command waits. Until then nothing
 * is lost, because the values wait, too. */
static bool is_locked_for_long(tracking *k)
{
    double now = clock_now();
    if (k->locked_since == 0)
        k->locked_since = now;
    return now - k->locked_since >= LAST_PATIENCE / 1e3;
}

static status put_files(tracking *k)
{
    for (size_t i = 0; i + 1 < k->files.count; i += 2)
        TRY(run_store_add_artifact(k->store, k->run, k->files.texts[i], k->files.texts[i + 1],
                                   &k->why));
    words_free(&k->files);
    return STATUS_OK;
}

/* Writes the waiting values and files to the store. */
static void flush_values(tracking *k)
{
    status result = run_store_log(k->store, k->run, k->waiting, k->count, &k->why);
    if (result == STATUS_OK) {
        k->count = 0;
        k->locked_since = 0;
        result = put_files(k);
    }
    if (result == STATUS_OK)
        return;
    k->flushed += RETRY_SECONDS;
    if (!run_store_is_locked(k->store) || is_locked_for_long(k))
        tracking_check(k, result);
}

void tracking_flush(tracking *k)
{
    k->flushed = clock_now();
    if (k->run != 0)
        flush_values(k);
    tracking_check(k, event_file_flush(k->events, &k->why));
}

/* Keeps values for the next flush. If too many are waiting, those are dropped. */
static status keep_values(tracking *k, const run_metric *values, size_t count, error *err)
{
    size_t capacity = 2 * k->capacity + count;
    if (k->run == 0 || count == 0)
        return STATUS_OK;
    if (k->count + count > k->capacity && k->capacity >= MOST_WAITING)
        k->count = 0;
    if (k->count + count > k->capacity) {
        run_metric *grown = realloc(k->waiting, capacity * sizeof *grown);
        TRY(got_memory(grown, err, "what the run logs"));
        k->waiting = grown;
        k->capacity = capacity;
    }
    memcpy(k->waiting + k->count, values, count * sizeof *values);
    k->count += count;
    return STATUS_OK;
}

void tracking_log(tracking *k, const metric_line *line)
{
    run_metric metrics[METRICS_OF_LINE];
    size_t count = metric_line_metrics(line, metrics);
    tracking_check(k, keep_values(k, metrics, count, &k->why));
    for (size_t i = 0; i < count; i++)
        tracking_check(k, event_file_scalar(k->events, metrics[i].step, metrics[i].name,
                                            metrics[i].value, &k->why));
    if (clock_now() - k->flushed >= FLUSH_SECONDS)
        tracking_flush(k);
}

void tracking_picture(tracking *k, uint64_t step, const char *tag, const image *picture)
{
    unsigned char *png;
    size_t size;
    status result = image_encode_png(picture, &png, &size, &k->why);
    if (result == STATUS_OK) {
        result = event_file_image(k->events, step, tag, picture->width, picture->height, png, size,
                                  &k->why);
        free(png);
    }
    tracking_check(k, result);
}

void tracking_histogram(tracking *k, uint64_t step, const char *tag, const histogram *h)
{
    tracking_check(k, event_file_histogram(k->events, step, tag, h, &k->why));
}

/* ---- Beginning ---- */

static status begin_events(tracking *k, const tracked_run *run, json_t *config, error *err)
{
    TRY(event_file_create(run->directory, &k->events, err));
    if (run->resumed)
        TRY(event_file_resume(k->events, run->step, err));
    TRY(event_file_hyperparameters(k->events, config, shown_metrics,
                                   sizeof shown_metrics / sizeof shown_metrics[0], err));
    tracking_file(k, "events", event_file_name(k->events));
    return event_file_flush(k->events, err);
}

/* The run's name in the store is the last part of its absolute path. */
static status begin_run(tracking *k, const tracked_run *run, json_t *config, error *err)
{
    char host[HOST_NAME_MAX + 1] = "", *path = realpath(run->directory, NULL);
    if (!path)
        return file_error(err, run->directory, "its absolute path cannot be found");
    gethostname(host, sizeof host - 1);
    const run_beginning what = {
        .name = strrchr(path, '/') + 1,
        .version = PACKAGE_VERSION,
        .device = run->device,
        .driver = run->driver,
        .host = host,
        .config = config,
        .summary = run->summary,
        .at = run_store_now(),
        .resumed = run->resumed,
        .step = run->step,
    };
    status result = run->summary ? run_store_begin(k->store, &what, &k->run, err)
                                 : error_memory(err, "the run's record");
    free(path);
    return result;
}

/* Removes the test results of an earlier best checkpoint, because a resumed run may find a better
 * one. */
static status remove_test(const char *directory, error *err)
{
    char *path = text_format("%s/test.json", directory);
    TRY(got_memory(path, err, directory));
    bool gone = remove(path) == 0 || errno == ENOENT;
    status result = gone ? STATUS_OK : file_error(err, path, "cannot be removed");
    free(path);
    return result;
}

/* The store may lack steps up to the one that the run resumes from: it may be newer than the run or
 * have been moved away, or its disk was full. The metrics file has all steps. */
static status complete_history(tracking *k, const tracked_run *run, error *err)
{
    run_series losses;
    TRY(run_store_series(k->store, k->run, "loss", &losses, err));
    bool whole = losses.count == run->logged;
    run_series_free(&losses);
    return whole ? STATUS_OK : record_metrics(k->store, k->run, run->metrics, err);
}

static status begin_store(tracking *k, const tracked_run *run, json_t *config, error *err)
{
    TRY(begin_run(k, run, config, err));
    if (run->resumed)
        TRY(complete_history(k, run, err));
    tracking_file(k, "config", "config.json");
    tracking_file(k, "checkpoint", "last.safetensors");
    if (!run->metrics_elsewhere)
        tracking_file(k, "metrics", "metrics.jsonl");
    run_store_set_patience(k->store, PATIENCE);
    return STATUS_OK;
}

/* Starts each part on its own: if one fails, the others may still succeed. */
void tracking_begin(tracking *k, const tracked_run *run)
{
    json_t *config;
    status result = record_config(run->directory, &config, &k->why);
    tracking_check(k, result);
    if (result != STATUS_OK)
        return;
    if (k->store)
        tracking_check(k, begin_store(k, run, config, &k->why));
    if (run->resumed)
        tracking_check(k, remove_test(run->directory, &k->why));
    tracking_check(k, begin_events(k, run, config, &k->why));
    k->flushed = clock_now();
    json_decref(config);
}

void tracking_open(tracking *k, const char *directory)
{
    char *path = realpath(directory, NULL);
    char *store = path ? run_store_path_of(path) : NULL;
    const database_note note = {k->note, k->context};
    tracking_check(k, store ? run_store_open(store, true, &note, &k->store, &k->why)
                            : error_memory(&k->why, directory));
    free(store);
    free(path);
}

/* Keeps a file for the next flush. */
static status keep_file(tracking *k, const char *kind, const char *file)
{
    TRY(words_add(&k->files, kind, strlen(kind), &k->why));
    return words_add(&k->files, file, strlen(file), &k->why);
}

void tracking_file(tracking *k, const char *kind, const char *file)
{
    if (k->run == 0)
        return;
    status result = run_store_add_artifact(k->store, k->run, kind, file, &k->why);
    if (result != STATUS_OK && run_store_is_locked(k->store))
        result = keep_file(k, kind, file);
    tracking_check(k, result);
}

/* ---- The end ---- */

/* If it fails, that is said even after an earlier failure, because now a person has to act. */
static void end_record(tracking *k, enum run_state state, const char *message)
{
    tracking_check(k, event_file_flush(k->events, &k->why));
    run_store_set_patience(k->store, LAST_PATIENCE);
    status result =
        run_store_finish(k->store, k->run, k->waiting, k->count, state, message, &k->why);
    if (result == STATUS_OK) {
        tracking_check(k, put_files(k));
        return;
    }
    error_suffix(&k->why, result,
                 "; the store does not know how this run ended: `hcnn-cl runs --add RUN` adds it");
    if (k->note)
        k->note(k->context, k->why.message);
}

void tracking_end(tracking *k, enum run_state state, const char *message)
{
    /* Readers keep the first record of how a run ended, so only a final end is recorded. */
    if (state == RUN_FINISHED)
        tracking_check(k, event_file_end(k->events, &k->why));
    if (k->run != 0)
        end_record(k, state, message);
    event_file_close(k->events);
    run_store_close(k->store);
    free(k->waiting);
    words_free(&k->files);
    *k = (tracking){0};
}
