/* SPDX-License-Identifier: Apache-2.0 */
/* See run_files.h. */
#include "train/run_files.h"
#include "base/file.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

status run_files_check(run_files *f, const train_options *o, error *err)
{
    TRY(config_check(o, err));
    TRY(run_directory_name(&f->run, o->run, err));
    return o->metrics ? journal_check_new(o->metrics, err) : STATUS_OK;
}

static status write_config(const run_parts *p, const char *directory, error *err)
{
    train_options kept = *p->options;
    kept.freeze = p->model->freeze;
    kept.image_size = network_get_options(p->model->net)->image_size;
    bool sample = dataset_is_sample(&p->data->set);
    char *path = text_format("%s/config.json", directory);
    /* Absolute, so that the run can be resumed from anywhere. */
    char *data = sample ? NULL : realpath(p->data->set.source, NULL);
    kept.data = data;
    char *metrics = kept.metrics ? file_absolute(kept.metrics) : NULL;
    kept.metrics = metrics;
    status result;
    if (!data && !sample)
        TRY_OR_DONE(error_set(err, STATUS_FAILED, "%s: its path from the root cannot be found: %s",
                              p->data->set.source, strerror(errno)));
    TRY_OR_DONE(got_memory(path && (metrics || !p->options->metrics), err, directory));
    result = config_write(path, &kept, err);
done:
    free(metrics);
    free(data);
    free(path);
    return result;
}

/* The directory gets its name when the first checkpoint in it is whole. */
static status create_run(run_files *f, const run_parts *p, error *err)
{
    TRY(run_directory_begin(&f->run, err));
    tracking_open(&f->track, f->run.temporary);
    TRY(write_config(p, f->run.temporary, err));
    TRY(checkpoint_save(f->run.temporary, p->model->net, &p->data->set.classes, p->model->solve,
                        p->state, false, err));
    return run_directory_commit(&f->run, err);
}

/* The metrics file, its place chosen by the options or in the run's directory. */
static status open_journal(run_files *f, const run_parts *p, bool resumed, error *err)
{
    const char *chosen = p->options->metrics;
    char *path = chosen ? text_format("%s", chosen) : text_format("%s/metrics.jsonl", f->run.path);
    TRY(got_memory(path, err, f->run.path));
    status result = resumed ? journal_resume(&f->log, path, p->state->metrics_bytes, err)
                            : journal_create(&f->log, path, err);
    free(path);
    return result;
}

static json_t *summary_of(const run_parts *p)
{
    const char *source = p->data->set.source;
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:i, s:i, s:I, s:I, s:I}", "data",
                     source ? source : "drawn sample", "form", p->data->set.form, "train_images",
                     (json_int_t)p->data->parts.train.count, "validation_images",
                     (json_int_t)p->data->parts.validation.count, "test_images",
                     (json_int_t)p->data->parts.whole_test.count, "coarse_classes",
                     p->data->set.classes.coarse_count, "fine_classes",
                     p->data->set.classes.fine_count, "parameters",
                     (json_int_t)network_size(p->model->net), "trained_parameters",
                     (json_int_t)run_model_trained_size(p->model), "memory_bytes",
                     (json_int_t)network_memory_bytes(p->model->net));
}

static void begin_tracking(run_files *f, const run_parts *p, bool resumed)
{
    const tracked_run run = {
        .directory = f->run.path,
        .device = p->model->dev->info.name,
        .driver = p->model->dev->info.driver,
        .summary = summary_of(p),
        .metrics = f->log.path,
        .metrics_elsewhere = p->options->metrics != NULL,
        .resumed = resumed,
        .step = p->state->step,
        .logged = p->state->step / (uint64_t)p->options->metrics_every,
    };
    tracking_begin(&f->track, &run);
    json_decref(run.summary);
}

status run_files_begin(run_files *f, const run_parts *p, error *err)
{
    /* A metrics file elsewhere first: when it cannot be written, no run is left behind. */
    if (p->options->metrics)
        TRY(open_journal(f, p, false, err));
    TRY(create_run(f, p, err));
    if (!p->options->metrics)
        TRY(open_journal(f, p, false, err));
    begin_tracking(f, p, false);
    return STATUS_OK;
}

status run_files_reopen(run_files *f, const char *run, error *err)
{
    TRY(run_directory_open(&f->run, run, err));
    tracking_open(&f->track, run);
    return STATUS_OK;
}

status run_files_resume(run_files *f, const run_parts *p, error *err)
{
    TRY(open_journal(f, p, true, err));
    begin_tracking(f, p, true);
    return STATUS_OK;
}

status run_files_share_path(run_files *f, const ranks *r, error *err)
{
    size_t length = f->run.path ? strlen(f->run.path) + 1 : 0;
    TRY(ranks_broadcast(r, &length, sizeof length, err));
    if (!ranks_lead(r))
        f->run = (run_directory){.path = malloc(length), .lock = -1};
    TRY(got_memory(f->run.path, err, "the run's name"));
    return ranks_broadcast(r, f->run.path, length, err);
}

status run_files_log(run_files *f, const metric_line *line, error *err)
{
    TRY(journal_put(&f->log, line, err));
    tracking_log(&f->track, line);
    return STATUS_OK;
}

status run_files_save(run_files *f, const run_parts *p, bool best, error *err)
{
    solver *solve = p->model->solve;
    TRY(journal_sync(&f->log, &p->state->metrics_bytes, err));
    tracking_flush(&f->track);
    TRY(solver_get_loss_scale(solve, &p->state->scaling, err));
    TRY(checkpoint_save(f->run.path, p->model->net, &p->data->set.classes, solve, p->state, best,
                        err));
    if (best)
        tracking_file(&f->track, "checkpoint", "best.safetensors");
    return STATUS_OK;
}

static enum run_state state_of(status result, bool complete)
{
    if (result == STATUS_OK)
        return complete ? RUN_FINISHED : RUN_STOPPED;
    return result == STATUS_INTERRUPTED ? RUN_STOPPED : RUN_FAILED;
}

void run_files_close(run_files *f, status result, bool complete, const error *why)
{
    enum run_state state = state_of(result, complete);
    tracking_end(&f->track, state, state == RUN_FAILED ? why->message : NULL);
    journal_close(&f->log);
    run_directory_close(&f->run);
}
