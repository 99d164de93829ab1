/* One call per node and direction; see execute.h. */
#include "model/execute.h"
#include "device/profile.h"
#include "ops/average_pool.h"
#include "ops/batchnorm.h"
#include "ops/bias.h"
#include "ops/concat.h"
#include "ops/max_pool.h"

/* What a node's calls have in common. */
typedef struct pass {
    device *dev;
    graph *g;
    convolution_memory memory;
    int count;
    bool train;
    float rate; /* of descending parameters */
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

/* The gradient that a node sends to `index`; no buffer where none is wanted. */
static tensor gradient_to(const pass *p, const node *from, int index)
{
    if (index == GRAPH_NONE || from->detached || !p->g->nodes[index].has_gradient)
        return (tensor){0};
    return for_count(p->g->nodes[index].gradient, p->count);
}

static cl_mem weight_of(const pass *p, int index)
{
    return index == GRAPH_NONE ? NULL : p->g->parameters[index].value;
}

static cl_mem weight_gradient(const pass *p, int index)
{
    return index == GRAPH_NONE ? NULL : p->g->parameters[index].gradient;
}

static status forward_convolution(const pass *p, const node *n, tensor y, error *err)
{
    const convolution_call call = {
        .direction = CONVOLUTION_FORWARD,
        .shape = n->shape,
        .x = value_of(p, n->input),
        .y = y,
        .weights = weight_of(p, n->weight),
    };
    TRY(n->algorithms[CONVOLUTION_FORWARD]->run(p->dev, &call, p->memory, err));
    return n->bias == GRAPH_NONE ? STATUS_OK : bias_forward(p->dev, y, weight_of(p, n->bias), err);
}

/* gamma, beta, running mean and variance, counter: declared in this order. */
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

static status forward_batchnorm(const pass *p, const node *n, tensor y, error *err)
{
    tensor x = value_of(p, n->input);
    tensor residual = n->second == GRAPH_NONE ? (tensor){0} : value_of(p, n->second);
    batchnorm_layer layer = norm_layer(p, n);
    if (!p->train)
        return batchnorm_evaluate(p->dev, x, &layer, residual, n->relu, y, p->memory.scratch, err);
    p->g->parameters[n->weight + NORM_COUNTER].counter++;
    return batchnorm_forward(p->dev, x, &layer, residual, n->relu, y, p->memory.scratch, err);
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
    case NODE_MAX_POOL:
        return max_pool_forward(p->dev, value_of(p, n->input), n->shape.kernel, n->shape.stride,
                                n->shape.pad, y, n->maxima, err);
    case NODE_AVERAGE_POOL:
        return average_pool_forward(p->dev, value_of(p, n->input), y, err);
    case NODE_CONCAT:
        return concat_forward(p->dev, value_of(p, n->input), value_of(p, n->second), y, err);
    }
    return error_set(err, STATUS_FAILED, "node of unknown kind %d", (int)n->kind);
}

/* The input's gradient first: it needs the weights as they were in the forward pass. */
static status backward_convolution(const pass *p, const node *n, tensor dy, error *err)
{
    tensor dx = gradient_to(p, n, n->input);
    const parameter *weight = &p->g->parameters[n->weight];
    cl_mem dbias = weight_gradient(p, n->bias);
    convolution_call call = {
        .direction = CONVOLUTION_BACKWARD_DATA,
        .shape = n->shape,
        .x = dx,
        .y = dy,
        .weights = weight->value,
        .accumulate = n->accumulate_input,
    };
    if (dbias)
        TRY(bias_backward(p->dev, dy, dbias, err));
    if (dx.buffer)
        TRY(n->algorithms[CONVOLUTION_BACKWARD_DATA]->run(p->dev, &call, p->memory, err));
    if (!weight->gradient && !weight->descends)
        return STATUS_OK;
    call.direction = CONVOLUTION_BACKWARD_WEIGHTS;
    call.x = value_of(p, n->input);
    call.weights = weight->descends ? weight->value : weight->gradient;
    call.descend = weight->descends;
    call.rate = p->rate;
    return n->algorithms[CONVOLUTION_BACKWARD_WEIGHTS]->run(p->dev, &call, p->memory, err);
}

static status backward_batchnorm(const pass *p, const node *n, tensor dy, error *err)
{
    batchnorm_layer layer = norm_layer(p, n);
    batchnorm_gradients gradients = {
        .gamma = weight_gradient(p, n->weight + NORM_GAMMA),
        .beta = weight_gradient(p, n->weight + NORM_BETA),
        .x = gradient_to(p, n, n->input),
        .residual = gradient_to(p, n, n->second),
        .accumulate_x = n->accumulate_input,
        .accumulate_residual = n->accumulate_second,
    };
    return batchnorm_backward(p->dev, value_of(p, n->input), &layer, n->relu,
                              for_count(n->value, p->count), dy, &gradients, p->memory.scratch,
                              err);
}

static status backward_node(const pass *p, const node *n, error *err)
{
    tensor dy = for_count(n->gradient, p->count);
    tensor dx = gradient_to(p, n, n->input);
    switch (n->kind) {
    case NODE_INPUT:
        return STATUS_OK;
    case NODE_CONVOLUTION:
    case NODE_LINEAR:
        return backward_convolution(p, n, dy, err);
    case NODE_BATCHNORM:
        return backward_batchnorm(p, n, dy, err);
    case NODE_MAX_POOL:
        return dx.buffer
                   ? max_pool_backward(p->dev, dy, n->maxima, n->shape.kernel, n->shape.stride,
                                       n->shape.pad, dx, n->accumulate_input, err)
                   : STATUS_OK;
    case NODE_AVERAGE_POOL:
        return dx.buffer ? average_pool_backward(p->dev, dy, dx, n->accumulate_input, err)
                         : STATUS_OK;
    case NODE_CONCAT:
        return concat_backward(p->dev, dy, p->g->nodes[n->input].c, dx,
                               gradient_to(p, n, n->second), n->accumulate_input,
                               n->accumulate_second, err);
    }
    return error_set(err, STATUS_FAILED, "node of unknown kind %d", (int)n->kind);
}

/* For profiles: the name of its first parameter, which tells the layer, or its kind. */
static const char *node_name(const graph *g, const node *n)
{
    static const char *const kinds[] = {"input",        "convolution", "batchnorm", "max_pool",
                                        "average_pool", "concat",      "linear"};
    return n->weight == GRAPH_NONE ? kinds[n->kind] : g->parameters[n->weight].name;
}

status execute_forward(device *dev, graph *g, const plan *p, int count, bool train, error *err)
{
    const pass forward = {dev, g, plan_memory(p), count, train, 0};
    for (int i = 0; i < g->count; i++) {
        profile_label(dev, "forward", node_name(g, &g->nodes[i]));
        TRY(forward_node(&forward, &g->nodes[i], err));
    }
    return STATUS_OK;
}

status execute_backward(device *dev, graph *g, const plan *p, int count, float rate, error *err)
{
    const pass backward = {dev, g, plan_memory(p), count, true, rate};
    for (int i = g->count - 1; i >= 0; i--)
        if (g->nodes[i].has_gradient) {
            profile_label(dev, "backward", node_name(g, &g->nodes[i]));
            TRY(backward_node(&backward, &g->nodes[i], err));
        }
    return STATUS_OK;
}
