/* SPDX-License-Identifier: Apache-2.0 */
/* A run is set up, resumed and closed; see trainer.h. */
#include "train/trainer.h"
#include "base/file.h"
#include "base/text.h"
#include "model/parameters.h"
#include "model/weights.h"
#include "ranks/replicas.h"
#include "tune/tune.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of gradients that are summed over the ranks at once: large beside what a message costs, small
 * beside all of them, so that most are under way while the backward pass goes on. */
enum { BUCKET_BYTES = 4 << 20 };

void trainer_note(const trainer *t, const char *text)
{
    if (t->observer->note)
        t->observer->note(t->observer->context, text);
}

/* trainer_note, for those who take a callback. */
static void pass_note(void *context, const char *text)
{
    trainer_note(context, text);
}

bool trainer_leads(const trainer *t)
{
    return ranks_lead(t->options->ranks);
}

/* mirrored: as what mixes images needs them. */
static share_of own_share(const trainer *t, bool mirrored)
{
    const ranks *r = t->options->ranks;
    return r ? (share_of){r->rank, r->count, mirrored} : (share_of){0};
}

static share_of training_share(const trainer *t)
{
    return own_share(t, augment_mixes(&t->augment));
}

static status open_part(const image_subset *part, const loader_options *options, loader **opened,
                        error *err)
{
    return loader_create(part->set, part->indices, part->count, options, opened, err);
}

status trainer_open_part(trainer *t, const image_subset *part, loader **opened, error *err)
{
    const loader_options plain = {.batch_size = t->options->batch_size,
                                  .share = own_share(t, false),
                                  .threads = t->options->threads,
                                  .crop = t->options->crop_boxes,
                                  .bad = t->bad};
    return open_part(part, &plain, opened, err);
}

/* A side of the network's input. */
static int input_size(const trainer *t)
{
    return t->options->image_size ? t->options->image_size : t->data.native_size;
}

static bool is_marginal(const train_options *o)
{
    return strcmp(o->coarse_loss, "marginal") == 0;
}

static bool has_coarse_loss(const train_options *o)
{
    return !o->only_fine || is_marginal(o);
}

static loss_weights existing(const trainer *t, loss_weights w)
{
    return (loss_weights){has_coarse_loss(t->options) ? w.coarse : 0, w.fine};
}

loss_weights trainer_weights(const trainer *t)
{
    return existing(t, loss_schedule_at(&t->weights, t->state.epoch));
}

loss_weights trainer_run_weights(const trainer *t)
{
    return existing(t, (loss_weights){t->options->coarse_weight, t->options->fine_weight});
}

static status open_data(trainer *t, error *err)
{
    const train_options *o = t->options;
    TRY(dataset_open(o->data, &t->data, err));
    if (o->crop_boxes && !t->data.train.boxes)
        return error_set(err, STATUS_USAGE,
                         "--crop-boxes: %s has no boxes; DeepFashion's Anno/list_bbox.txt has",
                         dataset_is_sample(&t->data) ? "the sample" : t->data.source);
    TRY(dataset_divide(&t->data, o->seed, &t->parts, err));
    TRY(bad_images_create(o->max_bad, pass_note, t, &t->bad, err));
    const loader_options training = {.batch_size = o->batch_size,
                                     .share = training_share(t),
                                     .threads = o->threads,
                                     .seed = o->seed,
                                     .shuffle = !o->no_shuffle,
                                     .augment = t->augment,
                                     .image_size = input_size(t),
                                     .balance = o->balance,
                                     .crop = o->crop_boxes,
                                     .bad = t->bad,
                                     .replace = true};
    TRY(open_part(&t->parts.train, &training, &t->train, err));
    return trainer_open_part(t, &t->parts.validation, &t->validate, err);
}

/* The fewest images that batch normalisation sees at once in a batch of so many. */
static int fewest_seen(const trainer *t, int images)
{
    const share_of share = training_share(t);
    return t->options->sync_bn ? images : share_least(&share, images);
}

/* Every rank needs a part of every batch, and batch normalisation has no variance to divide by when
 * it sees one value per channel. */
