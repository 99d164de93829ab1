/* The steps of an epoch; see trainer.h.
 *
 * While the device works on step k, the host waits for the results of step k - 1: the queue never
 * runs dry. Before anything is saved every step's results are in, so a loss that is not finite is
 * noticed before its weights could replace good ones. */
#include "base/progress.h"
#include "train/evaluate.h"
#include "train/trainer.h"

#include <math.h>

/* A step whose results are still on the device. */
typedef struct pending {
    const batch *b;
    int ticket;
} pending;

static double mean_loss(const head_result *results, int count)
{
    double sum = 0;
    for (int i = 0; results && i < count; i++)
        sum += results[i].loss;
    return sum / count;
}

static double mean_marginal_loss(const head_result *fine, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += fine[i].marginal_loss;
    return sum / count;
}

static void tell_step(const trainer *t, double loss, double coarse, double fine)
{
    double seconds = progress_now() - t->epoch_started;
    const train_step what = {
        .step = t->state.step,
        .epoch = (int)t->state.epoch + 1,
        .epochs = t->options->epochs,
        .batch = (size_t)t->state.batch,
        .batches = loader_batches(t->train),
        .loss = loss,
        .coarse_loss = coarse,
        .fine_loss = fine,
        .so_far = t->state.sums,
        .lr = t->state.rate.lr,
        .images_per_second = seconds > 0 ? (double)t->images_since / seconds : 0,
        .only_fine = t->options->only_fine,
    };
    if (t->observer->step)
        t->observer->step(t->observer->context, &what);
}

static status take_results(trainer *t, const step_results *results, error *err)
{
    const train_options *o = t->options;
    double coarse = mean_loss(results->coarse, results->count);
    double fine = mean_loss(results->fine, results->count);
    const loss_weights w = trainer_weights(t);
    double marginal = mean_marginal_loss(results->fine, results->count);
    double loss = w.fine * fine + (w.coarse != 0 ? w.coarse * (coarse + marginal) : 0);
    if (!isfinite(loss))
        return error_set(err, STATUS_FAILED,
                         "the loss of step %llu is not finite: training diverged; start a run with "
                         "--weights %s/last.safetensors, the last checkpoint, and a lower --lr "
                         "(now %g)%s",
                         (unsigned long long)t->state.step + 1, t->run.path, t->state.rate.lr,
                         t->dev->precision == PRECISION_FP16 ? " or --precision fp32" : "");
    t->state.step++;
    t->state.batch++;
    t->images_since += (uint64_t)results->count;
    metrics_add(&t->state.sums, results, o->only_fine ? NULL : t->data.classes.parents);
    tell_step(t, loss, coarse, fine);
    if (t->state.step % (uint64_t)o->metrics_every != 0)
        return STATUS_OK;
    return journal_step(&t->log, t->state.step, loss, coarse, fine, o->only_fine, err);
}

static status finish_step(trainer *t, pending *p, error *err)
{
    const step_results *results;
    if (!p->b)
        return STATUS_OK;
    const batch *done = p->b;
    p->b = NULL;
    status result = network_wait(t->net, p->ticket, &results, err);
    if (result == STATUS_OK)
        result = take_results(t, results, err);
    loader_recycle(t->train, done);
    return result;
}

/* Steps enqueued so far: those done and the one on the device. */
static uint64_t steps_ahead(const trainer *t, const pending *p)
{
    return t->state.step + (p->b != NULL);
}

/* Starts a step and takes the results of the one before, which ran whatever becomes of this one.
 * Afterwards *p is this step, if it got so far that it has results. */
static status start_step(trainer *t, const batch *b, pending *p, error *err)
{
    error ignored;
    const loss_weights w = trainer_weights(t);
    network_batch for_network = batch_for_network(b);
    pending this = {b, 0};
    uint64_t step = steps_ahead(t, p) + 1;
    TRY(network_reserve_pixels(t->net, b->pixel_bytes, err));
    network_set_rate(t->net, (float)t->state.rate.lr);
    TRY(solver_begin(t->solve, step, err));
    status result = network_step(t->net, &for_network, STEP_TRAIN, (float)w.coarse, (float)w.fine,
                                 &this.ticket, err);
    bool started = result == STATUS_OK;
    if (started)
        result = solver_step(t->solve, t->state.rate.lr, step, err);
    status before = finish_step(t, p, result == STATUS_OK ? err : &ignored);
    /* Else the device may still read the batch: it stays taken until the network is freed. */
    if (started)
        *p = this;
    return result == STATUS_OK ? before : result;
}

/* Whether the loop has to let the device come to rest before the next step. */
static bool has_to_rest(const trainer *t, uint64_t steps)
{
    int every = t->options->checkpoint_every;
    return trainer_stop_wanted(t) || trainer_limit_reached(t, steps) ||
           (every > 0 && steps % (uint64_t)every == 0);
}

/* Trains on the rest of the epoch; *ended is false when it was left early, after saving. */
static status run_steps(trainer *t, pending *p, bool *ended, error *err)
{
    const batch *next;
    *ended = false;
    while (!trainer_limit_reached(t, steps_ahead(t, p))) {
        TRY(loader_next(t->train, &next, err));
        if (!next) {
            *ended = true;
            return finish_step(t, p, err);
        }
        TRY(start_step(t, next, p, err));
        if (!has_to_rest(t, steps_ahead(t, p)))
            continue;
        TRY(finish_step(t, p, err));
        if (t->state.batch == loader_batches(t->train)) {
            *ended = true; /* the epoch's end saves, and notices stop and limit */
            return STATUS_OK;
        }
        TRY(trainer_save(t, false, err));
        if (trainer_stop_wanted(t) || trainer_limit_reached(t, t->state.step))
            return STATUS_OK;
    }
    return STATUS_OK;
}

status trainer_run_epoch(trainer *t, bool *ended, error *err)
{
    error ignored;
    const step_results *results;
    pending p = {0};
    t->epoch_started = progress_now();
    t->images_since = 0;
    TRY(loader_start(t->train, t->state.epoch, (size_t)t->state.batch, err));
    status result = run_steps(t, &p, ended, err);
    if (p.b) { /* after an error: its update is not whole, so it does not count */
        network_wait(t->net, p.ticket, &results, &ignored);
        loader_recycle(t->train, p.b);
    }
    return result;
}
