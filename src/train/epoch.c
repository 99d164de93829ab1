/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of an epoch and its end; see epoch.h. */
#include "train/epoch.h"
#include "base/clock.h"
#include "ranks/replicas.h"
#include "train/run_lines.h"
#include "train/snapshots.h"

#include <math.h>

/* ---- Steps ---- */

/* Whether the loop has to wait for the device, between two steps. */
static bool has_to_rest(const trainer *t)
{
    uint64_t every = (uint64_t)t->options->checkpoint_every, steps = steps_started(t);
    return t->stopping || trainer_limit_reached(t, steps) || (every > 0 && steps % every == 0);
}

static status run_steps(trainer *t, bool *ended, error *err)
{
    *ended = false;
    while (!trainer_limit_reached(t, steps_started(t))) {
        TRY(training_step(t, ended, err));
        if (*ended)
            return STATUS_OK;
        if (!step_is_whole(t))
            continue;
        TRY(trainer_ask_stop(t, err)); /* after the observer, whose callback may ask for it */
        if (!has_to_rest(t))
            continue;
        TRY(step_results_wait(t, err));
        *ended = t->state.batch == loader_batches(t->data.train);
        if (*ended) /* the end of the epoch saves, and notices a stop and the limit */
            return STATUS_OK;
        TRY(trainer_save(t, false, err));
        if (t->stopping || trainer_limit_reached(t, t->state.step))
            return STATUS_OK;
    }
    return STATUS_OK;
}

static status run_epoch_steps(trainer *t, bool *ended, error *err)
{
    t->now = (step_progress){.started = clock_now()};
    TRY(loader_start(t->data.train, t->state.epoch, (size_t)t->state.batch, err));
    status result = run_steps(t, ended, err);
    step_abandon(t); /* after an error: the step's update is not complete, so it does not count */
    return result;
}

/* ---- Measuring ---- */

/* Measures the validation set, with the average of the weights if there is one. If it is
 * stopped, the run is saved with all steps of the epoch done, so a resumed run starts with this
 * validation. */
static status validate(trainer *t, metrics *sums, evaluation *seen, error *err)
{
    solver_swap_average(t->model.solve);
    status result = trainer_measure(t, t->data.validate, &t->data.parts.validation, "validation",
                                    sums, seen, err);
    solver_swap_average(t->model.solve);
    if (result != STATUS_INTERRUPTED)
        return result;
    TRY(trainer_save(t, false, err));
    return trainer_interrupted(t, err);
}

/* Writes pictures of the confusions, and histograms every --histograms epochs. */
static void look_closely(trainer *t, const evaluation *seen)
{
    tracking *k = &t->files.track;
    int every = t->options->histograms;
    loss_scale scaling = {.scale = 1};
    if (seen)
        snapshots_confusions(k, t->state.step, seen);
    if (every == 0 || (t->state.epoch + 1) % (uint32_t)every != 0)
        return;
    status result = precision_scales_loss(t->model.dev->precision)
                        ? solver_get_loss_scale(t->model.solve, &scaling, &k->why)
                        : STATUS_OK;
    if (!device_is_stuck(t->model.dev)) /* the next step reports that */
        tracking_check(k, result);
    if (result == STATUS_OK)
        snapshots_histograms(k, t->model.net, t->state.step, scaling.scale);
}

/* Logs the validation, advances the schedule and saves the checkpoint. `seen` may be NULL. */
static status close_epoch(trainer *t, train_epoch *what, const evaluation *seen, error *err)
{
    double loss = metrics_loss(&what->validation, what->run_weights);
    t->diverged = !isfinite(loss);
    if (t->diverged)
        return error_set(err, STATUS_FAILED,
                         "the validation loss of epoch %d (step %llu) is not finite: training "
                         "diverged; start a new run with --weights %s/last.safetensors, the last "
                         "checkpoint, and a lower --lr (now %g)",
                         what->epoch, (unsigned long long)t->state.step, t->files.run.path,
                         what->lr);
    what->best = loss < t->state.best_loss;
    if (trainer_leads(t)) {
        const metric_line line = run_line_of_epoch(what);
        TRY(run_files_log(&t->files, &line, err));
        look_closely(t, seen);
    }
    if (what->best) {
        t->state.best_loss = loss;
        t->state.best_epoch = t->state.epoch;
    }
    if (what->best && seen && trainer_leads(t))
        trainer_write_evaluation(t, seen, "validation.json", "validation",
                                 t->data.parts.validation.set, what->epoch);
    schedule_epoch(&t->state.rate, loss);
    t->state.epoch++;
    t->state.batch = 0;
    t->state.sums = (metrics){0};
    return trainer_save(t, what->best, err);
}

/* Makes all ranks end the epoch with the same network. */
static status align(trainer *t, error *err)
{
    bool differed;
    TRY(run_model_average_statistics(&t->model, t->options->ranks, err));
    TRY(replicas_align(t->options->ranks, t->model.net, solver_state(t->model.solve), &differed,
                       err));
    if (differed)
        train_note(t->observer,
                   "the ranks' weights differed in some bits, because devices of different kinds "
                   "may round differently; all ranks continue with those of rank 0");
    return STATUS_OK;
}

static status end_epoch(trainer *t, error *err)
{
    const train_options *o = t->options;
    double seconds = clock_now() - t->now.started;
    train_epoch what = {
        .step = t->state.step,
        .epoch = (int)t->state.epoch + 1,
        .epochs = o->epochs,
        .train = t->state.sums,
        .weights = trainer_weights(t),
        .run_weights = trainer_run_weights(t),
        .lr = schedule_rate(&t->state.rate, t->state.step), /* of the last step */
        .seconds = seconds,
        .images_per_second = seconds > 0 ? (double)t->now.images / seconds : 0,
        .only_fine = o->only_fine,
    };
    evaluation room, *seen;
    TRY(align(t, err));
    TRY(trainer_open_evaluation(t, &room, &seen, err));
    status result = validate(t, &what.validation, seen, err);
    if (result == STATUS_OK)
        result = close_epoch(t, &what, seen, err);
    evaluation_free(&room);
    if (result == STATUS_OK && t->observer->epoch)
        t->observer->epoch(t->observer->context, &what);
    return result;
}

status epoch_run(trainer *t, error *err)
{
    bool ended;
    TRY(run_epoch_steps(t, &ended, err));
    return ended ? end_epoch(t, err) : STATUS_OK;
}
