/* The training loop; see train.h.
 *
 * While the device works on step k, the host waits for the results of step k - 1: the queue never
 * runs dry. Before anything is saved every step's results are in, so a loss that is not finite is
 * noticed before its weights could replace good ones. */
#include "train/train.h"
#include "base/file.h"
#include "base/progress.h"
#include "model/weights.h"
#include "train/checkpoint.h"
#include "train/evaluate.h"
#include "train/journal.h"
#include "train/loss_schedule.h"
#include "train/recipe.h"
#include "train/run_directory.h"
#include "train/tune.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct trainer {
    const train_options *options;
    const train_observer *observer;
    run_directory run;
    device *dev;
    dataset data;
    unsigned *test_order; /* validation first, then test */
    size_t validation_count;
    loader *train, *validate;
    network *net;
    solver *solve;
    journal log;
    training_state state;
    char *freeze;
    augment_list augment;
    loss_schedule weights;
    bool marginal; /* --coarse-loss marginal */
    double epoch_started;
    uint64_t images_since; /* since epoch_started */
} trainer;

static void note(const trainer *t, const char *text)
{
    if (t->observer->note)
        t->observer->note(t->observer->context, text);
}

static bool stop_wanted(const trainer *t)
{
    return t->observer->stop && *t->observer->stop;
}

/* A side of the network's input. */
static int input_size(const trainer *t)
{
    return t->options->image_size ? t->options->image_size : t->data.native_size;
}

/* The weights of the epoch's losses, the coarse one 0 where there is no such loss. */
static loss_weights weights_now(const trainer *t)
{
    loss_weights w = loss_schedule_at(&t->weights, t->state.epoch);
    w.coarse = t->options->only_fine && !t->marginal ? 0 : w.coarse;
    return w;
}

/* Those of the validation loss, so that epochs can be compared: the same in all of them. */
static loss_weights run_weights(const trainer *t)
{
    const train_options *o = t->options;
    return (loss_weights){o->only_fine && !t->marginal ? 0 : o->coarse_weight, o->fine_weight};
}

static status open_data(trainer *t, error *err)
{
    const train_options *o = t->options;
    TRY(dataset_open(o->data, &t->data, err));
    TRY(dataset_split(&t->data.test, o->seed, &t->test_order, &t->validation_count, err));
    const loader_options training = {.batch_size = o->batch_size,
                                     .threads = o->threads,
                                     .seed = o->seed,
                                     .shuffle = !o->no_shuffle,
                                     .augment = t->augment,
                                     .image_size = input_size(t)};
    const loader_options plain = {.batch_size = o->batch_size, .threads = o->threads};
    TRY(loader_create(&t->data.train, NULL, t->data.train.count, &training, &t->train, err));
    return loader_create(&t->data.test, t->test_order, t->validation_count, &plain, &t->validate,
                         err);
}

/* The side of the last feature map: the stem and three stages halve it, rounding up. */
static int last_map(int size, enum stem stem)
{
    for (int halvings = stem == STEM_IMAGENET ? 5 : 3; halvings > 0; halvings--)
        size = (size + 1) / 2;
    return size;
}

/* Batch normalisation has no variance to divide by when a batch is one value per channel. */
static status check_last_batch(const trainer *t, const network_options *n, error *err)
{
    size_t rest = t->data.train.count % (size_t)n->batch_size;
    if (last_map(n->image_size, n->stem) > 1 || (n->batch_size > 1 && rest != 1))
        return STATUS_OK;
    return error_set(err, STATUS_USAGE,
                     "%zu training images in batches of %d leave a batch of one image, whose last "
                     "feature map is one pixel: batch normalisation needs more than one value; "
                     "choose another --batch-size or a larger --image-size",
                     t->data.train.count, n->batch_size);
}

static status choose_freeze(trainer *t, error *err)
{
    const char *freeze = t->options->freeze;
    bool has_backbones = false;
    if (!freeze && t->options->weights)
        TRY(weights_peek(t->options->weights, &has_backbones, err));
    if (!freeze)
        freeze = has_backbones && !t->options->only_fine ? "default" : "none";
    t->freeze = file_path("%s", freeze);
    return t->freeze ? STATUS_OK : error_memory(err, "the options");
}

static void show_tuning(void *context, const char *what, size_t done, size_t total)
{
    const trainer *t = context;
    if (t->observer->evaluating)
        t->observer->evaluating(t->observer->context, what, done, total);
}

static void note_tuning(void *context, const char *text)
{
    note(context, text);
}