static status check_batches(const trainer *t, const network_options *n, error *err)
{
    int batch = t->options->batch_size, rest = (int)(t->parts.train.count % (size_t)batch);
    int last = rest > 0 ? rest : batch;
    const share_of share = training_share(t);
    bool needs_two = false;
    if (share_least(&share, last) == 0 || share_least(&share, batch) == 0)
        return error_set(err, STATUS_USAGE,
                         "%zu training images in batches of %d: the last batch has %d, and each of "
                         "%d ranks needs one%s; choose another --batch-size or fewer ranks",
                         t->parts.train.count, batch, last, ranks_count(t->options->ranks),
                         share.mirrored ? " pair of those that are mixed" : "");
    if (fewest_seen(t, batch) == 1 || fewest_seen(t, last) == 1)
        TRY(network_needs_two(n, &needs_two, err));
    if (!needs_two)
        return STATUS_OK;
    return error_set(err, STATUS_USAGE,
                     "%zu training images in batches of %d%s leave a batch of one image, whose "
                     "last feature map is one pixel: batch normalisation needs more than one "
                     "value; choose another --batch-size, a larger --image-size%s or --backbone "
                     "bit_r50x1, which has none but in --fusion concat-bn-relu",
                     t->parts.train.count, batch, t->options->ranks ? " for all ranks" : "",
                     t->options->ranks && !t->options->sync_bn ? ", --sync-bn" : "");
}

static status choose_freeze(trainer *t, error *err)
{
    const char *freeze = t->options->freeze;
    bool has_backbones = false;
    if (!freeze && t->options->weights)
        TRY(weights_peek(t->options->weights, &has_backbones, err));
    if (!freeze)
        freeze = has_backbones && !t->options->only_fine ? "default" : "none";
    t->freeze = text_format("%s", freeze);
    return t->freeze ? STATUS_OK : error_memory(err, "the options");
}

static void show_tuning(void *context, const char *what, size_t done, size_t total)
{
    const trainer *t = context;
    if (t->observer->evaluating)
        t->observer->evaluating(t->observer->context, what, done, total);
}

static status tune(trainer *t, const network_options *n, error *err)
{
    const tune_options o = {.network = *n, .only_missing = true, .program = t->options->program};
    const tune_observer observer = {t, show_tuning, pass_note, t->observer->stop};
    tune_report report;
    status result = tune_run(t->dev, &o, &observer, &report, err);
    tune_free(&report);
    return result;
}

/* 0 where nothing is said: with --only-fine there may be none. */
static int coarse_stages_of(const char *depth)
{
    return depth ? depth[strlen("layer")] - '0' : 0;
}

static const statistics_gather *choose_statistics(trainer *t)
{
    const train_options *o = t->options;
    if (!o->ranks || !o->sync_bn)
        return NULL;
    t->statistics = ranks_statistics(o->ranks);
    return &t->statistics;
}

static status create_network(trainer *t, error *err)
{
    const train_options *o = t->options;
    const share_of share = training_share(t);
    size_t training = loader_pixel_capacity(t->train);
    size_t validation = loader_pixel_capacity(t->validate);
    network_options n = {
        .backbone = o->backbone,
        .stem = strcmp(o->stem, "cifar") == 0 ? STEM_CIFAR : STEM_IMAGENET,
        .only_fine = o->only_fine,
        .shared_trunk = o->shared_trunk,
        .fusion = o->fusion,
        .coarse_stages = coarse_stages_of(o->coarse_depth),
        .coarse_classes = t->data.classes.coarse_count,
        .fine_classes = t->data.classes.fine_count,
        .image_size = input_size(t),
        .batch_size = share_most(&share, o->batch_size),
        .training = true,
        .pixel_capacity = training > validation ? training : validation,
        .steps_in_backward = solver_is_descent(o),
        .solver_slots = solver_slots(o),
        .averaged = o->ema > 0,
        .marginal_parents = is_marginal(o) ? t->data.classes.parents : NULL,
        .freeze = t->freeze,
        .sync = choose_statistics(t),
    };
    TRY(check_batches(t, &n, err));
    if (o->tune)
        TRY(tune(t, &n, err));
    TRY(network_create(t->dev, &n, &t->net, err));
    network_set_smoothing(t->net, (float)o->label_smoothing);
    TRY(solver_create(t->net, o, &t->solve, err));
    if (!o->ranks)
        return STATUS_OK;
    return exchange_create(o->ranks, t->net, strcmp(o->wire, "fp16") == 0, BUCKET_BYTES,
                           &t->between, err);
}

