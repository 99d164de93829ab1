/* SPDX-License-Identifier: Apache-2.0 */
/* Calls one operation for each node and direction; see execute.h. */
#include "model/execute.h"
#include "device/buffer.h"
#include "device/profile.h"
#include "model/convolutions.h"
#include "model/parameters.h"
#include "ops/add.h"
#include "ops/average_pool.h"
#include "ops/bias.h"
#include "ops/concat.h"
#include "ops/gate.h"
#include "ops/group_norm.h"
#include "ops/weight_standardise.h"

/* What all calls of one pass share. */
typedef struct pass {
    device *dev;
    graph *g;
    plan_workspace memory;
    shared_statistics *shared;
    int count;
    bool train;
    gradient_terms terms;
} pass;

static tensor for_count(tensor t, int count)
{
    t.n = count;
    return t;
}

static tensor value_of(const pass *p, int index)
{
    return for_count(p->g->nodes[index].value, p->count);
}

/* The gradients that a node sends to its input and to its second input; without a buffer if none is
 * needed. */
static tensor gradient_to_input(const pass *p, const node *n)
{
    return graph_feeds_input(p->g, n) ? for_count(p->g->nodes[n->input].gradient, p->count)
                                      : (tensor){0};
}

static tensor gradient_to_second(const pass *p, const node *n)
{
    return graph_feeds_second(p->g, n) ? for_count(p->g->nodes[n->second].gradient, p->count)
                                       : (tensor){0};
}

static cl_mem weight_of(const pass *p, int index)
{
    return index == GRAPH_NONE ? NULL : p->g->parameters[index].value;
}

/* The buffer that receives a parameter's gradient: its gradient buffer or, without one, the
 * parameter itself. NULL if it is not trained. */
static cl_mem gradient_target(const pass *p, int index)
{
    if (index == GRAPH_NONE || !parameter_is_trained(&p->g->parameters[index]))
        return NULL;
    const parameter *weight = &p->g->parameters[index];
    return weight->gradient ? weight->gradient : weight->value;
}

/* The parameters of a batchnorm, in the order in which they are declared. */
enum { NORM_GAMMA, NORM_BETA, NORM_MEAN, NORM_VARIANCE, NORM_COUNTER };

static batchnorm_layer norm_layer(const pass *p, const node *n)
{
    return (batchnorm_layer){
        .gamma = weight_of(p, n->weight + NORM_GAMMA),
        .beta = weight_of(p, n->weight + NORM_BETA),
        .running_mean = weight_of(p, n->weight + NORM_MEAN),
        .running_variance = weight_of(p, n->weight + NORM_VARIANCE),
        .mean = n->mean,
        .inverse_deviation = n->inverse_deviation,
    };
}

/* The residual that a batchnorm adds; without a buffer if there is none. */
static tensor residual_of(const pass *p, const node *n)
{
    if (n->second == GRAPH_NONE)
        return (tensor){0};
    return value_of(p, n->second);
}

/* Whether the convolution also applies the batchnorm after it, which it can in evaluation, when the
 * statistics are fixed. */
static bool takes_norm(const pass *p, const node *n)
{
    return !p->train && graph_takes_norm(n);
}

/* Whether the convolution also computes the sums for the statistics of the batchnorm after it. */
static bool makes_sums(const pass *p, const node *n)
{
    return n->kind == NODE_CONVOLUTION && n->norm != GRAPH_NONE && n->bias == GRAPH_NONE &&
           p->train && n->choices[CONVOLUTION_FORWARD].algorithm->sum_runs;
}

static status take_norm(const pass *p, const node *norm, convolution_call *call, error *err)
{
    batchnorm_layer layer = norm_layer(p, norm);
    call->y = for_count(norm->value, p->count);
    call->finish = (convolution_finish){.scale = norm->mean,
                                        .shift = norm->inverse_deviation,
                                        .residual = residual_of(p, norm).buffer,
                                        .relu = norm->relu};
    return batchnorm_fold(p->dev, &layer, norm->c, norm->mean, norm->inverse_deviation, err);
}

static weight_standardise_layer standardised_layer(const pass *p, const node *n)
{
    return (weight_standardise_layer){
        .rows = n->shape.kernel * n->shape.kernel * n->shape.cin,
        .c = n->shape.cout,
        .weights = weight_of(p, n->weight),
        .mean = n->mean,
        .inverse_deviation = n->inverse_deviation,
    };
}

/* Computes the standardised weights of a node, in a buffer that all nodes share. With `measure`,
 * their mean and deviation are computed first; the backward pass uses those of the forward pass. */