static status tune(trainer *t, const network_options *n, error *err)
{
    const tune_options o = {.network = *n, .only_missing = true, .program = t->options->program};
    const tune_observer observer = {t, show_tuning, note_tuning, t->observer->stop};
    tune_report report;
    status result = tune_run(t->dev, &o, &observer, &report, err);
    tune_free(&report);
    return result;
}

static status create_network(trainer *t, error *err)
{
    const train_options *o = t->options;
    size_t training = loader_pixel_capacity(t->train);
    size_t validation = loader_pixel_capacity(t->validate);
    network_options n = {
        .backbone = o->backbone,
        .stem = strcmp(o->stem, "cifar") == 0 ? STEM_CIFAR : STEM_IMAGENET,
        .only_fine = o->only_fine,
        .coarse_classes = t->data.classes.coarse_count,
        .fine_classes = t->data.classes.fine_count,
        .image_size = input_size(t),
        .batch_size = o->batch_size,
        .training = true,
        .pixel_capacity = training > validation ? training : validation,
        .descend = solver_is_descent(o),
        .solver_slots = solver_slots(o),
        .marginal_parents = t->marginal ? t->data.classes.parents : NULL,
        .freeze = t->freeze,
    };
    TRY(check_last_batch(t, &n, err));
    if (o->tune)
        TRY(tune(t, &n, err));
    TRY(network_create(t->dev, &n, &t->net, err));
    network_set_smoothing(t->net, (float)o->label_smoothing);
    return solver_create(t->net, o, &t->solve, err);
}

static status load_start(trainer *t, error *err)
{
    TRY(network_initialize(t->net, t->options->seed, !t->options->weights, err));
    if (!t->options->weights)
        return STATUS_OK;
    weights_report report = {0};
    TRY(weights_load(t->net, t->options->weights, false, &report, err));
    char *text = file_path("%s: %d tensors loaded%s%s", t->options->weights, report.loaded,
                           report.text && *report.text ? "; not loaded:\n" : "",
                           report.text ? report.text : "");
    if (text)
        note(t, text);
    free(text);
    weights_report_free(&report);
    return STATUS_OK;
}

static size_t trained_size(trainer *t)
{
    size_t size = 0;
    for (size_t i = 0; i < network_parameter_count(t->net); i++) {
        const parameter *p = network_parameter(t->net, i);
        size += p->gradient || p->descends ? p->count : 0;
    }
    return size;
}

static void announce(trainer *t, bool resumed)
{
    const train_started what = {
        .device = t->dev->info.name,
        .data = t->data.source,
        .run = t->run.path,
        .is_sample = dataset_is_sample(&t->data),
        .resumed = resumed,
        .coarse_classes = t->data.classes.coarse_count,
        .fine_classes = t->data.classes.fine_count,
        .image_size = network_get_options(t->net)->image_size,
        .train_images = t->data.train.count,
        .validation_images = t->validation_count,
        .test_images = t->data.test.count,
        .parameters = network_size(t->net),
        .trained_parameters = trained_size(t),
        .memory_bytes = network_memory_bytes(t->net),
        .step = t->state.step,
    };
    if (t->observer->started)
        t->observer->started(t->observer->context, &what);
}

static status save(trainer *t, bool best, error *err)
{
    TRY(journal_sync(&t->log, &t->state.metrics_bytes, err));
    TRY(solver_get_loss_scale(t->solve, &t->state.scaling, err));
    return checkpoint_save(t->run.path, t->net, &t->data.classes, t->solve, &t->state, best, err);
}

/* A step whose results are still on the device. */
typedef struct pending {
    const batch *b;
    int ticket;
} pending;

static double mean_marginal_loss(const head_result *results, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += results[i].marginal_loss;
    return sum / count;
}

