/* SPDX-License-Identifier: Apache-2.0 */
/* The network of a run; see run_model.h. */
#include "train/run_model.h"
#include "base/text.h"
#include "model/fit.h"
#include "model/parameters.h"
#include "model/weights.h"
#include "ops/precision_choice.h"
#include "ranks/replicas.h"
#include "selftest/selftest.h"
#include "tune/tune.h"

#include <stdlib.h>
#include <string.h>

/* The least size of a bucket of gradients that are summed over the ranks. It is large enough that
 * the fixed cost of a message does not matter, and small compared with all gradients, so most sums
 * run during the backward pass. */
enum { BUCKET_BYTES = 4 << 20 };

/* ---- Creating ---- */

static status choose_freeze(run_model *m, const train_options *o, error *err)
{
    const char *freeze = o->freeze;
    bool has_backbones = false;
    if (!freeze && o->weights)
        TRY(weights_peek(o->weights, &has_backbones, err));
    if (!freeze)
        freeze = has_backbones && !o->only_fine ? "default" : "none";
    m->freeze = text_format("%s", freeze);
    return got_memory(m->freeze, err, "the options");
}

/* The first rank chooses. */
static status choose_precision(run_model *m, const train_options *o, const train_observer *observer,
                               error *err)
{
    enum precision chosen;
    char note[PRECISION_NOTE];
    const precision_request asked = {o->precision, train_is_given(o, "precision")};
    TRY(precision_choose(m->dev, asked, &chosen, note, err));
    TRY(ranks_broadcast(o->ranks, &chosen, sizeof chosen, err));
    if (note[0] && ranks_lead(o->ranks))
        train_note(observer, "%s", note);
    return precision_set(m->dev, chosen, err);
}

status run_model_open_device(run_model *m, const train_options *o, const train_observer *observer,
                             error *err)
{
    TRY(choose_freeze(m, o, err));
    int place = o->ranks ? o->ranks->place : 0;
    TRY(o->device ? device_open_place(o->device, place, &m->dev, err)
                  : device_open_own(place, &m->dev, err));
    device_set_timeout(m->dev, o->device_timeout);
    return choose_precision(m, o, observer, err);
}

/* The smallest number of images that batch normalisation sees together in a batch of `images`. */
static int fewest_seen(const train_options *o, const run_data *d, int images)
{
    const share_of share = run_data_share(d, o);
    return o->sync_bn ? images : share_least(&share, images);
}

/* Every rank needs a part of every batch. Batch normalisation cannot train on one value per
 * channel, because its variance is 0. */
static status check_batches(const train_options *o, const run_data *d, const network_options *n,
                            error *err)
{
    int batch = o->batch_size, rest = (int)(d->parts.train.count % (size_t)batch);
    int last = rest > 0 ? rest : batch;
    const share_of share = run_data_share(d, o);
    bool needs_two = false;
    if (share_least(&share, last) == 0 || share_least(&share, batch) == 0)
        return error_set(err, STATUS_USAGE,
                         "%zu training images in batches of %d: the last batch has %d, and each of "
                         "%d ranks needs one%s; choose another --batch-size or fewer ranks",
                         d->parts.train.count, batch, last, ranks_count(o->ranks),
                         share.mirrored ? " pair of images to mix" : "");
    if (fewest_seen(o, d, batch) == 1 || fewest_seen(o, d, last) == 1)
        TRY(network_needs_two(n, &needs_two, err));
    if (!needs_two)
        return STATUS_OK;
    return error_set(err, STATUS_USAGE,
                     "%zu training images in batches of %d%s leave a batch of one image whose last "
                     "feature map is one pixel, but batch normalisation needs more than one value; "
                     "choose another --batch-size, a larger --image-size%s or --backbone "
                     "bit_r50x1, which has batch normalisation only with --fusion concat-bn-relu",
                     d->parts.train.count, batch, o->ranks ? " for all ranks" : "",
                     o->ranks && !o->sync_bn ? ", --sync-bn" : "");
}

static status tune(const run_model *m, const network_options *n, const char *program,
                   const train_observer *o, error *err)
{
    const tune_options how = {.network = *n, .only_missing = true, .program = program};
    const tune_observer observer = {o->context, o->evaluating, o->note, o->stop};
    tune_report report;
    status result = tune_run(m->dev, &how, &observer, &report, err);
    tune_free(&report);
    return result;
}

