/* SPDX-License-Identifier: Apache-2.0 */
/* Sets up, resumes, measures and closes a run; see trainer.h. */
#include "train/trainer.h"
#include "base/file.h"
#include "base/text.h"
#include "measure/evaluate.h"
#include "ranks/replicas.h"

#include <math.h>
#include <stdlib.h>

bool trainer_leads(const trainer *t)
{
    return ranks_lead(t->options->ranks);
}

static loss_weights existing(const trainer *t, loss_weights w)
{
    return (loss_weights){train_has_coarse_loss(t->options) ? w.coarse : 0, w.fine};
}

loss_weights trainer_weights(const trainer *t)
{
    return existing(t, loss_schedule_at(&t->weights, t->state.epoch));
}

loss_weights trainer_run_weights(const trainer *t)
{
    return existing(t, t->options->loss);
}

void trainer_announce(const trainer *t)
{
    const train_started what = {
        .device = t->model.dev->info.name,
        .data = t->data.set.source,
        .run = t->files.run.path,
        .is_sample = dataset_is_sample(&t->data.set),
        .resumed = t->options->resume != NULL,
        .coarse_classes = t->data.set.classes.coarse_count,
        .fine_classes = t->data.set.classes.fine_count,
        .image_size = network_get_options(t->model.net)->image_size,
        .train_images = t->data.parts.train.count,
        .validation_images = t->data.parts.validation.count,
        .test_images = t->data.parts.whole_test.count,
        .held_out = t->data.parts.rule == DIVISION_HELD_OUT,
        .parameters = network_size(t->model.net),
        .trained_parameters = run_model_trained_size(&t->model),
        .memory_bytes = network_memory_bytes(t->model.net),
        .step = t->state.step,
        .ranks = ranks_count(t->options->ranks),
        .share = network_get_options(t->model.net)->batch_size,
    };
    if (t->observer->started)
        t->observer->started(t->observer->context, &what);
}

status trainer_ask_stop(trainer *t, error *err)
{
    t->stopping = t->observer->stop && *t->observer->stop;
    return ranks_any(t->options->ranks, &t->stopping, err);
}

status trainer_interrupted(const trainer *t, error *err)
{
    return error_set(
        err, STATUS_INTERRUPTED,
        "stopped after step %llu; everything is saved; continue with hcnn-cl train --resume %s",
        (unsigned long long)t->state.step, t->files.run.path);
}

bool trainer_limit_reached(const trainer *t, uint64_t steps)
{
    return t->options->max_steps > 0 && steps >= (uint64_t)t->options->max_steps;
}

status trainer_save(trainer *t, bool best, error *err)
{
    TRY(run_model_average_statistics(&t->model, t->options->ranks, err));
    return trainer_leads(t) ? run_files_save(t, best, err) : STATUS_OK;
}

void trainer_close(trainer *t, status result, const error *why)
{
    const bool settled = device_settled(t->model.dev);
    run_model_close(&t->model);
    if (settled) /* a stuck device may still read a batch */
        run_data_close(&t->data);
    run_files_close(&t->files, result, t->complete, why); /* last: it unlocks the run */
}

/* ---- Measuring ---- */

static void take_results(void *context, const batch *b, const step_results *results)
{
    evaluation_add(context, b, results);
}

status trainer_measure(trainer *t, loader *from, const image_subset *part, const char *name,
                       metrics *sums, evaluation *seen, error *err)
{
    const train_observer *o = t->observer;
    const evaluate_watch watch = {o->evaluating, o->context, name, o->stop};
    const evaluate_sink sink = {.results = take_results, .context = seen};
    const ranks *r = t->options->ranks;
    status result = evaluate_loader(t->model.net, from, &t->data.set.classes, &watch,
                                    seen ? &sink : NULL, sums, err);
    bool stopped = result == STATUS_INTERRUPTED;
    if (result != STATUS_OK && !stopped)
        return result;
    TRY(replicas_sum_metrics(r, sums, &stopped, err));
    if (stopped)
        return error_set(err, STATUS_INTERRUPTED, "stopped while measuring the %s", name);
    if (sums->count == 0 && part->count > 0)
        return error_set(err, STATUS_FAILED, "none of the %zu images of the %s can be read",
                         part->count, name);
    return replicas_merge_evaluation(r, seen, err);
}

status trainer_open_evaluation(trainer *t, evaluation *room, evaluation **seen, error *err)
{
    tracking *k = &t->files.track;
    status result = evaluation_create(room, &t->data.set.classes, !t->options->only_fine, &k->why);
    bool missing = result != STATUS_OK;
    tracking_check(k, result);
    TRY(ranks_any(t->options->ranks, &missing, err));
    *seen = missing ? NULL : room;
    return STATUS_OK;
}