static double mean_loss(const head_result *results, int count)
{
    double sum = 0;
    for (int i = 0; results && i < count; i++)
        sum += results[i].loss;
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
    double marginal = mean_marginal_loss(results->fine, results->count);
    const loss_weights w = weights_now(t);
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

static bool limit_reached(const trainer *t, uint64_t steps)
{
    return t->options->max_steps > 0 && steps >= (uint64_t)t->options->max_steps;
}

/* Starts a step and takes the results of the one before, which ran whatever becomes of this one.
 * Afterwards *p is this step, if it got so far that it has results. */
static status start_step(trainer *t, const batch *b, pending *p, error *err)
{
    error ignored;
    network_batch for_network = batch_for_network(b);
    pending this = {b, 0};
    uint64_t step = steps_ahead(t, p) + 1;
    network_set_rate(t->net, (float)t->state.rate.lr);
    TRY(solver_begin(t->solve, step, err));
    const loss_weights w = weights_now(t);
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
    return stop_wanted(t) || limit_reached(t, steps) || (every > 0 && steps % (uint64_t)every == 0);
}

/* Trains on the rest of the epoch; *ended is false when it was left early, after saving. */
static status run_steps(trainer *t, pending *p, bool *ended, error *err)
{
    const batch *next;
    *ended = false;
    while (!limit_reached(t, steps_ahead(t, p))) {
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
        TRY(save(t, false, err));
        if (stop_wanted(t) || limit_reached(t, t->state.step))
            return STATUS_OK;
    }
    return STATUS_OK;
}

static status run_epoch(trainer *t, bool *ended, error *err)
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

/* Stopped, the run is saved as it stands: with all of the epoch's steps done, so that a resumed one
 * begins with this validation. */
static status validate(trainer *t, metrics *sums, error *err)
{
    evaluating context = {t, "validation"};
    const evaluate_watch watch = {pass_on, &context, t->observer->stop};
    status result = evaluate_loader(t->net, t->validate, &t->data.classes, &watch, sums, err);
    if (result != STATUS_INTERRUPTED)
        return result;
    TRY(save(t, false, err));
    return interrupted(t, err);
}

/* Validation, the schedule, the epoch's line and its checkpoint. */
static status end_epoch(trainer *t, error *err)
{
    const train_options *o = t->options;
    double seconds = progress_now() - t->epoch_started;
    const loss_weights now = weights_now(t), all = run_weights(t);
    train_epoch what = {
        .epoch = (int)t->state.epoch + 1,
        .epochs = o->epochs,
        .train = t->state.sums,
        .coarse_weight = now.coarse,
        .fine_weight = now.fine,
        .run_coarse_weight = all.coarse,
        .run_fine_weight = all.fine,
        .lr = t->state.rate.lr,
        .seconds = seconds,
        .images_per_second = seconds > 0 ? (double)t->images_since / seconds : 0,
        .only_fine = o->only_fine,
    };
    TRY(validate(t, &what.validation, err));
    double loss = metrics_loss(&what.validation, all.coarse, all.fine);
    if (!isfinite(loss))
        return error_set(
            err, STATUS_FAILED,
            "the validation loss of epoch %d (step %llu) is not finite: training "
            "diverged; start a run with --weights %s/last.safetensors, the last checkpoint, and a "
            "lower --lr (now %g)",
            what.epoch, (unsigned long long)t->state.step, t->run.path, t->state.rate.lr);
    what.best = loss < t->state.best_loss;
    TRY(journal_epoch(&t->log, &what, t->state.step, err));
    if (what.best) {
        t->state.best_loss = loss;
        t->state.best_epoch = t->state.epoch;
    }
    schedule_epoch(&t->state.rate, loss);
    t->state.epoch++;
    t->state.batch = 0;
    t->state.sums = (metrics){0};
    TRY(save(t, what.best, err));
    if (t->observer->epoch)
        t->observer->epoch(t->observer->context, &what);
    return STATUS_OK;
}

/* The best checkpoint on the half of the test set that validation did not see, and on all of it. */
static status measure_best(trainer *t, train_finished *what, error *err)
{
    char *best = file_path("%s/best.safetensors", t->run.path);
    if (!best)
        return error_memory(err, t->run.path);
    status result = checkpoint_load(best, t->net, err);
    free(best);
    TRY(result);
    const train_options *o = t->options;
    evaluating half = {t, "test half"}, whole = {t, "whole test set"};
    const evaluate_watch watch_half = {pass_on, &half, t->observer->stop};
    const evaluate_watch watch_whole = {pass_on, &whole, t->observer->stop};
    size_t rest = t->data.test.count - t->validation_count;
    if (rest > 0)
        TRY(evaluate_set(t->net, &t->data.test, t->test_order + t->validation_count, rest,
                         o->threads, &t->data.classes, &watch_half, &what->test_half, err));
    TRY(evaluate_set(t->net, &t->data.test, NULL, t->data.test.count, o->threads, &t->data.classes,
                     &watch_whole, &what->test_whole, err));
    what->tested = true;
    return journal_test(&t->log, what, err);
}

static status finish(trainer *t, bool complete, error *err)
{
    train_finished what = {
        .step = t->state.step,
        .best_epoch = (int)t->state.best_epoch + 1,
        .coarse_weight = run_weights(t).coarse,
        .fine_weight = t->options->fine_weight,
        .only_fine = t->options->only_fine,
        .run = t->run.path,
    };
    status result = STATUS_OK;
    if (complete && isfinite(t->state.best_loss))
        result = measure_best(t, &what, err);
    if (result == STATUS_INTERRUPTED) /* the last epoch's end has saved: a resumed run measures */
        return interrupted(t, err);
    TRY(result);
    if (t->observer->finished)
        t->observer->finished(t->observer->context, &what);
    return STATUS_OK;
}

static status run_epochs(trainer *t, error *err)
{
    while (t->state.epoch < (uint32_t)t->options->epochs) {
        if (stop_wanted(t))
            return interrupted(t, err);
        if (limit_reached(t, t->state.step))
            return finish(t, false, err);
        bool ended;
        TRY(run_epoch(t, &ended, err));
        if (ended)
            TRY(end_epoch(t, err));
    }
    if (stop_wanted(t))
        return interrupted(t, err);
    return finish(t, true, err);
}

static void close_trainer(trainer *t)
{
    journal_close(&t->log);
    if (t->net)
        solver_free(t->solve);
    network_free(t->net);
    loader_free(t->train);
    loader_free(t->validate);
    free(t->test_order);
    dataset_close(&t->data);
    device_close(t->dev);
    run_directory_close(&t->run);
    free(t->freeze);
}

static status write_config(const trainer *t, const char *directory, error *err)
{
    train_options kept = *t->options;
    kept.freeze = t->freeze;
    kept.image_size = network_get_options(t->net)->image_size;
    bool sample = dataset_is_sample(&t->data);
    char *path = file_path("%s/config.json", directory);
    /* Absolute, so that the run can be resumed from anywhere. */
    char *data = sample ? NULL : realpath(t->data.source, NULL);
    kept.data = data;
    char *metrics = kept.metrics ? file_absolute(kept.metrics) : NULL;
    kept.metrics = metrics;
    status result;
    if (!data && !sample)
        result = error_set(err, STATUS_FAILED, "%s: its path from the root cannot be found: %s",
                           t->data.source, strerror(errno));
    else if (!path || (t->options->metrics && !metrics))
        result = error_memory(err, directory);
    else
        result = config_write(path, &kept, err);
    free(metrics);
    free(data);
    free(path);
    return result;
}

/* The directory gets its name when the first checkpoint in it is whole. */
static status create_run(trainer *t, error *err)
{
    TRY(run_directory_begin(&t->run, err));
    TRY(write_config(t, t->run.temporary, err));
    TRY(checkpoint_save(t->run.temporary, t->net, &t->data.classes, t->solve, &t->state, false,
                        err));
    return run_directory_commit(&t->run, err);
}

static status check_options(const train_options *o, error *err)
{
    bool adam = strcmp(o->optimizer, "adam") == 0;
    if (o->nesterov && (o->momentum <= 0 || adam))
        return error_set(err, STATUS_USAGE, "--nesterov needs --optimizer sgd and a --momentum");
    if (adam && o->momentum != 0)
        return error_set(err, STATUS_USAGE, "--momentum is SGD's; Adam has its own");
    if (!o->only_fine && o->coarse_weight == 0 && o->fine_weight == 0)
        return error_set(err, STATUS_USAGE, "--coarse 0 and --fine 0 leave nothing to learn");
    return STATUS_OK;
}

static run_terms terms_of(const train_options *o)
{
    return (run_terms){o->seed, o->coarse_weight, o->fine_weight};
}

static status start_state(trainer *t, error *err)
{
    int milestones[SCHEDULE_MILESTONES], count = 0;
    if (t->options->milestones &&
        schedule_parse_milestones(t->options->milestones, milestones, &count, err) != STATUS_OK)
        return error_prefix(err, STATUS_USAGE, "--milestones");
    schedule_start(&t->state.rate, t->options->lr, milestones, count);
    t->state.best_loss = INFINITY;
    t->state.scaling = loss_scale_start();
    t->state.terms = terms_of(t->options);
    return STATUS_OK;
}

static status parse_options(trainer *t, error *err)
{
    const train_options *o = t->options;
    t->marginal = strcmp(o->coarse_loss, "marginal") == 0;
    const loss_weights weights = {o->coarse_weight, o->fine_weight};
    if (loss_schedule_parse(o->loss_schedule, weights, !o->only_fine || t->marginal, &t->weights,
                            err) != STATUS_OK)
        return error_prefix(err, STATUS_USAGE, "--loss-schedule");
    return augment_parse(o->augment, &t->augment, err);
}

static status prepare(trainer *t, error *err)
{
    TRY(check_options(t->options, err));
    TRY(parse_options(t, err));
    TRY(start_state(t, err));
    TRY(choose_freeze(t, err));
    TRY(device_open(&t->dev, err));
    TRY(device_set_precision(t->dev, t->options->precision, err));
    TRY(open_data(t, err));
    return create_network(t, err);
}

/* Before anything is loaded or opened: what is refused later has cost the user a minute. */
static status check_start(trainer *t, error *err)
{
    const train_options *o = t->options;
    TRY(config_check(o, err));
    TRY(run_directory_name(&t->run, o->run, err));
    return o->metrics ? journal_check_new(o->metrics, err) : STATUS_OK;
}

/* The metrics file, its place chosen by the options or in the run's directory. */
static status open_journal(trainer *t, bool resumed, error *err)
{
    const char *chosen = t->options->metrics;
    char *path = chosen ? file_path("%s", chosen) : file_path("%s/metrics.jsonl", t->run.path);
    status result;
    if (!path)
        result = error_memory(err, t->run.path);
    else if (resumed)
        result = journal_resume(&t->log, path, t->state.metrics_bytes, err);
    else
        result = journal_create(&t->log, path, err);
    free(path);
    return result;
}

static status begin_run(trainer *t, error *err)
{
    TRY(check_start(t, err));
    TRY(prepare(t, err));
    TRY(load_start(t, err));
    /* A metrics file elsewhere first: when it cannot be written, no run is left behind. */
    if (t->options->metrics)
        TRY(open_journal(t, false, err));
    TRY(create_run(t, err));
    return t->options->metrics ? STATUS_OK : open_journal(t, false, err);
}

status train_start(const train_options *options, const train_observer *observer, error *err)
{
    trainer t = {.options = options, .observer = observer};
    status result = begin_run(&t, err);
    if (result == STATUS_OK) {
        announce(&t, false);
        result = run_epochs(&t, err);
    }
    close_trainer(&t);
    return result;
}

/* The optimizer's state that belongs to the checkpoint `last`. */
static status load_solver(trainer *t, const char *last, const char *name, error *err)
{
    if (!solver_has_state(t->solve))
        return STATUS_OK;
    if (!name)
        return error_set(err, STATUS_FAILED, "%s: names no file of the optimizer's state", last);
    char *path = file_path("%s/%s", t->run.path, name);
    status result = path ? solver_load(t->solve, path, err) : error_memory(err, name);
    free(path);
    return result;
}

static status load_state(trainer *t, error *err)
{
    checkpoint_info info = {0};
    char *last = file_path("%s/last.safetensors", t->run.path);
    status result = last ? checkpoint_read_info(last, &info, err) : error_memory(err, t->run.path);
    if (result == STATUS_OK)
        result = hierarchy_compare(&info.classes, last, &t->data.classes, "the data set", err);
    if (result == STATUS_OK)
        result = checkpoint_load(last, t->net, err);
    if (result == STATUS_OK)
        result = load_solver(t, last, info.optimizer_file, err);
    t->state = info.state;
    solver_set_loss_scale(t->solve, &t->state.scaling);
    /* A checkpoint from before these were kept does not know them; config.json does. */
    t->state.terms = terms_of(t->options);
    checkpoint_free_info(&info);
    free(last);
    return result;
}

static status reopen_run(trainer *t, const char *run, error *err)
{
    TRY(run_directory_open(&t->run, run, err));
    TRY(prepare(t, err));
    TRY(load_state(t, err));
    return open_journal(t, true, err);
}

status train_resume(const char *run, int epochs, int max_steps, int threads,
                    const train_observer *observer, error *err)
{
    train_options o = train_defaults();
    recipe kept = {0};
    char *path = file_path("%s/config.json", run);
    status result = path ? recipe_load_file(path, &o, &kept, err) : error_memory(err, run);
    free(path);
    o.epochs = epochs > 0 ? epochs : o.epochs;
    o.max_steps = max_steps;
    o.threads = threads > 0 ? threads : o.threads;
    trainer t = {.options = &o, .observer = observer};
    if (result == STATUS_OK)
        result = reopen_run(&t, run, err);
    if (result == STATUS_OK) {
        announce(&t, true);
        result = run_epochs(&t, err);
    }
    close_trainer(&t);
    recipe_free(&kept);
    return result;
}
