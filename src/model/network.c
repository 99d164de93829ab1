/* SPDX-License-Identifier: Apache-2.0 */
/* A network on a device; see network.h. The graph says what to compute, the plan gives it memory,
 * and execute.c runs it. This file joins them, uploads batches and fetches results. */
#include "model/network.h"
#include "device/profile.h"
#include "model/execute.h"
#include "model/fit.h"
#include "model/fusion.h"
#include "model/parameters.h"
#include "ops/input.h"
#include "ops/mix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TICKETS = 2 };

/* The results of one step on their way to the host. */
typedef struct ticket {
    bool open;
    int count;
    head_result *results[HEAD_COUNT];
    cl_event done[HEAD_COUNT];
    step_results handed;
} ticket;

struct network {
    device *dev;
    convolver chooser;
    network_options options;
    char *backbone, *freeze; /* owned; options points to them */
    graph g;
    plan *p;
    cl_mem pixels, images;
    ticket tickets[TICKETS];
    unsigned fetched; /* number of tickets handed out */
    int count;        /* images in the last forward pass */
    bool trains;      /* the last forward pass was a training step's */
    float loss_scale; /* factor of the gradients */
    float smoothing;  /* label smoothing in training */
    gradient_watch watch;
    shared_statistics *shared; /* NULL without options.sync */
    cl_mem tree;               /* from cross_entropy_tree; NULL without marginal_parents */
    uint64_t memory_bytes;
};

static status check_options(const network_options *o, error *err)
{
    if (o->batch_size < 1 || o->image_size < 1)
        return error_set(err, STATUS_USAGE,
                         "batch size %d and image size %d: both must be at least 1", o->batch_size,
                         o->image_size);
    if (o->fine_classes < 2 || (!o->only_fine && o->coarse_classes < 2))
        return error_set(err, STATUS_FAILED,
                         "the data set has %d coarse and %d fine classes, but a classifier needs "
                         "at least two%s",
                         o->coarse_classes, o->fine_classes,
                         o->fine_classes < 2 ? ""
                                             : "; use --only-fine to leave out the coarse one");
    return STATUS_OK;
}

static status build_graph(const network_options *options, graph *g, error *err)
{
    TRY(check_options(options, err));
    status result = hcnn_build(options, g, err);
    if (result == STATUS_OK)
        result = parameters_freeze(g, options->freeze, err);
    if (result == STATUS_OK)
        result = graph_finish(g, options->training, err);
    if (result != STATUS_OK)
        graph_free(g);
    return result;
}

status network_needs_two(const network_options *options, bool *needs, error *err)
{
    graph g;
    TRY(build_graph(options, &g, err));
    *needs = false;
    for (int i = 0; i < g.count; i++)
        *needs |= g.nodes[i].kind == NODE_BATCHNORM && g.nodes[i].h * g.nodes[i].w == 1;
    graph_free(&g);
    return STATUS_OK;
}

status network_convolutions(const network_options *options, convolution_call **calls, size_t *count,
                            error *err)
{
    graph g;
    *calls = NULL;
    TRY(build_graph(options, &g, err));
    status result = convolutions_list(&g, options->batch_size, calls, count, err);
    graph_free(&g);
    return result;
}

status network_choose(const convolver *c, const network_options *options, graph *g, error *err)
{
    network_options adapted = *options;
    uint64_t bytes;
    bool fits;
    adapted.steps_in_backward = fit_steps_in_backward(c->dev, options);
    TRY(build_graph(&adapted, g, err));
    status result = fit_batch(c, &adapted, g, adapted.batch_size, &bytes, &fits, err);
    if (result != STATUS_OK)
        graph_free(g);
    return result;
}

