/* SPDX-License-Identifier: Apache-2.0 */
/* The training loop: epochs, their ends, the run's end; see train.h. */
#include "train/train.h"
#include "base/clock.h"
#include "base/text.h"
#include "measure/evaluate.h"
#include "measure/evaluation.h"
#include "model/weights.h"
#include "ranks/replicas.h"
#include "train/recipe.h"
#include "train/run_lines.h"
#include "train/snapshots.h"
#include "train/trainer.h"

#include <math.h>
#include <stdlib.h>

/* What evaluate_watch.progress needs to pass on. */
typedef struct evaluating {
    const trainer *t;
    const char *what;
} evaluating;

static void pass_on(void *context, size_t done, size_t total)
{
    const evaluating *e = context;
    if (e->t->observer->evaluating)
        e->t->observer->evaluating(e->t->observer->context, e->what, done, total);
}

static status interrupted(const trainer *t, error *err)
{
    return error_set(err, STATUS_INTERRUPTED,
                     "stopped after step %llu; everything is saved: hcnn-cl train --resume %s",
                     (unsigned long long)t->state.step, t->run.path);
}

static void take_results(void *context, const batch *b, const step_results *results)
{
    evaluation_add(context, b, results);
}

/* Of the part that the loader is for. */
static status measure(trainer *t, loader *from, const image_subset *part, const char *name,
                      metrics *sums, evaluation *seen, error *err)
{
    evaluating context = {t, name};
    const evaluate_watch watch = {pass_on, &context, t->observer->stop};
    const evaluate_sink sink = {.results = take_results, .context = seen};
    const ranks *r = t->options->ranks;
    status result =
        evaluate_loader(t->net, from, &t->data.classes, &watch, seen ? &sink : NULL, sums, err);
    bool stopped = result == STATUS_INTERRUPTED;
    if (result != STATUS_OK && !stopped)
        return result;
    TRY(ranks_any(r, &stopped, err));
    if (stopped)
        return error_set(err, STATUS_INTERRUPTED, "stopped while measuring the %s", name);
    TRY(replicas_sum_metrics(r, sums, err));
    if (sums->count == 0 && part->count > 0)
        return error_set(err, STATUS_FAILED, "none of the %zu images of the %s can be read",
                         part->count, name);
    return replicas_merge_evaluation(r, seen, err);
}

/* By the average of the weights, where one is kept. Stopped, the run is saved as it stands: with
 * all of the epoch's steps done, so that a resumed one begins with this validation. */
static status validate(trainer *t, metrics *sums, evaluation *seen, error *err)
{
    solver_swap_average(t->solve);
    status result = measure(t, t->validate, &t->parts.validation, "validation", sums, seen, err);
    solver_swap_average(t->solve);
    if (result != STATUS_INTERRUPTED)
        return result;
    TRY(trainer_save(t, false, err));
    return interrupted(t, err);
}

/* Where what the network makes of each image is gathered: *seen is NULL, with a note, where there
 * is no room for that on some rank. It is not needed to train. */
static status open_evaluation(trainer *t, evaluation *room, evaluation **seen, error *err)
{
    error why;
    status result = evaluation_create(room, &t->data.classes, !t->options->only_fine, &why);
    bool missing = result != STATUS_OK;
    tracking_check(&t->track, result, &why);
    TRY(ranks_any(t->options->ranks, &missing, err));
    *seen = missing ? NULL : room;
    return STATUS_OK;
}

static void write_evaluation(trainer *t, const evaluation *seen, const char *file,
                             const char *set_name, const image_set *set, int epoch)
{
    const snapshot_file where = {t->run.path, file, set_name, set, epoch, t->state.step};
    snapshots_evaluation(&t->track, seen, &where);
}

/* Pictures of an epoch's confusions and, every --histograms epochs, weights and gradients. */
static void look_closely(trainer *t, const evaluation *seen)
{
    error err;
    int every = t->options->histograms;
    loss_scale scaling = {.scale = 1};
    if (seen)
        snapshots_confusions(&t->track, t->state.step, seen);
    if (every == 0 || (t->state.epoch + 1) % (uint32_t)every != 0)
        return;
    status result = t->dev->precision == PRECISION_FP16
                        ? solver_get_loss_scale(t->solve, &scaling, &err)
                        : STATUS_OK;
    tracking_check(&t->track, result, &err);
    if (result == STATUS_OK)
        snapshots_histograms(&t->track, t->net, t->state.step, scaling.scale);
}