void trainer_write_evaluation(trainer *t, const evaluation *seen, const char *file,
                              const char *set_name, const image_set *set, int epoch)
{
    tracking *k = &t->files.track;
    char *path = text_format("%s/%s", t->files.run.path, file);
    status result = got_memory(path, &k->why, t->files.run.path);
    if (result == STATUS_OK)
        result = run_files_still_there(t, &k->why);
    if (result == STATUS_OK)
        result = evaluation_write(seen, path, set_name, set, epoch, t->state.step, &k->why);
    tracking_check(k, result);
    if (result == STATUS_OK)
        tracking_file(k, "evaluation", file);
    free(path);
}

/* ---- Setting up ---- */

static run_terms terms_of(const train_options *o)
{
    return (run_terms){o->seed, o->loss, o->crop_boxes};
}

static status start_state(trainer *t, error *err)
{
    const train_options *o = t->options;
    const schedule_terms terms = {o->schedule, o->lr, o->min_lr, o->warmup, o->milestones};
    t->state.best_loss = INFINITY;
    t->state.scaling = loss_scale_start();
    t->state.terms = terms_of(o);
    return schedule_start(&t->state.rate, &terms, err);
}

/* The schedule counts steps; the last step of an epoch may have fewer batches. */
static void span_schedule(trainer *t)
{
    uint64_t whole = (uint64_t)t->options->accumulate, batches = loader_batches(t->data.train);
    schedule_span(&t->state.rate, t->options->epochs, (batches + whole - 1) / whole);
}

static status parse_options(trainer *t, error *err)
{
    const train_options *o = t->options;
    if (loss_schedule_parse(o->loss_schedule, o->loss, train_has_coarse_loss(o), &t->weights,
                            err) != STATUS_OK)
        return error_prefix(err, STATUS_USAGE, "--loss-schedule");
    return augment_parse(o->augment, &t->data.augment, err);
}

static status prepare(trainer *t, error *err)
{
    const train_options *o = t->options;
    TRY(train_options_check(o, err));
    TRY(parse_options(t, err));
    TRY(start_state(t, err));
    TRY(run_model_open_device(&t->model, o, t->observer, err));
    TRY(run_data_open(&t->data, o, t->observer->note, t->observer->context, err));
    span_schedule(t);
    return run_model_create(&t->model, o, &t->data, t->observer, err);
}

status trainer_begin(trainer *t, error *err)
{
    if (trainer_leads(t))
        TRY(run_files_check(t, err));
    TRY(prepare(t, err));
    TRY(run_model_start(&t->model, t->options, t->observer, err));
    TRY(trainer_ask_stop(
        t, err)); /* waits for all ranks: if one has failed so far, no run directory is created */
    if (trainer_leads(t))
        TRY(run_files_begin(t, err));
    return run_files_share_path(t, err);
}

/* ---- Resuming ---- */

/* Adds to an error what can be done if the run lacks the file; `other` is a checkpoint. */
static status advise_if_missing(const char *path, const char *other, status result, error *err)
{
    if (result != STATUS_FAILED || file_may_exist(path))
        return result;
    return error_suffix(
        err, result, "; the run needs it: restore it, or start a new run with --weights %s", other);
}

/* Loads the optimizer's state that belongs to the checkpoint `last`. */
static status load_solver(trainer *t, const char *last, const char *name, error *err)
{
    if (solver_state(t->model.solve)->count == 0)
        return STATUS_OK;
    if (!name)
        return error_set(err, STATUS_FAILED,
                         "%s: does not name the file with the optimizer's state", last);
    char *path = text_format("%s/%s", t->files.run.path, name);
    TRY(got_memory(path, err, name));
    status result = state_file_load(solver_state(t->model.solve), t->model.dev, path, err);
    result = advise_if_missing(path, last, result, err);
    free(path);
    return result;
}

static status load_state(trainer *t, error *err)
{
    checkpoint saved = {0};
    char *last = text_format("%s/last.safetensors", t->files.run.path);
    char *best = text_format("%s/best.safetensors", t->files.run.path);
    status result;
    TRY_OR_DONE(got_memory(last && best, err, t->files.run.path));
    TRY_OR_DONE(advise_if_missing(last, best, checkpoint_open(last, &saved, err), err));
    TRY_OR_DONE(
        hierarchy_compare(&saved.model.classes, last, &t->data.set.classes, "the data set", err));
    TRY_OR_DONE(model_file_load(&saved.model, t->model.net, err));
    TRY_OR_DONE(load_solver(t, last, saved.optimizer_file, err));
    const schedule fresh = t->state.rate;
    t->state = saved.state;
    t->state.rate = fresh;
    schedule_restore(&t->state.rate, &saved.state.rate);
    solver_set_loss_scale(t->model.solve, &t->state.scaling);
    /* Old checkpoints lack these options; config.json has them. */
    t->state.terms = terms_of(t->options);
done:
    checkpoint_close(&saved);
    free(last);
    free(best);
    return result;
}

status trainer_reopen(trainer *t, error *err)
{
    if (trainer_leads(t))
        TRY(run_files_reopen(t, err));
    TRY(prepare(t, err));
    TRY(run_files_share_path(t, err));
    TRY(load_state(t, err));
    return trainer_leads(t) ? run_files_resume(t, err) : STATUS_OK;
}
