/* SPDX-License-Identifier: Apache-2.0 */
/* See tracking.h. */
#include "train/tracking.h"
#include "base/clock.h"
#include "base/text.h"
#include "config.h"
#include "track/metric_lines.h"
#include "track/record.h"
#include "train/trainer.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FLUSH_SECONDS = 1,
    RETRY_SECONDS = 10,     /* behind a flush that failed */
    PATIENCE = 100,         /* milliseconds that a step waits for another process that writes, */
    LAST_PATIENCE = 30000,  /* and the end of the run */
    MOST_WAITING = 1 << 20, /* values, while the store cannot be written; then all are dropped */
};

/* Beside what a person looks at first. */
static const char *const shown_metrics[] = {"validation/loss", "validation/fine_top1",
                                            "validation/coarse_top1", "test/fine_top1",
                                            "test/coarse_top1"};

void tracking_check(trainer *t, status result, const error *err)
{
    if (result == STATUS_OK || t->track.complained)
        return;
    t->track.complained = true;
    char *text = text_format("%s; the run goes on, and what is written there may lack some of it",
                             err->message);
    if (text)
        trainer_note(t, text);
    free(text);
}

/* ---- Lines ---- */

/* The values that wait, to the store. */
static void flush_values(trainer *t)
{
    error err;
    tracking *k = &t->track;
    status result = run_store_log(k->store, k->run, k->waiting, k->count, &err);
    tracking_check(t, result, &err);
    if (result == STATUS_OK)
        k->count = 0;
    else
        k->flushed += RETRY_SECONDS;
}

void tracking_flush(trainer *t)
{
    error err;
    tracking *k = &t->track;
    k->flushed = clock_now();
    if (k->run != 0)
        flush_values(t);
    tracking_check(t, event_file_flush(k->events, &err), &err);
}

static status make_room(tracking *k, size_t more, error *err)
{
    if (k->count + more <= k->capacity)
        return STATUS_OK;
    if (k->capacity >= MOST_WAITING) {
        k->count = 0;
        return STATUS_OK;
    }
    size_t capacity = 2 * k->capacity + more;
    run_metric *grown = realloc(k->waiting, capacity * sizeof *grown);
    if (!grown)
        return error_memory(err, "what the run logs");
    k->waiting = grown;
    k->capacity = capacity;
    return STATUS_OK;
}

/* For the store. */
static void keep_values(trainer *t, const run_metric *values, size_t count)
{
    error err;
    tracking *k = &t->track;
    if (k->run == 0 || count == 0)
        return;
    status result = make_room(k, count, &err);
    tracking_check(t, result, &err);
    if (result == STATUS_OK) {
        memcpy(k->waiting + k->count, values, count * sizeof *values);
        k->count += count;
    }
}

/* journal.watch. */
static void take_line(void *context, const json_t *line)
{
    error err;
    trainer *t = context;
    tracking *k = &t->track;
    run_metric values[METRICS_OF_LINE];
    size_t count = metric_line_values(line, &k->step, values);
    keep_values(t, values, count);
    for (size_t i = 0; i < count; i++)
        tracking_check(
            t, event_file_scalar(k->events, values[i].step, values[i].name, values[i].value, &err),
            &err);
    if (clock_now() - k->flushed >= FLUSH_SECONDS)
        tracking_flush(t);
}

/* ---- Beginning ---- */

static json_t *summary_of(trainer *t)
{
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:i, s:i, s:I, s:I, s:I}", "data",
                     dataset_is_sample(&t->data) ? "drawn sample" : t->data.source, "form",
                     t->data.form, "train_images", (json_int_t)t->parts.train.count,
                     "validation_images", (json_int_t)t->parts.validation.count, "test_images",
                     (json_int_t)t->parts.whole_test.count, "coarse_classes",
                     t->data.classes.coarse_count, "fine_classes", t->data.classes.fine_count,
                     "parameters", (json_int_t)network_size(t->net), "trained_parameters",
                     (json_int_t)trainer_trained_size(t), "memory_bytes",
                     (json_int_t)network_memory_bytes(t->net));
}

static status begin_record(trainer *t, const char *name, json_t *config, bool resumed, error *err)
{
    bool known;
    char host[HOST_NAME_MAX + 1] = "";
    gethostname(host, sizeof host - 1);
    run_beginning what = {
        .name = name,
        .version = PACKAGE_VERSION,
        .device = t->dev->info.name,
        .driver = t->dev->info.driver,
        .host = host,
        .config = config,
        .summary = summary_of(t),
        .at = run_store_now(),
        .resumed = resumed,
        .step = t->state.step,
    };
    if (!what.summary)
        return error_memory(err, "the run's record");
    status result = run_store_begin(t->track.store, &what, &t->track.run, &known, err);
    json_decref(what.summary);
    return result;
}