/* A frozen layer that the file has nothing for stays as random as it started. */
static status check_frozen(const trainer *t, const weights_report *report, error *err)
{
    if (report->frozen_kept == 0 || strcmp(t->freeze, "default") != 0)
        return STATUS_OK;
    return error_set(err, STATUS_FAILED,
                     "%s: has nothing for %d of the parameters that --freeze default does not let "
                     "learn; is it of another --backbone or --stem? --freeze none trains all:\n"
                     "%.1000s",
                     t->options->weights, report->frozen_kept, report->text);
}

static status load_start(trainer *t, error *err)
{
    TRY(network_initialize(t->net, t->options->seed, !t->options->weights, err));
    if (!t->options->weights)
        return STATUS_OK;
    weights_report report = {0};
    status result = weights_load(t->net, t->options->weights, false, &report, err);
    if (result == STATUS_OK)
        result = check_frozen(t, &report, err);
    if (result != STATUS_OK) {
        weights_report_free(&report);
        return result;
    }
    char *text = text_format("%s: %d tensors loaded%s%s", t->options->weights, report.loaded,
                             report.text && *report.text ? "; not loaded:\n" : "",
                             report.text ? report.text : "");
    if (text)
        trainer_note(t, text);
    free(text);
    weights_report_free(&report);
    return STATUS_OK;
}

size_t trainer_trained_size(const trainer *t)
{
    size_t size = 0;
    for (size_t i = 0; i < network_parameter_count(t->net); i++) {
        const parameter *p = network_parameter(t->net, i);
        size += parameter_is_trained(p) ? p->count : 0;
    }
    return size;
}

void trainer_announce(trainer *t, bool resumed)
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
        .train_images = t->parts.train.count,
        .validation_images = t->parts.validation.count,
        .test_images = t->parts.whole_test.count,
        .held_out = t->parts.rule == DIVISION_HELD_OUT,
        .parameters = network_size(t->net),
        .trained_parameters = trainer_trained_size(t),
        .memory_bytes = network_memory_bytes(t->net),
        .step = t->state.step,
        .ranks = ranks_count(t->options->ranks),
        .share = network_get_options(t->net)->batch_size,
    };
    if (t->observer->started)
        t->observer->started(t->observer->context, &what);
}

status trainer_ask_stop(trainer *t, error *err)
{
    t->stopping = t->observer->stop && *t->observer->stop;
    return ranks_any(t->options->ranks, &t->stopping, err);
}

bool trainer_limit_reached(const trainer *t, uint64_t steps)
{
    return t->options->max_steps > 0 && steps >= (uint64_t)t->options->max_steps;
}

status trainer_average_statistics(trainer *t, error *err)
{
    TRY(replicas_average_statistics(t->options->ranks, t->net, err));
    if (!solver_averages(t->solve))
        return STATUS_OK;
    solver_swap_average(t->solve);
    status result = replicas_average_statistics(t->options->ranks, t->net, err);
    solver_swap_average(t->solve);
    return result;
}

status trainer_save(trainer *t, bool best, error *err)
{
    TRY(trainer_average_statistics(t, err));
    if (!trainer_leads(t))
        return STATUS_OK;
    TRY(journal_sync(&t->log, &t->state.metrics_bytes, err));
    tracking_flush(&t->track);
    TRY(solver_get_loss_scale(t->solve, &t->state.scaling, err));
    TRY(checkpoint_save(t->run.path, t->net, &t->data.classes, t->solve, &t->state, best, err));
    if (best)
        tracking_file(&t->track, "checkpoint", "best.safetensors");
    return STATUS_OK;
}

static enum run_state state_of(status result, bool complete)
{
    if (result == STATUS_OK)
        return complete ? RUN_FINISHED : RUN_STOPPED;
    return result == STATUS_INTERRUPTED ? RUN_STOPPED : RUN_FAILED;
}

status trainer_log(trainer *t, const metric_line *line, error *err)
{
    TRY(journal_put(&t->log, line, err));
    tracking_log(&t->track, line);
    return STATUS_OK;
}