static status refuse_batch(network *net, uint64_t bytes, error *err)
{
    int largest;
    const network_options *o = &net->options;
    TRY(fit_largest_batch(&net->chooser, o, &net->g, &largest, err));
    char remedy[160];
    if (largest > 0)
        snprintf(remedy, sizeof remedy, "the largest batch that fits is %d; use --batch-size %d",
                 largest, largest);
    else
        snprintf(remedy, sizeof remedy, "not even one image fits; use a smaller --image-size");
    return error_set(err, STATUS_FAILED,
                     "a batch of %d images of %dx%d needs %.2f GiB of device memory; %s has %.2f "
                     "GiB, at most %.2f GiB per allocation: %s",
                     o->batch_size, o->image_size, o->image_size, (double)bytes / (1u << 30),
                     net->dev->info.name, (double)net->dev->info.memory_bytes / (1u << 30),
                     (double)net->dev->info.max_allocation_bytes / (1u << 30), remedy);
}

static status allocate_heads(network *net, error *err)
{
    size_t batch = (size_t)net->options.batch_size;
    for (int h = 0; h < HEAD_COUNT; h++) {
        head *made = &net->g.heads[h];
        if (made->logits == GRAPH_NONE)
            continue;
        TRY(buffer_create(net->dev, batch * sizeof(int32_t), &made->labels, err));
        TRY(buffer_create(net->dev, batch * sizeof(head_result), &made->results, err));
        for (int t = 0; t < TICKETS; t++) {
            net->tickets[t].results[h] = calloc(batch, sizeof(head_result));
            TRY(got_memory(net->tickets[t].results[h], err, "the results of a step"));
        }
    }
    return STATUS_OK;
}

/* Prepares sync, with host memory for the widest batch normalisation. */
static status share_statistics(network *net, error *err)
{
    int channels = 0;
    for (int i = 0; i < net->g.count; i++) {
        const node *n = &net->g.nodes[i];
        if (n->kind == NODE_BATCHNORM && n->c > channels)
            channels = n->c;
    }
    return shared_statistics_create(net->options.sync, channels, &net->shared, err);
}

static status fill_network(network *net, error *err)
{
    const network_options *o = &net->options;
    uint64_t bytes;
    bool fits;
    TRY(fit_batch(&net->chooser, o, &net->g, o->batch_size, &bytes, &fits, err));
    if (!fits)
        return refuse_batch(net, bytes, err);
    net->memory_bytes = bytes;
    TRY(plan_create(net->dev, &net->g, o->batch_size, o->sync, &net->p, err));
    TRY(plan_allocate(net->dev, net->p, &net->g, err));
    TRY(parameters_allocate(net->dev, &net->g, o->training && !o->steps_in_backward, err));
    TRY(buffer_create(net->dev, o->pixel_capacity, &net->pixels, err));
    TRY(buffer_create(net->dev, (size_t)o->batch_size * sizeof(pixel_source), &net->images, err));
    if (o->sync)
        TRY(share_statistics(net, err));
    if (o->marginal_parents)
        TRY(cross_entropy_tree(net->dev, o->marginal_parents, o->fine_classes, o->coarse_classes,
                               &net->tree, err));
    return allocate_heads(net, err);
}

static status copy_names(network *net, const network_options *o, error *err)
{
    net->options.backbone = net->backbone = strdup(o->backbone);
    net->options.freeze = net->freeze = strdup(o->freeze ? o->freeze : "none");
    if (o->fusion && fusion_find(o->fusion))
        net->options.fusion = fusion_find(o->fusion)->name;
    return net->backbone && net->freeze ? STATUS_OK : error_memory(err, "the network");
}

status network_create(device *dev, const network_options *options, network **created, error *err)
{
    status result = STATUS_OK;
    *created = NULL;
    network *net = calloc(1, sizeof *net);
    TRY(got_memory(net, err, "the network"));
    net->dev = dev;
    net->options = *options;
    net->options.steps_in_backward = fit_steps_in_backward(dev, options);
    net->loss_scale = 1;
    TRY_OR_DONE(convolver_open(dev, &net->chooser, err));
    TRY_OR_DONE(convolver_prepare_gemm(&net->chooser, err));
    TRY_OR_DONE(copy_names(net, options, err));
    TRY_OR_DONE(build_graph(options, &net->g, err));
    TRY_OR_DONE(fill_network(net, err));
    *created = net;
    return STATUS_OK;
done:
    network_free(net);
    return result;
}