static status standardise(const pass *p, const node *n, bool measure, error *err)
{
    weight_standardise_layer layer = standardised_layer(p, n);
    if (measure)
        TRY(weight_standardise_measure(p->dev, &layer, p->memory.convolution.scratch, err));
    return weight_standardise_apply(p->dev, &layer, p->memory.standardised, err);
}

/* Runs a convolution of a node forward, or its data gradient, with the node's weights. If they have
 * changed, they are prepared again. */
static status run_with_weights(const pass *p, const node *n, convolution_call *call, error *err)
{
    const convolution_algorithm *algorithm = call->by.algorithm;
    const uint64_t version = p->g->parameters[n->weight].version;
    uint64_t *known = &p->g->nodes[n - p->g->nodes].prepared_version[call->direction];
    convolution_memory memory = p->memory.convolution;
    memory.prepared = n->prepared[call->direction];
    call->weights = n->standardised ? p->memory.standardised : weight_of(p, n->weight);
    bool is_prepared = memory.prepared && *known == version;
    if (n->standardised && (p->train || !is_prepared))
        TRY(standardise(p, n, call->direction == CONVOLUTION_FORWARD, err));
    if (memory.prepared && !is_prepared)
        TRY(algorithm->prepare(p->dev, call, memory.prepared, err));
    *known = version;
    return algorithm->run(p->dev, call, memory, err);
}

static status forward_convolution(const pass *p, const node *n, tensor y, error *err)
{
    const convolution_algorithm *algorithm = n->choices[CONVOLUTION_FORWARD].algorithm;
    cl_mem bias = weight_of(p, n->bias);
    convolution_call call = {
        .by = n->choices[CONVOLUTION_FORWARD],
        .direction = CONVOLUTION_FORWARD,
        .shape = n->shape,
        .x = value_of(p, n->input),
        .y = y,
    };
    if (takes_norm(p, n))
        TRY(take_norm(p, &p->g->nodes[n->norm], &call, err));
    else if (bias && algorithm->finishes)
        call.finish.shift = bias;
    else if (makes_sums(p, n))
        call.sums = p->memory.convolution.sums;
    TRY(run_with_weights(p, n, &call, err));
    return bias && !algorithm->finishes ? bias_forward(p->dev, y, bias, err) : STATUS_OK;
}

/* The sums that the convolution before this batchnorm has computed; none if it does not compute
 * them. */
static batchnorm_sums sums_from(const pass *p, const node *n)
{
    const node *from = &p->g->nodes[n->input];
    if (!makes_sums(p, from))
        return (batchnorm_sums){0};
    const convolution_call call = convolutions_call(p->g, from, p->count, CONVOLUTION_FORWARD);
    return (batchnorm_sums){p->memory.convolution.sums, call.by.algorithm->sum_runs(p->dev, &call)};
}

static status forward_batchnorm(const pass *p, const node *n, tensor y, error *err)
{
    tensor x = value_of(p, n->input), residual = residual_of(p, n);
    cl_mem scratch = p->memory.convolution.scratch;
    batchnorm_layer layer = norm_layer(p, n);
    if (takes_norm(p, &p->g->nodes[n->input]))
        return STATUS_OK;
    if (!p->train)
        return batchnorm_evaluate(p->dev, x, &layer, residual, n->relu, y, scratch, err);
    p->g->parameters[n->weight + NORM_COUNTER].counter++;
    batchnorm_sums sums = sums_from(p, n);
    if (!sums.runs)
        TRY(batchnorm_sum(p->dev, x, scratch, &sums, err));
    if (p->shared)
        TRY(shared_statistics_sums(p->shared, p->dev, x, scratch, &sums, err));
    return batchnorm_forward(p->dev, x, &layer, sums, residual, n->relu, y, err);
}

static group_norm_layer group_layer(const pass *p, const node *n)
{
    return (group_norm_layer){
        .groups = n->groups,
        .gamma = weight_of(p, n->weight),
        .beta = weight_of(p, n->bias),
        .mean = n->mean,
        .inverse_deviation = n->inverse_deviation,
    };
}

static status forward_group_norm(const pass *p, const node *n, tensor y, error *err)
{
    group_norm_layer layer = group_layer(p, n);
    return group_norm_forward(p->dev, value_of(p, n->input), &layer, n->relu, y,
                              p->memory.convolution.scratch, err);
}