static status begin_events(trainer *t, json_t *config, bool resumed, error *err)
{
    tracking *k = &t->track;
    TRY(event_file_create(t->run.path, &k->events, err));
    if (resumed)
        TRY(event_file_resume(k->events, t->state.step, err));
    TRY(event_file_hyperparameters(k->events, config, shown_metrics,
                                   sizeof shown_metrics / sizeof shown_metrics[0], err));
    tracking_file(t, "events", event_file_name(k->events));
    return event_file_flush(k->events, err);
}

/* The run's name in the store: the last part of its path from the root. */
static status begin_run(trainer *t, json_t *config, bool resumed, error *err)
{
    char *path = realpath(t->run.path, NULL);
    if (!path)
        return error_set(err, STATUS_FAILED, "%s: its path from the root cannot be found: %s",
                         t->run.path, strerror(errno));
    status result = begin_record(t, strrchr(path, '/') + 1, config, resumed, err);
    free(path);
    return result;
}

/* What was found of a checkpoint that a run which goes on may better. */
static status remove_test(const trainer *t, error *err)
{
    char *path = text_format("%s/test.json", t->run.path);
    if (!path)
        return error_memory(err, t->run.path);
    bool gone = remove(path) == 0 || errno == ENOENT;
    status result =
        gone ? STATUS_OK
             : error_set(err, STATUS_FAILED, "%s: cannot be removed: %s", path, strerror(errno));
    free(path);
    return result;
}

/* Whether the store holds the steps up to the one that the run goes on from. */
static status check_history(trainer *t, bool *whole, error *err)
{
    run_series losses;
    uint64_t every = (uint64_t)t->options->metrics_every;
    TRY(run_store_series(t->track.store, t->track.run, "loss", &losses, err));
    *whole = losses.count == t->state.step / every;
    run_series_free(&losses);
    return STATUS_OK;
}

static status begin_store(trainer *t, json_t *config, bool resumed, error *err)
{
    tracking *k = &t->track;
    bool whole = true;
    TRY(begin_run(t, config, resumed, err));
    if (resumed)
        TRY(check_history(t, &whole, err));
    if (!whole) /* from before there was a store, it was moved away, or its disk was full */
        TRY(record_metrics(k->store, k->run, t->log.path, err));
    tracking_file(t, "config", "config.json");
    tracking_file(t, "checkpoint", "last.safetensors");
    if (!t->options->metrics)
        tracking_file(t, "metrics", "metrics.jsonl");
    run_store_set_patience(k->store, PATIENCE);
    return STATUS_OK;
}

/* Each part alone: that one cannot be is no reason for the others not to be. */
static void begin(trainer *t, json_t *config, bool resumed)
{
    error err;
    tracking *k = &t->track;
    if (k->store)
        tracking_check(t, begin_store(t, config, resumed, &err), &err);
    if (resumed)
        tracking_check(t, remove_test(t, &err), &err);
    tracking_check(t, begin_events(t, config, resumed, &err), &err);
    k->step = t->state.step;
    k->flushed = clock_now();
    t->log.watch = take_line;
    t->log.context = t;
}

void tracking_begin(trainer *t, bool resumed)
{
    error err;
    json_t *config;
    status result = record_config(t->run.path, &config, &err);
    tracking_check(t, result, &err);
    if (result != STATUS_OK)
        return;
    begin(t, config, resumed);
    json_decref(config);
}

void tracking_open(trainer *t, const char *directory)
{
    error err;
    char *path = realpath(directory, NULL);
    char *store = path ? run_store_path_of(path) : NULL;
    status result =
        store ? run_store_open(store, true, &t->track.store, &err) : error_memory(&err, directory);
    tracking_check(t, result, &err);
    free(store);
    free(path);
}

void tracking_file(trainer *t, const char *kind, const char *file)
{
    error err;
    if (t->track.run != 0)
        tracking_check(t, run_store_add_artifact(t->track.store, t->track.run, kind, file, &err),
                       &err);
}

/* ---- The end ---- */

static enum run_state state_of(status result, bool complete)
{
    if (result == STATUS_OK)
        return complete ? RUN_FINISHED : RUN_STOPPED;
    return result == STATUS_INTERRUPTED ? RUN_STOPPED : RUN_FAILED;
}

static void end_store(trainer *t, enum run_state state, const error *why)
{
    error err;
    tracking *k = &t->track;
    run_store_set_patience(k->store, LAST_PATIENCE);
    tracking_flush(t);
    tracking_check(t,
                   run_store_end(k->store, k->run, state, state == RUN_FAILED ? why->message : NULL,
                                 run_store_now(), &err),
                   &err);
}

void tracking_end(trainer *t, status result, const error *why)
{
    error err;
    tracking *k = &t->track;
    enum run_state state = state_of(result, t->complete);
    /* Readers keep the first word on how a run ended: only what is final is said. */
    if (state == RUN_FINISHED)
        tracking_check(t, event_file_end(k->events, true, &err), &err);
    if (k->run != 0)
        end_store(t, state, why);
    event_file_close(k->events);
    run_store_close(k->store);
    free(k->waiting);
    *k = (tracking){0};
}