void network_free(network *net)
{
    if (!net)
        return;
    error ignored;
    device_finish(net->dev, &ignored);
    if (device_is_stuck(net->dev))
        return; /* the device may still use everything */
    for (int h = 0; h < HEAD_COUNT; h++) {
        buffer_release(&net->g.heads[h].labels);
        buffer_release(&net->g.heads[h].results);
        for (int t = 0; t < TICKETS; t++) {
            if (net->tickets[t].done[h])
                clReleaseEvent(net->tickets[t].done[h]);
            free(net->tickets[t].results[h]);
        }
    }
    shared_statistics_free(net->shared);
    buffer_release(&net->tree);
    buffer_release(&net->images);
    buffer_release(&net->pixels);
    parameters_release(&net->g);
    plan_free(net->p);
    graph_free(&net->g);
    convolver_close(&net->chooser);
    free(net->backbone);
    free(net->freeze);
    free(net);
}

status network_reserve_pixels(network *net, size_t bytes, error *err)
{
    cl_mem larger;
    if (bytes <= net->options.pixel_capacity)
        return STATUS_OK;
    TRY(buffer_create(net->dev, bytes, &larger, err));
    buffer_release(&net->pixels); /* OpenCL keeps the buffer while a step still reads it */
    net->pixels = larger;
    net->memory_bytes += bytes - net->options.pixel_capacity;
    net->options.pixel_capacity = bytes;
    return STATUS_OK;
}

const network_options *network_get_options(const network *net)
{
    return &net->options;
}

device *network_device(const network *net)
{
    return net->dev;
}

uint64_t network_memory_bytes(const network *net)
{
    return net->memory_bytes;
}

size_t network_parameter_count(const network *net)
{
    return net->g.parameter_count;
}

parameter *network_parameter(network *net, size_t index)
{
    return &net->g.parameters[index];
}

parameter *network_next(network *net, const parameter *before)
{
    size_t index = before ? (size_t)(before - net->g.parameters) + 1 : 0;
    return index < net->g.parameter_count ? &net->g.parameters[index] : NULL;
}

parameter *network_find(network *net, const char *name)
{
    for (size_t i = 0; i < net->g.parameter_count; i++)
        if (strcmp(net->g.parameters[i].name, name) == 0)
            return &net->g.parameters[i];
    return NULL;
}

size_t network_size(const network *net)
{
    size_t size = 0;
    for (size_t i = 0; i < net->g.parameter_count; i++) {
        const parameter *p = &net->g.parameters[i];
        if (p->kind != PARAMETER_STATISTIC && p->kind != PARAMETER_COUNTER)
            size += p->count;
    }
    return size;
}

status network_initialize(network *net, uint64_t seed, bool from_scratch, error *err)
{
    for (size_t i = 0; i < net->g.parameter_count; i++)
        TRY(parameter_initialize(net->dev, &net->g.parameters[i], seed, from_scratch, err));
    return STATUS_OK;
}

static status read_layout(network *net, const parameter *p, cl_mem from, float *values, error *err)
{
    float *raw = malloc(p->count * sizeof *raw);
    TRY(got_memory(raw, err, p->name));
    status result = buffer_read(net->dev, from, 0, raw, p->count * sizeof *raw, err);
    if (result == STATUS_OK)
        parameter_to_file_layout(p, raw, values);
    free(raw);
    return result;
}

status network_parameter_read(network *net, const parameter *p, float *values, error *err)
{
    return read_layout(net, p, p->value, values, err);
}