static status forward_node(const pass *p, const node *n, error *err)
{
    tensor y = for_count(n->value, p->count);
    switch (n->kind) {
    case NODE_INPUT:
        return STATUS_OK;
    case NODE_CONVOLUTION:
    case NODE_LINEAR:
        return forward_convolution(p, n, y, err);
    case NODE_BATCHNORM:
        return forward_batchnorm(p, n, y, err);
    case NODE_GROUP_NORM:
        return forward_group_norm(p, n, y, err);
    case NODE_MAX_POOL:
        return max_pool_forward(p->dev, value_of(p, n->input), n->shape.kernel, n->shape.stride,
                                n->shape.pad, n->padding, y, n->maxima, err);
    case NODE_AVERAGE_POOL:
        return average_pool_forward(p->dev, value_of(p, n->input), y, err);
    case NODE_CONCAT:
        return concat_forward(p->dev, value_of(p, n->input), value_of(p, n->second), y, err);
    case NODE_ADD:
        return add_forward(p->dev, value_of(p, n->input), value_of(p, n->second), y, err);
    case NODE_GATE:
        return gate_forward(p->dev, value_of(p, n->input), value_of(p, n->second), y, err);
    }
    return error_set(err, STATUS_FAILED, "unknown kind of node: %d", (int)n->kind);
}

/* Computes the weight gradient. A standardised convolution first computes the gradient of its
 * standardised weights, which is then turned into that of the weights themselves. */
static status backward_weights(const pass *p, const node *n, convolution_call call, cl_mem target,
                               error *err)
{
    const convolution_algorithm *algorithm = n->choices[CONVOLUTION_BACKWARD_WEIGHTS].algorithm;
    call.by = n->choices[CONVOLUTION_BACKWARD_WEIGHTS];
    call.direction = CONVOLUTION_BACKWARD_WEIGHTS;
    call.x = value_of(p, n->input);
    call.weights = target;
    call.terms = p->terms;
    if (!n->standardised)
        return algorithm->run(p->dev, &call, p->memory.convolution, err);
    weight_standardise_layer layer = standardised_layer(p, n);
    call.weights = p->memory.standardised_gradient;
    call.terms = (gradient_terms){1, 0};
    /* The algorithms skip taps that meet only padding, and the buffer still contains the gradient
     * of another node. */
    if (n->shape.pad > 0)
        TRY(buffer_zero(p->dev, call.weights, 0, p->g->parameters[n->weight].count * sizeof(float),
                        err));
    TRY(algorithm->run(p->dev, &call, p->memory.convolution, err));
    return weight_standardise_backward(p->dev, &layer, call.weights, target, p->terms,
                                       p->memory.convolution.scratch, err);
}

/* The gradient of the input comes first: it needs the weights of the forward pass, and computing
 * the weight gradient may update them. */
static status backward_convolution(const pass *p, const node *n, tensor dy, error *err)
{
    tensor dx = gradient_to_input(p, n);
    cl_mem weights = gradient_target(p, n->weight), bias = gradient_target(p, n->bias);
    convolution_call call = {
        .by = n->choices[CONVOLUTION_BACKWARD_DATA],
        .direction = CONVOLUTION_BACKWARD_DATA,
        .shape = n->shape,
        .x = dx,
        .y = dy,
        .accumulate = n->accumulate_input,
    };
    if (bias)
        TRY(bias_backward(p->dev, dy, bias, p->terms, err));
    if (dx.buffer)
        TRY(run_with_weights(p, n, &call, err));
    if (weights && !p->g->parameters[n->weight].gradient)
        parameter_changed(&p->g->parameters[n->weight]);
    return weights ? backward_weights(p, n, call, weights, err) : STATUS_OK;
}

static status backward_batchnorm(const pass *p, const node *n, tensor dy, error *err)
{
    tensor x = value_of(p, n->input), y = for_count(n->value, p->count);
    cl_mem scratch = p->memory.convolution.scratch;
    batchnorm_layer layer = norm_layer(p, n);
    batchnorm_gradients gradients = {
        .gamma = gradient_target(p, n->weight + NORM_GAMMA),
        .beta = gradient_target(p, n->weight + NORM_BETA),
        .terms = p->terms,
        .x = gradient_to_input(p, n),
        .residual = gradient_to_second(p, n),
        .accumulate_x = n->accumulate_input,
        .accumulate_residual = n->accumulate_second,
    };
    bool shares = p->shared && gradients.x.buffer;
    TRY(batchnorm_gradient_sums(p->dev, x, &layer, n->relu, y, dy, &gradients, !shares, scratch,
                                err));
    if (shares)
        TRY(shared_statistics_means(p->shared, p->dev, x, &layer, scratch, err));
    return batchnorm_backward(p->dev, x, &layer, n->relu, y, dy, &gradients, scratch, err);
}

