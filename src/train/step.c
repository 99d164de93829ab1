/* SPDX-License-Identifier: Apache-2.0 */
/* One training step; see step.h. */
#include "train/step.h"
#include "base/clock.h"
#include "measure/evaluate.h"
#include "ranks/replicas.h"
#include "train/run_lines.h"
#include "train/snapshots.h"
#include "train/trainer.h"

#include <math.h>

static bool ends_step(step_place at)
{
    return at.index == at.count - 1;
}

uint64_t steps_started(const trainer *t)
{
    const step_batch *on = &t->now.on_device;
    return t->state.step + (on->b && ends_step(on->at));
}

bool step_is_whole(const trainer *t)
{
    return !t->now.on_device.b || ends_step(t->now.on_device.at);
}

/* ---- Results ---- */

static train_step describe_step(const trainer *t, double loss, step_losses mean, double lr)
{
    double seconds = clock_now() - t->now.started;
    return (train_step){
        .step = t->state.step,
        .epoch = (int)t->state.epoch + 1,
        .epochs = t->options->epochs,
        .batch = (size_t)t->state.batch,
        .batches = loader_batches(t->data.train),
        .loss = loss,
        .coarse_loss = mean.coarse,
        .fine_loss = mean.fine,
        .so_far = t->state.sums,
        .lr = lr,
        .images_per_second = seconds > 0 ? (double)t->now.images / seconds : 0,
        .only_fine = t->options->only_fine,
    };
}

static status end_step(trainer *t, step_losses mean, error *err)
{
    const train_options *o = t->options;
    const loss_weights w = trainer_weights(t);
    double loss =
        w.fine * mean.fine + (w.coarse != 0 ? w.coarse * (mean.coarse + mean.marginal) : 0);
    double lr = schedule_rate(&t->state.rate, t->state.step + 1);
    t->diverged = !isfinite(loss);
    if (t->diverged)
        return error_set(
            err, STATUS_FAILED,
            "the loss of step %llu is not finite: training diverged; start a new run with "
            "--weights %s/last.safetensors, the last checkpoint, and a lower --lr (now %g)%s",
            (unsigned long long)t->state.step + 1, t->files.run.path, lr,
            precision_scales_loss(t->model.dev->precision) ? " or --precision fp32" : "");
    t->state.step++;
    const train_step what = describe_step(t, loss, mean, lr);
    if (t->observer->step)
        t->observer->step(t->observer->context, &what);
    if (!trainer_leads(t) || t->state.step % (uint64_t)o->metrics_every != 0)
        return STATUS_OK;
    const metric_line line = run_line_of_step(&what);
    return run_files_log(&t->files, &line, err);
}

/* Takes the results of one batch, over all ranks. */
static status take_results(trainer *t, step_place at, const step_results *results, error *err)
{
    metrics sums = {0};
    step_losses *mean = &t->now.losses;
    metrics_add(&sums, results, t->options->only_fine ? NULL : t->data.set.classes.parents);
    TRY(replicas_sum_metrics(t->options->ranks, &sums, NULL, err));
    if (at.index == 0)
        *mean = (step_losses){0};
    mean->coarse += metrics_mean(&sums, sums.coarse_loss) / at.count;
    mean->fine += metrics_mean(&sums, sums.fine_loss) / at.count;
    mean->marginal += metrics_mean(&sums, sums.marginal_loss) / at.count;
    t->state.batch++;
    t->now.images += sums.count;
    metrics_merge(&t->state.sums, &sums);
    return ends_step(at) ? end_step(t, *mean, err) : STATUS_OK;
}

status step_results_wait(trainer *t, error *err)
{
    const step_results *results;
    const step_batch done = t->now.on_device;
    if (!done.b)
        return STATUS_OK;
    t->now.on_device.b = NULL;
    status result = network_wait(t->model.net, done.ticket, &results, err);
    if (result == STATUS_OK)
        result = take_results(t, done.at, results, err);
    if (!device_is_stuck(t->model.dev)) /* which may still read it */
        loader_recycle(t->data.train, done.b);
    return result;
}