status network_gradient_read(network *net, const parameter *p, float *values, error *err)
{
    if (!p->gradient)
        return error_set(err, STATUS_FAILED, "%s has no gradient to read: %s", p->name,
                         parameter_is_trained(p) ? "the backward pass updates the parameter itself"
                                                 : "it is not trained");
    return read_layout(net, p, p->gradient, values, err);
}

status network_parameter_write(network *net, parameter *p, const float *values, error *err)
{
    float *raw = malloc(p->count * sizeof *raw);
    TRY(got_memory(raw, err, p->name));
    parameter_to_device_layout(p, values, raw);
    parameter_changed(p);
    status result = buffer_write(net->dev, p->value, 0, raw, p->count * sizeof *raw, err);
    free(raw);
    return result;
}

void network_set_loss_scale(network *net, float scale)
{
    net->loss_scale = scale;
}

void network_set_smoothing(network *net, float smoothing)
{
    net->smoothing = smoothing;
}

void network_watch_gradients(network *net, gradient_watch watch)
{
    net->watch = watch;
}

static status upload(network *net, const network_batch *batch, error *err)
{
    size_t count = (size_t)batch->count;
    const int32_t *labels[HEAD_COUNT] = {batch->coarse, batch->fine};
    profile_label(net->dev, "forward", "input");
    TRY(buffer_write_later(net->dev, net->pixels, 0, batch->pixels, batch->pixel_bytes, NULL, err));
    TRY(buffer_write_later(net->dev, net->images, 0, batch->images, count * sizeof *batch->images,
                           NULL, err));
    for (int h = 0; h < HEAD_COUNT; h++)
        if (net->g.heads[h].logits != GRAPH_NONE && labels[h])
            TRY(buffer_write_later(net->dev, net->g.heads[h].labels, 0, labels[h],
                                   count * sizeof(int32_t), NULL, err));
    tensor input = net->g.nodes[0].value;
    input.n = batch->count;
    TRY(input_forward(net->dev, net->pixels, net->images, input, err));
    return mix_forward(net->dev, input, &batch->mix, err);
}

static status run_losses(network *net, const network_batch *batch, bool train,
                         const float weights[HEAD_COUNT], error *err)
{
    const target_terms targets = {train ? net->smoothing : 0, batch->mix.partner_share};
    const marginal_terms marginal = {net->tree, net->options.coarse_classes,
                                     weights[HEAD_COARSE] * net->loss_scale};
    const marginal_terms none = {0};
    profile_label(net->dev, "forward", "loss");
    for (int h = 0; h < HEAD_COUNT; h++) {
        const head *from = &net->g.heads[h];
        if (from->logits == GRAPH_NONE)
            continue;
        const node *n = &net->g.nodes[from->logits];
        tensor logits = n->value, gradient = n->gradient;
        logits.n = gradient.n = batch->count;
        if (!train || !n->has_gradient)
            gradient.buffer = NULL;
        TRY(cross_entropy_forward(net->dev, logits, from->labels, targets,
                                  h == HEAD_FINE ? marginal : none, from->results, gradient,
                                  weights[h] * net->loss_scale, err));
    }
    return STATUS_OK;
}

/* Checks that the next ticket is free. */
static status check_ticket(const network *net, error *err)
{
    if (net->tickets[net->fetched % TICKETS].open)
        return error_set(
            err, STATUS_FAILED,
            "more than %d steps are open; wait for the results of the oldest one first", TICKETS);
    return STATUS_OK;
}

static status check_batch(const network *net, const network_batch *batch, error *err)
{
    const network_options *o = &net->options;
    if (batch->count < 1 || batch->count > o->batch_size)
        return error_set(err, STATUS_FAILED,
                         "the batch has %d images; this network accepts 1 to %d", batch->count,
                         o->batch_size);
    if (batch->pixel_bytes > o->pixel_capacity)
        return error_set(err, STATUS_FAILED,
                         "the batch has %zu bytes of pixels, but only %zu are reserved",
                         batch->pixel_bytes, o->pixel_capacity);
    return check_ticket(net, err);
}