/* The validation's line, the schedule, and the epoch's checkpoint. seen may be NULL. */
static status close_epoch(trainer *t, train_epoch *what, const evaluation *seen, error *err)
{
    double loss = metrics_loss(&what->validation, what->run_coarse_weight, what->run_fine_weight);
    t->diverged = !isfinite(loss);
    if (t->diverged)
        return error_set(
            err, STATUS_FAILED,
            "the validation loss of epoch %d (step %llu) is not finite: training "
            "diverged; start a run with --weights %s/last.safetensors, the last checkpoint, and a "
            "lower --lr (now %g)",
            what->epoch, (unsigned long long)t->state.step, t->run.path, what->lr);
    what->best = loss < t->state.best_loss;
    if (trainer_leads(t)) {
        const metric_line line = run_line_of_epoch(what, t->state.step);
        TRY(trainer_log(t, &line, err));
        look_closely(t, seen);
    }
    if (what->best) {
        t->state.best_loss = loss;
        t->state.best_epoch = t->state.epoch;
    }
    if (what->best && seen && trainer_leads(t))
        write_evaluation(t, seen, "validation.json", "validation", t->parts.validation.set,
                         what->epoch);
    schedule_epoch(&t->state.rate, loss);
    t->state.epoch++;
    t->state.batch = 0;
    t->state.sums = (metrics){0};
    return trainer_save(t, what->best, err);
}

/* The ranks begin an epoch's end with one network. */
static status align(trainer *t, error *err)
{
    bool differed;
    TRY(trainer_average_statistics(t, err));
    TRY(replicas_align(t->options->ranks, t->net, solver_state(t->solve), &differed, err));
    if (differed)
        trainer_note(t, "the ranks' weights differed in some bits, as devices of different kinds "
                        "may round; all go on with those of rank 0");
    return STATUS_OK;
}

static status end_epoch(trainer *t, error *err)
{
    const train_options *o = t->options;
    double seconds = clock_now() - t->epoch_started;
    const loss_weights now = trainer_weights(t), all = trainer_run_weights(t);
    train_epoch what = {
        .epoch = (int)t->state.epoch + 1,
        .epochs = o->epochs,
        .train = t->state.sums,
        .coarse_weight = now.coarse,
        .fine_weight = now.fine,
        .run_coarse_weight = all.coarse,
        .run_fine_weight = all.fine,
        .lr = schedule_rate(&t->state.rate, t->state.step), /* the last step's */
        .seconds = seconds,
        .images_per_second = seconds > 0 ? (double)t->images_since / seconds : 0,
        .only_fine = o->only_fine,
    };
    evaluation room, *seen;
    TRY(align(t, err));
    TRY(open_evaluation(t, &room, &seen, err));
    status result = validate(t, &what.validation, seen, err);
    if (result == STATUS_OK)
        result = close_epoch(t, &what, seen, err);
    evaluation_free(&room);
    if (result == STATUS_OK && t->observer->epoch)
        t->observer->epoch(t->observer->context, &what);
    return result;
}

static status measure_part(trainer *t, const image_subset *part, const char *name, metrics *sums,
                           evaluation *seen, error *err)
{
    loader *from;
    if (part->count == 0)
        return STATUS_OK;
    TRY(trainer_open_part(t, part, &from, err));
    status result = measure(t, from, part, name, sums, seen, err);
    loader_free(from);
    return result;
}

/* What is looked at closely is what the validation did not see. */
static status measure_test(trainer *t, train_finished *what, evaluation *seen, error *err)
{
    const image_subset *half = &t->parts.test, *whole = &t->parts.whole_test;
    bool halved = t->parts.rule == DIVISION_HALVED;
    if (halved)
        TRY(measure_part(t, half, "test half", &what->test_half, seen, err));
    TRY(measure_part(t, whole, "whole test set", &what->test_whole, halved ? NULL : seen, err));
    what->tested = true;
    if (!trainer_leads(t))
        return STATUS_OK;
    if (seen && seen->images > 0)
        write_evaluation(t, seen, "test.json", halved ? "test half" : "test", half->set,
                         what->best_epoch);
    const metric_line line = run_line_of_test(what);
    return trainer_log(t, &line, err);
}

/* The best checkpoint on the test set and, when one half of that validated, on the other. */
static status measure_best(trainer *t, train_finished *what, error *err)
{
    char *best = text_format("%s/best.safetensors", t->run.path);
    if (!best)
        return error_memory(err, t->run.path);
    status result = weights_load(t->net, best, true, NULL, err);
    free(best);
    TRY(result);
    evaluation room, *seen;
    TRY(open_evaluation(t, &room, &seen, err));
    result = measure_test(t, what, seen, err);
    evaluation_free(&room);
    return result;
}

/* Whether the validation loss has not fallen for as long as --early-stop bears. Known from the
 * state alone, so that a run that was stopped early stays so. */
