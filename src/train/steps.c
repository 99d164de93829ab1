/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of an epoch; see trainer.h.
 *
 * While the device works on step k, the host waits for the results of step k - 1: the queue never
 * runs dry. Before anything is saved every step's results are in, so a loss that is not finite is
 * noticed before its weights could replace good ones. */
#include "base/clock.h"
#include "measure/evaluate.h"
#include "ranks/replicas.h"
#include "train/run_lines.h"
#include "train/snapshots.h"
#include "train/trainer.h"

#include <math.h>

/* A batch's place among those whose gradients make one step. */
typedef struct place {
    int index, count;
} place;

/* A batch whose results are still on the device. */
typedef struct pending {
    const batch *b;
    int ticket;
    place at;
} pending;

/* Mean losses over the batches of a step so far, or over the step. */
typedef struct losses {
    double coarse, fine, marginal;
} losses;

/* The steps of one call. */
typedef struct stepping {
    trainer *t;
    pending p;        /* the batch on the device; without one p.b is NULL */
    uint64_t batches; /* of the epoch that were started, */
    uint64_t steps;   /* and steps of the run, the one on the device too */
    losses so_far;    /* of the step whose results come in */
} stepping;

/* The place of batch `index`, from 0, of the epoch, whose last step takes the batches that are
 * left. */
static place place_of(const trainer *t, uint64_t index)
{
    uint64_t whole = (uint64_t)t->options->accumulate, batches = loader_batches(t->train);
    uint64_t inside = index % whole, left = batches - (index - inside);
    return (place){(int)inside, (int)(left < whole ? left : whole)};
}

static bool ends_step(place at)
{
    return at.index == at.count - 1;
}

static train_step describe_step(const trainer *t, double loss, losses mean, double lr)
{
    double seconds = clock_now() - t->epoch_started;
    return (train_step){
        .step = t->state.step,
        .epoch = (int)t->state.epoch + 1,
        .epochs = t->options->epochs,
        .batch = (size_t)t->state.batch,
        .batches = loader_batches(t->train),
        .loss = loss,
        .coarse_loss = mean.coarse,
        .fine_loss = mean.fine,
        .so_far = t->state.sums,
        .lr = lr,
        .images_per_second = seconds > 0 ? (double)t->images_since / seconds : 0,
        .only_fine = t->options->only_fine,
    };
}

static status end_step(trainer *t, losses mean, error *err)
{
    const train_options *o = t->options;
    const loss_weights w = trainer_weights(t);
    double loss =
        w.fine * mean.fine + (w.coarse != 0 ? w.coarse * (mean.coarse + mean.marginal) : 0);
    double lr = schedule_rate(&t->state.rate, t->state.step + 1);
    t->diverged = !isfinite(loss);
    if (t->diverged)
        return error_set(err, STATUS_FAILED,
                         "the loss of step %llu is not finite: training diverged; start a run with "
                         "--weights %s/last.safetensors, the last checkpoint, and a lower --lr "
                         "(now %g)%s",
                         (unsigned long long)t->state.step + 1, t->run.path, lr,
                         t->dev->precision == PRECISION_FP16 ? " or --precision fp32" : "");
    t->state.step++;
    const train_step what = describe_step(t, loss, mean, lr);
    if (t->observer->step)
        t->observer->step(t->observer->context, &what);
    if (!trainer_leads(t) || t->state.step % (uint64_t)o->metrics_every != 0)
        return STATUS_OK;
    const metric_line line = run_line_of_step(&what);
    return trainer_log(t, &line, err);
}

static status take_results(stepping *s, place at, const step_results *results, error *err)
{
    trainer *t = s->t;
    metrics sums = {0};
    metrics_add(&sums, results, t->options->only_fine ? NULL : t->data.classes.parents);
    TRY(replicas_sum_metrics(t->options->ranks, &sums, err));
    if (at.index == 0)
        s->so_far = (losses){0};
    s->so_far.coarse += metrics_mean(&sums, sums.coarse_loss) / at.count;
    s->so_far.fine += metrics_mean(&sums, sums.fine_loss) / at.count;
    s->so_far.marginal += metrics_mean(&sums, sums.marginal_loss) / at.count;
    t->state.batch++;
    t->images_since += sums.count;
    metrics_merge(&t->state.sums, &sums);
    return ends_step(at) ? end_step(t, s->so_far, err) : STATUS_OK;
}