/* Waits, after a failure, until the device has read the host's memory: the caller may free the
 * batch then. */
static status leave(network *net, status result)
{
    error ignored;
    if (result != STATUS_OK)
        device_finish(net->dev, &ignored);
    return result;
}

static status forward(network *net, const network_batch *batch, enum step_mode mode,
                      float coarse_weight, float fine_weight, error *err)
{
    bool train = mode == STEP_TRAIN;
    const float weights[HEAD_COUNT] = {coarse_weight, fine_weight};
    TRY(check_batch(net, batch, err));
    if (train && !net->options.training)
        return error_set(err, STATUS_FAILED, "the network was created for evaluation only");
    if (train && (!batch->fine || (!batch->coarse && !net->options.only_fine)))
        return error_set(err, STATUS_FAILED, "a training step needs the labels of every head");
    net->count = batch->count;
    net->trains = train;
    TRY(upload(net, batch, err));
    TRY(execute_forward(net->dev, &net->g, net->p, batch->count, train, net->shared, err));
    return batch->fine ? run_losses(net, batch, train, weights, err) : STATUS_OK;
}

status network_forward(network *net, const network_batch *batch, enum step_mode mode,
                       float coarse_weight, float fine_weight, error *err)
{
    return leave(net, forward(net, batch, mode, coarse_weight, fine_weight, err));
}

status network_backward(network *net, gradient_terms terms, error *err)
{
    if (!net->trains || (net->options.steps_in_backward && terms.beta != 1))
        return error_set(err, STATUS_FAILED,
                         net->trains
                             ? "beta must be 1: this network adds its gradients to the weights"
                             : "a backward pass must follow the forward pass of a training step");
    return leave(net, execute_backward(net->dev, &net->g, net->p, net->count, terms, net->shared,
                                       &net->watch, err));
}

static status fetch(network *net, int *opened, error *err)
{
    TRY(check_ticket(net, err));
    *opened = (int)(net->fetched++ % TICKETS);
    ticket *t = &net->tickets[*opened];
    t->count = net->count;
    for (int h = 0; h < HEAD_COUNT; h++)
        if (net->g.heads[h].logits != GRAPH_NONE)
            TRY(buffer_read_later(net->dev, net->g.heads[h].results, 0, t->results[h],
                                  (size_t)t->count * sizeof(head_result), &t->done[h], err));
    t->open = true;
    return buffer_flush(net->dev, err);
}

status network_fetch(network *net, int *opened, error *err)
{
    return leave(net, fetch(net, opened, err));
}

static status wait(network *net, int opened, const step_results **results, error *err)
{
    ticket *t = &net->tickets[opened];
    if (!t->open)
        return error_set(err, STATUS_FAILED, "no results to wait for: the ticket is not open");
    for (int h = 0; h < HEAD_COUNT; h++)
        TRY(buffer_wait(net->dev, &t->done[h], err));
    t->open = false;
    t->handed = (step_results){t->count, t->results[HEAD_COARSE], t->results[HEAD_FINE]};
    *results = &t->handed;
    return STATUS_OK;
}

status network_wait(network *net, int opened, const step_results **results, error *err)
{
    return leave(net, wait(net, opened, results, err));
}

static status read_value(network *net, int index, float *values, error *err)
{
    if (index == GRAPH_NONE || !values)
        return STATUS_OK;
    tensor t = net->g.nodes[index].value;
    t.n = net->count;
    return tensor_read(net->dev, t, values, err);
}

status network_read_input(network *net, float *values, error *err)
{
    return read_value(net, 0, values, err);
}

status network_read_logits(network *net, float *coarse, float *fine, error *err)
{
    TRY(read_value(net, net->g.heads[HEAD_COARSE].logits, coarse, err));
    return read_value(net, net->g.heads[HEAD_FINE].logits, fine, err);
}

const graph *network_graph(const network *net)
{
    return &net->g;
}