static bool stalled(const trainer *t)
{
    uint32_t bearable = (uint32_t)t->options->early_stop;
    return bearable > 0 && t->state.epoch > t->state.best_epoch && isfinite(t->state.best_loss) &&
           t->state.epoch - t->state.best_epoch - 1 >= bearable;
}

static void note_stalled(const trainer *t)
{
    char *text =
        text_format("stopped early, after epoch %u: the validation loss has not fallen for "
                    "%d epochs",
                    (unsigned)t->state.epoch, t->options->early_stop);
    if (text)
        trainer_note(t, text);
    free(text);
}

/* What the ranks' talk has cost. */
static void note_exchange(const trainer *t)
{
    enum { MILLION = 1000000, MILLISECONDS = 1000 };
    const exchange_costs c = exchange_so_far(t->between);
    if (c.steps == 0)
        return;
    double each = MILLISECONDS * c.seconds / (double)c.steps;
    double exposed = MILLISECONDS * c.exposed_seconds / (double)c.steps;
    char *text =
        text_format("gradients: %.3g MB from each of %d ranks at each step; their sums took "
                    "%.3g ms a step, %.3g ms of it after the backward pass",
                    (double)c.bytes / MILLION, t->options->ranks->count, each, exposed);
    if (text)
        trainer_note(t, text);
    free(text);
}

static status finish(trainer *t, bool complete, error *err)
{
    train_finished what = {
        .step = t->state.step,
        .best_epoch = (int)t->state.best_epoch + 1,
        .coarse_weight = trainer_run_weights(t).coarse,
        .fine_weight = t->options->fine_weight,
        .only_fine = t->options->only_fine,
        .run = t->run.path,
    };
    status result = STATUS_OK;
    if (complete && stalled(t) && t->state.epoch < (uint32_t)t->options->epochs) {
        what.stopped_early = (int)t->state.epoch;
        note_stalled(t);
    }
    if (complete && isfinite(t->state.best_loss))
        result = measure_best(t, &what, err);
    if (result == STATUS_INTERRUPTED) /* the last epoch's end has saved: a resumed run measures */
        return interrupted(t, err);
    TRY(result);
    if (t->between && trainer_leads(t))
        note_exchange(t);
    t->complete = complete;
    if (t->observer->finished)
        t->observer->finished(t->observer->context, &what);
    return STATUS_OK;
}

static bool epochs_left(const trainer *t)
{
    return t->state.epoch < (uint32_t)t->options->epochs && !stalled(t);
}

static status run_epochs(trainer *t, error *err)
{
    while (epochs_left(t)) {
        TRY(trainer_ask_stop(t, err));
        if (t->stopping)
            return interrupted(t, err);
        if (trainer_limit_reached(t, t->state.step))
            return finish(t, false, err);
        bool ended;
        TRY(trainer_run_epoch(t, &ended, err));
        if (ended)
            TRY(end_epoch(t, err));
    }
    TRY(trainer_ask_stop(t, err));
    if (t->stopping)
        return interrupted(t, err);
    return finish(t, true, err);
}

/* What ended the run may be mended, and nothing that is in the last checkpoint is lost. */
static status advise(const trainer *t, status result, error *err)
{
    if (result != STATUS_FAILED || t->diverged)
        return result;
    return error_suffix(
        err, result, "; after that, `hcnn-cl train --resume %s` goes on from the last checkpoint",
        t->run.path);
}

status train_start(const train_options *options, const train_observer *observer, error *err)
{
    trainer t = {.options = options, .observer = observer};
    status result = trainer_begin(&t, err);
    if (result == STATUS_OK) {
        trainer_announce(&t, false);
        result = advise(&t, run_epochs(&t, err), err);
    }
    trainer_close(&t, result, err);
    return result;
}

status train_resume(const char *run, const train_changes *changes, const train_observer *observer,
                    error *err)
{
    train_options o = train_defaults();
    words kept = {0};
    char *path = text_format("%s/config.json", run);
    status result = path ? recipe_load_file(path, &o, &kept, err) : error_memory(err, run);
    free(path);
    o.device = changes->device;
    o.ranks = changes->ranks;
    o.epochs = changes->epochs > 0 ? changes->epochs : o.epochs;
    o.max_steps = changes->max_steps;
    o.threads = changes->threads > 0 ? changes->threads : o.threads;
    o.max_bad = changes->max_bad >= 0 ? changes->max_bad : o.max_bad;
    trainer t = {.options = &o, .observer = observer};
    if (result == STATUS_OK)
        result = trainer_reopen(&t, run, err);
    if (result == STATUS_OK) {
        trainer_announce(&t, true);
        result = advise(&t, run_epochs(&t, err), err);
    }
    trainer_close(&t, result, err);
    words_free(&kept);
    return result;
}