static status finish_batch(stepping *s, error *err)
{
    const step_results *results;
    const batch *done = s->p.b;
    if (!done)
        return STATUS_OK;
    s->p.b = NULL;
    status result = network_wait(s->t->net, s->p.ticket, &results, err);
    if (result == STATUS_OK)
        result = take_results(s, s->p.at, results, err);
    loader_recycle(s->t->train, done);
    return result;
}

/* Before a step's first batch. */
static status begin_step(stepping *s, error *err)
{
    uint64_t step = s->steps + 1;
    network_set_rate(s->t->net, (float)schedule_rate(&s->t->state.rate, step));
    status result = solver_begin(s->t->solve, step, err);
    /* What else may fail there is the device; then only the advice to resume is missing. */
    s->t->diverged = result != STATUS_OK && s->t->dev->precision == PRECISION_FP16;
    return result;
}

/* Behind each of its batches. */
static status follow_batch(stepping *s, place at, error *err)
{
    uint64_t step = s->steps + 1;
    TRY(solver_accumulate(s->t->solve, at.index, at.count, err));
    if (!ends_step(at))
        return STATUS_OK;
    if (s->t->between)
        TRY(exchange_finish(s->t->between, err));
    return solver_step(s->t->solve, schedule_rate(&s->t->state.rate, step), step, err);
}

/* Starts a batch and takes the results of the one before, which ran whatever becomes of this one.
 * Afterwards s->p is this batch, if it got so far that it has results. */
static status start_batch(stepping *s, const batch *b, error *err)
{
    error ignored;
    const loss_weights w = trainer_weights(s->t);
    network_batch for_network = batch_for_network(b);
    pending this = {b, 0, place_of(s->t, s->batches)};
    TRY(network_reserve_pixels(s->t->net, b->pixel_bytes, err));
    if (this.at.index == 0)
        TRY(begin_step(s, err));
    /* Each rank's losses are means over its own part: summed, the gradients are the batch's. */
    double share = (double)b->count / b->total;
    if (s->t->between && this.at.count == 1)
        exchange_begin(s->t->between);
    status result =
        network_step(s->t->net, &for_network, STEP_TRAIN, (float)(w.coarse * share / this.at.count),
                     (float)(w.fine * share / this.at.count), &this.ticket, err);
    bool started = result == STATUS_OK;
    if (started)
        result = follow_batch(s, this.at, err);
    status before = finish_batch(s, result == STATUS_OK ? err : &ignored);
    /* Else the device may still read the batch: it stays taken until the network is freed. */
    if (started) {
        if (s->steps == 0 && s->batches == 0 && trainer_leads(s->t))
            snapshots_first_batch(&s->t->track, s->t->net, s->t->state.step, b->count);
        s->p = this;
        s->batches++;
        s->steps += ends_step(this.at);
    }
    return result == STATUS_OK ? before : result;
}

/* Whether the loop has to let the device come to rest: between two steps. */
static bool has_to_rest(const stepping *s)
{
    uint64_t every = (uint64_t)s->t->options->checkpoint_every;
    return ends_step(s->p.at) && (s->t->stopping || trainer_limit_reached(s->t, s->steps) ||
                                  (every > 0 && s->steps % every == 0));
}

static status run_steps(stepping *s, bool *ended, error *err)
{
    trainer *t = s->t;
    const batch *next;
    *ended = false;
    while (!trainer_limit_reached(t, s->steps)) {
        TRY(loader_next(t->train, &next, err));
        if (!next) {
            *ended = true;
            return finish_batch(s, err);
        }
        TRY(start_batch(s, next, err));
        TRY(trainer_ask_stop(t, err));
        if (!has_to_rest(s))
            continue;
        TRY(finish_batch(s, err));
        if (t->state.batch == loader_batches(t->train)) {
            *ended = true; /* the epoch's end saves, and notices stop and limit */
            return STATUS_OK;
        }
        TRY(trainer_save(t, false, err));
        if (t->stopping || trainer_limit_reached(t, t->state.step))
            return STATUS_OK;
    }
    return STATUS_OK;
}

status trainer_run_epoch(trainer *t, bool *ended, error *err)
{
    error ignored;
    const step_results *results;
    stepping s = {.t = t, .batches = t->state.batch, .steps = t->state.step};
    t->epoch_started = clock_now();
    t->images_since = 0;
    TRY(loader_start(t->train, t->state.epoch, (size_t)t->state.batch, err));
    status result = run_steps(&s, ended, err);
    if (t->between)
        exchange_abandon(t->between);
    if (s.p.b) { /* after an error: its update is not whole, so it does not count */
        network_wait(t->net, s.p.ticket, &results, &ignored);
        loader_recycle(t->train, s.p.b);
    }
    return result;
}