static status test_device(const run_model *m, const network_options *n, const run_data *d,
                          const train_options *o, const train_observer *watch, error *err)
{
    const selftest_options how = {
        .skip = o->no_selftest,
        .program = o->program,
        .uses = {.mixes = augment_mixes(&d->augment),
                 .clips = o->clip_norm > 0,
                 .steps = !fit_steps_in_backward(m->dev, n)},
        .observer = {watch->context, watch->evaluating, watch->note, NULL, watch->stop},
    };
    return selftest_network(m->dev, n, &how, err);
}

static network_options describe_network(const run_model *m, const train_options *o,
                                        const run_data *d)
{
    const share_of share = run_data_share(d, o);
    size_t training = loader_pixel_capacity(d->train);
    size_t validation = loader_pixel_capacity(d->validate);
    return (network_options){
        .backbone = o->backbone,
        .stem = o->stem,
        .only_fine = o->only_fine,
        .shared_trunk = o->shared_trunk,
        .fusion = o->fusion,
        /* 0 unless the option is given, because --only-fine allows no other value */
        .coarse_stages = o->coarse_depth == COARSE_DEPTH_DEFAULT  ? 0
                         : o->coarse_depth == COARSE_DEPTH_LAYER3 ? 3
                                                                  : 4,
        .coarse_classes = d->set.classes.coarse_count,
        .fine_classes = d->set.classes.fine_count,
        .image_size = run_data_input_size(d, o),
        .batch_size = share_most(&share, o->batch_size),
        .training = true,
        .pixel_capacity = training > validation ? training : validation,
        .steps_in_backward = solver_is_descent(o),
        .solver_slots = solver_slots(o),
        .averaged = o->ema > 0,
        .marginal_parents = o->coarse_loss == COARSE_LOSS_MARGINAL ? d->set.classes.parents : NULL,
        .freeze = m->freeze,
        .sync = o->ranks && o->sync_bn ? &m->statistics : NULL,
    };
}

status run_model_create(run_model *m, const train_options *o, const run_data *d,
                        const train_observer *observer, error *err)
{
    if (o->ranks)
        m->statistics = ranks_statistics(o->ranks);
    const network_options n = describe_network(m, o, d);
    TRY(check_batches(o, d, &n, err));
    if (o->tune)
        TRY(tune(m, &n, o->program, observer, err));
    TRY(test_device(m, &n, d, o, observer, err));
    TRY(network_create(m->dev, &n, &m->net, err));
    network_set_smoothing(m->net, (float)o->label_smoothing);
    TRY(solver_create(m->net, o, &m->solve, err));
    if (!o->ranks)
        return STATUS_OK;
    return exchange_create(o->ranks, m->net, o->wire == WIRE_FP16, BUCKET_BYTES, &m->between, err);
}

/* ---- Weights ---- */

/* A frozen layer that the file does not have would keep its random weights. */
static status check_frozen(const run_model *m, const train_options *o, const weights_report *report,
                           error *err)
{
    char list[TEXT_FIRST_LINES];
    if (report->frozen_kept == 0 || strcmp(m->freeze, "default") != 0)
        return STATUS_OK;
    return error_set(
        err, STATUS_FAILED,
        "%s: %d of the parameters that --freeze default freezes are missing; is the file of "
        "another --backbone or --stem? Use --freeze none to train all:\n%s",
        o->weights, report->frozen_kept, text_first_lines(report->text, list));
}

status run_model_start(run_model *m, const train_options *o, const train_observer *observer,
                       error *err)
{
    TRY(network_initialize(m->net, o->seed, !o->weights, err));
    if (!o->weights)
        return STATUS_OK;
    status result;
    weights_report report = {0};
    TRY_OR_DONE(weights_load(m->net, o->weights, false, &report, err));
    TRY_OR_DONE(check_frozen(m, o, &report, err));
    train_note(observer, "%s: %d tensors loaded%s%s", o->weights, report.loaded,
               report.text && *report.text ? "; not loaded:\n" : "",
               report.text ? report.text : "");
done:
    weights_report_free(&report);
    return result;
}

size_t run_model_trained_size(const run_model *m)
{
    size_t size = 0;
    for (const parameter *p = NULL; (p = network_next(m->net, p));)
        size += parameter_is_trained(p) ? p->count : 0;
    return size;
}

status run_model_average_statistics(run_model *m, const ranks *r, error *err)
{
    TRY(replicas_average_statistics(r, m->net, err));
    if (!solver_averages(m->solve))
        return STATUS_OK;
    solver_swap_average(m->solve);
    status result = replicas_average_statistics(r, m->net, err);
    solver_swap_average(m->solve);
    return result;
}

void run_model_close(run_model *m)
{
    exchange_free(m->between);
    if (m->net)
        solver_free(m->solve);
    network_free(m->net);
    device_close(m->dev);
    free(m->freeze);
}