static status backward_group_norm(const pass *p, const node *n, tensor dy, error *err)
{
    group_norm_layer layer = group_layer(p, n);
    group_norm_gradients gradients = {
        .gamma = gradient_target(p, n->weight),
        .beta = gradient_target(p, n->bias),
        .terms = p->terms,
        .x = gradient_to_input(p, n),
        .accumulate_x = n->accumulate_input,
    };
    return group_norm_backward(p->dev, value_of(p, n->input), &layer, n->relu,
                               for_count(n->value, p->count), dy, &gradients,
                               p->memory.convolution.scratch, err);
}

static status backward_node(const pass *p, const node *n, error *err)
{
    tensor dy = for_count(n->gradient, p->count);
    tensor dx = gradient_to_input(p, n), second = gradient_to_second(p, n);
    switch (n->kind) {
    case NODE_INPUT:
        return STATUS_OK;
    case NODE_CONVOLUTION:
    case NODE_LINEAR:
        return backward_convolution(p, n, dy, err);
    case NODE_BATCHNORM:
        return backward_batchnorm(p, n, dy, err);
    case NODE_GROUP_NORM:
        return backward_group_norm(p, n, dy, err);
    case NODE_MAX_POOL:
        return dx.buffer
                   ? max_pool_backward(p->dev, dy, n->maxima, n->shape.kernel, n->shape.stride,
                                       n->shape.pad, dx, n->accumulate_input, err)
                   : STATUS_OK;
    case NODE_AVERAGE_POOL:
        return dx.buffer ? average_pool_backward(p->dev, dy, dx, n->accumulate_input, err)
                         : STATUS_OK;
    case NODE_CONCAT:
        return concat_backward(p->dev, dy, p->g->nodes[n->input].c, dx, second, n->accumulate_input,
                               n->accumulate_second, err);
    case NODE_ADD:
        return add_backward(p->dev, dy, dx, second, n->accumulate_input, n->accumulate_second, err);
    case NODE_GATE:
        return gate_backward(p->dev, value_of(p, n->input), value_of(p, n->second), dy, dx, second,
                             n->accumulate_input, n->accumulate_second, err);
    }
    return error_set(err, STATUS_FAILED, "unknown kind of node: %d", (int)n->kind);
}

/* The label of a node in profiles: the name of its first parameter, which identifies the layer, or
 * its kind. */
static const char *node_name(const graph *g, const node *n)
{
    return n->weight == GRAPH_NONE ? node_kind_name(n->kind) : g->parameters[n->weight].name;
}

status execute_forward(device *dev, graph *g, const plan *p, int count, bool train,
                       shared_statistics *shared, error *err)
{
    const pass forward = {dev, g, plan_memory(p), shared, count, train, {0, 0}};
    for (int i = 0; i < g->count; i++) {
        profile_label(dev, "forward", node_name(g, &g->nodes[i]));
        TRY(forward_node(&forward, &g->nodes[i], err));
    }
    return STATUS_OK;
}

static status tell(const graph *g, int index, const gradient_watch *watch, error *err)
{
    bool learns = index != GRAPH_NONE && g->parameters[index].gradient;
    return learns ? watch->ready(watch->context, (size_t)index, err) : STATUS_OK;
}

/* Reports the parameters of a node; no other node computes their gradients. */
static status tell_of_node(const graph *g, const node *n, const gradient_watch *watch, error *err)
{
    if (!watch->ready)
        return STATUS_OK;
    bool norm = n->kind == NODE_BATCHNORM;
    TRY(tell(g, n->weight, watch, err));
    return tell(g, norm ? n->weight + NORM_BETA : n->bias, watch, err);
}

status execute_backward(device *dev, graph *g, const plan *p, int count, gradient_terms terms,
                        shared_statistics *shared, const gradient_watch *watch, error *err)
{
    const pass backward = {dev, g, plan_memory(p), shared, count, true, terms};
    for (int i = g->count - 1; i >= 0; i--)
        if (g->nodes[i].has_gradient) {
            profile_label(dev, "backward", node_name(g, &g->nodes[i]));
            TRY(backward_node(&backward, &g->nodes[i], err));
            TRY(tell_of_node(g, &g->nodes[i], watch, err));
        }
    return STATUS_OK;
}