void trainer_close(trainer *t, status result, const error *why)
{
    enum run_state state = state_of(result, t->complete);
    tracking_end(&t->track, state, state == RUN_FAILED ? why->message : NULL);
    journal_close(&t->log);
    exchange_free(t->between);
    if (t->net)
        solver_free(t->solve);
    network_free(t->net);
    loader_free(t->train);
    loader_free(t->validate);
    bad_images_free(t->bad);
    dataset_division_free(&t->parts);
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
    char *path = text_format("%s/config.json", directory);
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
    tracking_open(&t->track, t->run.temporary);
    TRY(write_config(t, t->run.temporary, err));
    TRY(checkpoint_save(t->run.temporary, t->net, &t->data.classes, t->solve, &t->state, false,
                        err));
    return run_directory_commit(&t->run, err);
}

static status check_loss(const train_options *o, error *err)
{
    bool coarse = has_coarse_loss(o);
    if (o->fine_weight > 0 || (coarse && o->coarse_weight > 0))
        return STATUS_OK;
    if (coarse)
        return error_set(err, STATUS_USAGE, "--coarse 0 and --fine 0 leave nothing to learn");
    return error_set(err, STATUS_USAGE,
                     "--fine 0 with --only-fine leaves nothing to learn; --coarse-loss marginal "
                     "would learn the coarse classes");
}

static status check_options(const train_options *o, error *err)
{
    bool adam = strcmp(o->optimizer, "sgd") != 0;
    if (o->balance && o->no_shuffle)
        return error_set(err, STATUS_USAGE,
                         "--balance draws the images by lot, --no-shuffle takes them in order");
    if (o->nesterov && (o->momentum <= 0 || adam))
        return error_set(err, STATUS_USAGE, "--nesterov needs --optimizer sgd and a --momentum");
    if (o->warmup > 0 && o->warmup >= o->epochs)
        return error_set(err, STATUS_USAGE, "--warmup %g leaves nothing of --epochs %d", o->warmup,
                         o->epochs);
    if (o->tune && o->ranks)
        return error_set(err, STATUS_USAGE,
                         "--tune measures one device alone: run `hcnn-cl tune` on each machine "
                         "first, with the --batch-size of one rank");
    if (adam && o->momentum != 0)
        return error_set(err, STATUS_USAGE, "--momentum is SGD's; Adam has its own");
    return check_loss(o, err);
}

static run_terms terms_of(const train_options *o)
{
    return (run_terms){o->seed, o->coarse_weight, o->fine_weight, o->crop_boxes};
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

/* The schedule counts steps, of which the last of an epoch may have fewer batches. */
static void span_schedule(trainer *t)
{
    uint64_t whole = (uint64_t)t->options->accumulate, batches = loader_batches(t->train);
    schedule_span(&t->state.rate, t->options->epochs, (batches + whole - 1) / whole);
}

static status parse_options(trainer *t, error *err)
{
    const train_options *o = t->options;
    const loss_weights weights = {o->coarse_weight, o->fine_weight};
    if (loss_schedule_parse(o->loss_schedule, weights, has_coarse_loss(o), &t->weights, err) !=
        STATUS_OK)
        return error_prefix(err, STATUS_USAGE, "--loss-schedule");
    return augment_parse(o->augment, &t->augment, err);
}

static status open_device(trainer *t, error *err)
{
    const train_options *o = t->options;
    int place = o->ranks ? o->ranks->place : 0;
    TRY(o->device ? device_open_place(o->device, place, &t->dev, err)
                  : device_open_own(place, &t->dev, err));
    return device_set_precision(t->dev, o->precision, err);
}

static status prepare(trainer *t, error *err)
{
    TRY(check_options(t->options, err));
    TRY(parse_options(t, err));
    TRY(start_state(t, err));
    TRY(choose_freeze(t, err));
    TRY(open_device(t, err));
    TRY(open_data(t, err));
    span_schedule(t);
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
    char *path = chosen ? text_format("%s", chosen) : text_format("%s/metrics.jsonl", t->run.path);
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

static json_t *summary_of(const trainer *t)
{
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:i, s:i, s:I, s:I, s:I}", "data",
                     dataset_is_sample(&t->data) ? "drawn sample" : t->data.source, "form",
                     t->data.form, "train_images", (json_int_t)t->parts.train.count,
                     "validation_images", (json_int_t)t->parts.validation.count, "test_images",
                     (json_int_t)t->parts.whole_test.count, "coarse_classes",
                     t->data.classes.coarse_count, "fine_classes", t->data.classes.fine_count,
                     "parameters", (json_int_t)network_size(t->net), "trained_parameters",
                     (json_int_t)trainer_trained_size(t), "memory_bytes",
                     (json_int_t)network_memory_bytes(t->net));
}

