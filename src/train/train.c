/* SPDX-License-Identifier: Apache-2.0 */
/* A run from start to end; see train.h. */
#include "train/train.h"
#include "base/text.h"
#include "model/weights.h"
#include "train/epoch.h"
#include "train/recipe.h"
#include "train/run_lines.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void train_note(const train_observer *o, const char *format, ...)
{
    va_list arguments;
    char *text;
    va_start(arguments, format);
    if (o->note && vasprintf(&text, format, arguments) >= 0) {
        o->note(o->context, text);
        free(text);
    }
    va_end(arguments);
}

static status measure_part(trainer *t, const image_subset *part, const char *name, metrics *sums,
                           evaluation *seen, error *err)
{
    loader *from;
    if (part->count == 0)
        return STATUS_OK;
    TRY(run_data_open_part(&t->data, t->options, part, &from, err));
    status result = trainer_measure(t, from, part, name, sums, seen, err);
    if (device_settled(t->model.dev)) /* a stuck device may still read a batch */
        loader_free(from);
    return result;
}

/* `seen` gets only images that validation did not use. */
static status measure_test(trainer *t, train_finished *what, evaluation *seen, error *err)
{
    const image_subset *half = &t->data.parts.test, *whole = &t->data.parts.whole_test;
    bool halved = t->data.parts.rule == DIVISION_HALVED;
    if (halved)
        TRY(measure_part(t, half, "test half", &what->test_half, seen, err));
    TRY(measure_part(t, whole, "whole test set", &what->test_whole, halved ? NULL : seen, err));
    what->tested = true;
    if (!trainer_leads(t))
        return STATUS_OK;
    if (seen && seen->images > 0)
        trainer_write_evaluation(t, seen, "test.json", halved ? "test half" : "test", half->set,
                                 what->best_epoch);
    const metric_line line = run_line_of_test(what);
    return run_files_log(&t->files, &line, err);
}

/* Measures the best checkpoint on the test set and, if one half of that was used for validation, on
 * the other half. */
static status measure_best(trainer *t, train_finished *what, error *err)
{
    evaluation room, *seen;
    TRY(trainer_leads(t) ? run_files_still_there(t, err) : STATUS_OK);
    char *best = text_format("%s/best.safetensors", t->files.run.path);
    TRY(got_memory(best, err, t->files.run.path));
    status result = weights_load(t->model.net, best, true, NULL, err);
    free(best);
    TRY(result);
    TRY(trainer_open_evaluation(t, &room, &seen, err));
    result = measure_test(t, what, seen, err);
    evaluation_free(&room);
    return result;
}

/* Whether the validation loss has not fallen for --early-stop epochs. This depends on the state
 * alone, so a run that stopped early stays stopped when it is resumed. */
static bool stalled(const trainer *t)
{
    uint32_t bearable = (uint32_t)t->options->early_stop;
    return bearable > 0 && t->state.epoch > t->state.best_epoch && isfinite(t->state.best_loss) &&
           t->state.epoch - t->state.best_epoch - 1 >= bearable;
}

/* Reports the time that summing gradients over the ranks took. */
static void note_exchange(const trainer *t)
{
    enum { MILLION = 1000000, MILLISECONDS = 1000 };
    const exchange_costs c = exchange_so_far(t->model.between);
    if (c.steps == 0)
        return;
    double each = MILLISECONDS * c.seconds / (double)c.steps;
    double exposed = MILLISECONDS * c.exposed_seconds / (double)c.steps;
    train_note(t->observer,
               "gradients: %.3g MB from each of %d ranks per step; their sums took %.3g ms per "
               "step, %.3g ms of it after the backward pass",
               (double)c.bytes / MILLION, t->options->ranks->count, each, exposed);
}

static status finish(trainer *t, bool complete, error *err)
{
    train_finished what = {
        .step = t->state.step,
        .best_epoch = (int)t->state.best_epoch + 1,
        .weights = trainer_run_weights(t),
        .only_fine = t->options->only_fine,
        .run = t->files.run.path,
    };
    status result = STATUS_OK;
    if (complete && stalled(t) && t->state.epoch < (uint32_t)t->options->epochs) {
        what.stopped_early = (int)t->state.epoch;
        train_note(t->observer,
                   "stopped early after epoch %u: the validation loss has not fallen for %d epochs",
                   (unsigned)t->state.epoch, t->options->early_stop);
    }
    if (complete && isfinite(t->state.best_loss))
        result = measure_best(t, &what, err);
    if (result == STATUS_INTERRUPTED) /* the last epoch has saved; a resumed run measures again */
        return trainer_interrupted(t, err);
    TRY(result);
    if (t->model.between && trainer_leads(t))
        note_exchange(t);
    t->complete = complete;
    if (t->observer->finished)
        t->observer->finished(t->observer->context, &what);
    return STATUS_OK;
}

static status run_epochs(trainer *t, error *err)
{
    for (;;) {
        bool complete = t->state.epoch >= (uint32_t)t->options->epochs || stalled(t);
        TRY(trainer_ask_stop(t, err));
        if (t->stopping)
            return trainer_interrupted(t, err);
        if (complete || trainer_limit_reached(t, t->state.step))
            return finish(t, complete, err);
        TRY(epoch_run(t, err));
    }
}

/* Adds how to continue: the last checkpoint is intact, and the user may be able to remove the
 * cause. */
static status advise(const trainer *t, status result, error *err)
{
    if (result != STATUS_FAILED || t->diverged)
        return result;
    if (trainer_leads(t) && !run_directory_is_there(&t->files.run))
        return error_suffix(err, result,
                            "; if it still exists, `hcnn-cl train --resume` with its new name "
                            "continues from its last checkpoint");
    return error_suffix(
        err, result,
        "; once that is solved, `hcnn-cl train --resume %s` continues from the last "
        "checkpoint",
        t->files.run.path);
}

/* Says which of the options that the caller gave have no effect beside the others. */
static void note_idle(const trainer *t)
{
    for (const train_idle *idle = train_idle_options; idle->option && trainer_leads(t); idle++)
        if (train_is_given(t->options, idle->option) && idle->holds(t->options))
            train_note(t->observer, "--%s has no effect %s", idle->option, idle->reason);
}

status train_run(const train_options *options, const train_observer *observer, error *err)
{
    trainer t = {
        .options = options,
        .observer = observer,
        .files.track = {.note = observer->note, .context = observer->context},
    };
    status result = options->resume ? trainer_reopen(&t, err) : trainer_begin(&t, err);
    if (result == STATUS_OK) {
        trainer_announce(&t);
        note_idle(&t);
        result = advise(&t, run_epochs(&t, err), err);
    } else {
        result = recipe_place_error(options, result, err);
    }
    trainer_close(&t, result, err);
    return result;
}