void step_abandon(trainer *t)
{
    error ignored;
    const step_results *results;
    if (t->model.between)
        exchange_abandon(t->model.between);
    if (!t->now.on_device.b)
        return;
    network_wait(t->model.net, t->now.on_device.ticket, &results, &ignored);
    if (!device_is_stuck(t->model.dev))
        loader_recycle(t->data.train, t->now.on_device.b);
    t->now.on_device.b = NULL;
}

/* ---- The step ---- */

/* The next batch of the epoch, with its place in its step; b is NULL at the end of the epoch. The
 * last step of an epoch gets the remaining batches. */
static status next_batch(trainer *t, step_batch *next, error *err)
{
    uint64_t index = t->state.batch + (t->now.on_device.b ? 1 : 0);
    uint64_t whole = (uint64_t)t->options->accumulate, batches = loader_batches(t->data.train);
    uint64_t inside = index % whole, left = batches - (index - inside);
    *next = (step_batch){.at = {(int)inside, (int)(left < whole ? left : whole)}};
    TRY(loader_next(t->data.train, &next->b, err));
    return next->b ? network_reserve_pixels(t->model.net, next->b->pixel_bytes, err) : STATUS_OK;
}

/* The loss weights of one batch on this rank, such that all gradients add up to those of the step's
 * mean loss. They are divided by the number of batches in the step and multiplied by the rank's
 * share of the batch's images, because a rank's loss is a mean over its share. */
static loss_weights batch_weights(const trainer *t, const step_batch *this)
{
    const loss_weights w = trainer_weights(t);
    double share = (double)this->b->count / this->b->total;
    return (loss_weights){w.coarse * share / this->at.count, w.fine * share / this->at.count};
}

/* Before the first batch of a step. In fp16 this chooses the loss scale, and fails if none
 * helps. */
static status begin_step(trainer *t, uint64_t step, error *err)
{
    status result = solver_begin(t->model.solve, step, err);
    /* A failure of the device counts as divergence here too; the only harm is that the message does
     * not advise to resume. */
    t->diverged = result != STATUS_OK && precision_scales_loss(t->model.dev->precision);
    return result;
}

/* Sums the gradients over the ranks, after the last batch of a step. */
static status reduce(trainer *t, step_place at, error *err)
{
    return t->model.between && ends_step(at) ? exchange_finish(t->model.between, err) : STATUS_OK;
}

status training_step(trainer *t, bool *ended, error *err)
{
    error ignored;
    step_batch this;
    status result;
    bool runs = false;
    TRY(next_batch(t, &this, err));
    *ended = !this.b;
    if (*ended)
        return step_results_wait(t, err);
    const uint64_t step = steps_started(t) + 1;
    const double lr = schedule_rate(&t->state.rate, step);
    const network_batch input = batch_for_network(this.b);
    const loss_weights w = batch_weights(t, &this);
    if (this.at.index == 0)
        TRY(begin_step(t, step, err));
    if (t->model.between && this.at.count == 1)
        exchange_begin(t->model.between); /* sums gradients during the backward pass */

    TRY_OR_DONE(
        network_forward(t->model.net, &input, STEP_TRAIN, (float)w.coarse, (float)w.fine, err));
    TRY_OR_DONE(
        network_backward(t->model.net, solver_terms(t->model.solve, lr, this.at.index), err));
    TRY_OR_DONE(network_fetch(t->model.net, &this.ticket, err));
    runs = true;
    TRY_OR_DONE(reduce(t, this.at, err));
    if (ends_step(this.at))
        TRY_OR_DONE(solver_step(t->model.solve, lr, step, err));
done:;
    /* The previous batch has run, whether or not this one failed. */
    status before = step_results_wait(t, result == STATUS_OK ? err : &ignored);
    if (runs) /* otherwise the device may still read the batch, so its memory stays reserved until
                 the network is freed */
        t->now.on_device = this;
    if (runs && t->state.step == 0 && t->state.batch == 0 && trainer_leads(t))
        snapshots_first_batch(&t->files.track, t->model.net, t->state.step, this.b->count);
    return result == STATUS_OK ? before : result;
}