static void begin_tracking(trainer *t, bool resumed)
{
    const tracked_run run = {
        .directory = t->run.path,
        .device = t->dev->info.name,
        .driver = t->dev->info.driver,
        .summary = summary_of(t),
        .metrics = t->log.path,
        .metrics_elsewhere = t->options->metrics != NULL,
        .resumed = resumed,
        .step = t->state.step,
        .logged = t->state.step / (uint64_t)t->options->metrics_every,
    };
    tracking_begin(&t->track, &run);
    json_decref(run.summary);
}

/* Tells the other ranks the run's name, when it has one. */
static status share_path(trainer *t, error *err)
{
    const ranks *r = t->options->ranks;
    size_t length = t->run.path ? strlen(t->run.path) + 1 : 0;
    TRY(ranks_broadcast(r, &length, sizeof length, err));
    if (!trainer_leads(t))
        t->run = (run_directory){.path = malloc(length), .lock = -1};
    if (!t->run.path)
        return error_memory(err, "the run's name");
    return ranks_broadcast(r, t->run.path, length, err);
}

/* What the run's first rank writes before the first step. */
static status begin_files(trainer *t, error *err)
{
    /* A metrics file elsewhere first: when it cannot be written, no run is left behind. */
    if (t->options->metrics)
        TRY(open_journal(t, false, err));
    TRY(create_run(t, err));
    if (!t->options->metrics)
        TRY(open_journal(t, false, err));
    begin_tracking(t, false);
    return STATUS_OK;
}

status trainer_begin(trainer *t, error *err)
{
    t->track.note = pass_note;
    t->track.context = t;
    if (trainer_leads(t))
        TRY(check_start(t, err));
    TRY(prepare(t, err));
    TRY(load_start(t, err));
    TRY(trainer_ask_stop(t, err)); /* waits: a rank that fails to come so far leaves no run */
    if (trainer_leads(t))
        TRY(begin_files(t, err));
    return share_path(t, err);
}

/* The optimizer's state that belongs to the checkpoint `last`. */
static status load_solver(trainer *t, const char *last, const char *name, error *err)
{
    if (!solver_has_state(t->solve))
        return STATUS_OK;
    if (!name)
        return error_set(err, STATUS_FAILED, "%s: names no file of the optimizer's state", last);
    char *path = text_format("%s/%s", t->run.path, name);
    status result = path ? solver_load(t->solve, path, err) : error_memory(err, name);
    free(path);
    return result;
}

static status load_state(trainer *t, error *err)
{
    checkpoint saved = {0};
    char *last = text_format("%s/last.safetensors", t->run.path);
    status result;
    TRY_OR_DONE(last ? STATUS_OK : error_memory(err, t->run.path));
    TRY_OR_DONE(checkpoint_open(last, &saved, err));
    TRY_OR_DONE(
        hierarchy_compare(&saved.model.classes, last, &t->data.classes, "the data set", err));
    TRY_OR_DONE(model_file_load(&saved.model, t->net, err));
    TRY_OR_DONE(load_solver(t, last, saved.optimizer_file, err));
    const schedule fresh = t->state.rate;
    t->state = saved.state;
    t->state.rate = fresh;
    schedule_restore(&t->state.rate, &saved.state.rate);
    solver_set_loss_scale(t->solve, &t->state.scaling);
    /* A checkpoint from before these were kept does not know them; config.json does. */
    t->state.terms = terms_of(t->options);
done:
    checkpoint_close(&saved);
    free(last);
    return result;
}

status trainer_reopen(trainer *t, const char *run, error *err)
{
    t->track.note = pass_note;
    t->track.context = t;
    if (trainer_leads(t)) {
        TRY(run_directory_open(&t->run, run, err));
        tracking_open(&t->track, run);
    }
    TRY(prepare(t, err));
    TRY(share_path(t, err));
    TRY(load_state(t, err));
    if (!trainer_leads(t))
        return STATUS_OK;
    TRY(open_journal(t, true, err));
    begin_tracking(t, true);
    return STATUS_OK;
}
