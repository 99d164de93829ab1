/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a run; see run_files.h. */
#include "train/run_files.h"
#include "base/file.h"
#include "base/json_values.h"
#include "base/text.h"
#include "train/trainer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

status run_files_check(trainer *t, error *err)
{
    const train_options *o = t->options;
    TRY(config_check(o, err));
    TRY(run_directory_name(&t->files.run, o->run, err));
    return o->metrics ? journal_check_new(o->metrics, err) : STATUS_OK;
}

static status write_config(const trainer *t, const char *directory, error *err)
{
    const dataset *set = &t->data.set;
    train_options kept = *t->options;
    kept.freeze = t->model.freeze;
    kept.precision = t->model.dev->precision; /* auto may mean another on another device */
    kept.image_size = network_get_options(t->model.net)->image_size;
    bool sample = dataset_is_sample(set);
    char *path = text_format("%s/config.json", directory);
    /* An absolute path, so that the run can be resumed from anywhere. */
    char *data = sample ? NULL : realpath(set->source, NULL);
    kept.data = data;
    char *metrics = kept.metrics ? file_absolute(kept.metrics) : NULL;
    kept.metrics = metrics;
    status result;
    if (!data && !sample)
        TRY_OR_DONE(file_error(err, set->source, "its absolute path cannot be found"));
    TRY_OR_DONE(got_memory(path && (metrics || !t->options->metrics), err, directory));
    result = config_write(path, &kept, err);
done:
    free(metrics);
    free(data);
    free(path);
    return result;
}

/* Creates the directory. It gets its final name when its first checkpoint is whole. */
static status create_run(trainer *t, error *err)
{
    run_directory *run = &t->files.run;
    TRY(run_directory_begin(run, err));
    tracking_open(&t->files.track, run->temporary);
    TRY(write_config(t, run->temporary, err));
    TRY(checkpoint_save(run->temporary, t->model.net, &t->data.set.classes, t->model.solve,
                        &t->state, false, err));
    return run_directory_commit(run, err);
}

/* Opens the metrics file: the option's, or the one in the run directory. */
static status open_journal(trainer *t, bool resumed, error *err)
{
    run_files *f = &t->files;
    const char *chosen = t->options->metrics;
    char *path = chosen ? text_format("%s", chosen) : text_format("%s/metrics.jsonl", f->run.path);
    TRY(got_memory(path, err, f->run.path));
    status result = resumed ? journal_resume(&f->log, path, &t->state.logged, t->state.step, err)
                            : journal_create(&f->log, path, err);
    free(path);
    return result;
}

static json_t *summary_of(const trainer *t)
{
    const dataset *set = &t->data.set;
    const dataset_division *parts = &t->data.parts;
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:i, s:i, s:I, s:I, s:I}", "data",
                     set->source ? set->source : "drawn sample", "form", set->form, "train_images",
                     (json_int_t)parts->train.count, "validation_images",
                     (json_int_t)parts->validation.count, "test_images",
                     (json_int_t)parts->whole_test.count, "coarse_classes",
                     set->classes.coarse_count, "fine_classes", set->classes.fine_count,
                     "parameters", (json_int_t)network_size(t->model.net), "trained_parameters",
                     (json_int_t)run_model_trained_size(&t->model), "memory_bytes",
                     (json_int_t)network_memory_bytes(t->model.net));
}

static void begin_tracking(trainer *t, bool resumed)
{
    run_files *f = &t->files;
    json_watch();
    const tracked_run run = {
        .directory = f->run.path,
        .device = t->model.dev->info.name,
        .driver = t->model.dev->info.driver,
        .summary = summary_of(t),
        .metrics = f->log.path,
        .metrics_elsewhere = t->options->metrics != NULL,
        .resumed = resumed,
        .step = t->state.step,
        .logged = t->state.step / (uint64_t)t->options->metrics_every,
    };
    tracking_begin(&f->track, &run);
    json_decref(run.summary);
}

status run_files_begin(trainer *t, error *err)
{
    /* A metrics file elsewhere comes first: if it cannot be written, no run directory is left. */
    if (t->options->metrics) {
        TRY(open_journal(t, false, err));
        TRY(journal_sync(&t->files.log, &t->state.logged, err));
    }
    TRY(create_run(t, err));
    if (!t->options->metrics)
        TRY(open_journal(t, false, err));
    begin_tracking(t, false);
    return STATUS_OK;
}

status run_files_reopen(trainer *t, error *err)
{
    TRY(run_directory_open(&t->files.run, t->options->resume, err));
    tracking_open(&t->files.track, t->options->resume);
    return STATUS_OK;
}

status run_files_resume(trainer *t, error *err)
{
    TRY(open_journal(t, true, err));
    begin_tracking(t, true);
    return STATUS_OK;
}

status run_files_share_path(trainer *t, error *err)
{
    const ranks *r = t->options->ranks;
    run_directory *run = &t->files.run;
    size_t length = run->path ? strlen(run->path) + 1 : 0;
    TRY(ranks_broadcast(r, &length, sizeof length, err));
    if (!ranks_lead(r))
        *run = (run_directory){.path = malloc(length), .lock = -1};
    TRY(got_memory(run->path, err, "the run's name"));
    return ranks_broadcast(r, run->path, length, err);
}

status run_files_log(run_files *f, const metric_line *line, error *err)
{
    TRY(journal_put(&f->log, line, err));
    tracking_log(&f->track, line);
    return STATUS_OK;
}

status run_files_still_there(const trainer *t, error *err)
{
    if (run_directory_is_there(&t->files.run))
        return STATUS_OK;
    return error_set(err, STATUS_FAILED,
                     "%s: is no longer the directory of this run: it was renamed, replaced or "
                     "removed",
                     t->files.run.path);
}

/* Not a reason to end the run: the store and the event files have its metrics too. */
static void check_log(trainer *t)
{
    run_files *f = &t->files;
    if (f->log_is_lost || journal_is_there(&f->log))
        return;
    f->log_is_lost = true;
    train_note(
        t->observer,
        "%s: is no longer the metrics file of this run: it was renamed, replaced or removed; "
        "the run continues, but what it logs is lost there. To log to a file again, stop the "
        "run (Ctrl-C), put the file back or move another one away, and resume it",
        f->log.path);
}

status run_files_save(trainer *t, bool best, error *err)
{
    run_files *f = &t->files;
    TRY(run_files_still_there(t, err));
    check_log(t);
    TRY(journal_sync(&f->log, &t->state.logged, err));
    tracking_flush(&f->track);
    TRY(solver_get_loss_scale(t->model.solve, &t->state.scaling, err));
    TRY(checkpoint_save(f->run.path, t->model.net, &t->data.set.classes, t->model.solve, &t->state,
                        best, err));
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
