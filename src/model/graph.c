/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the list of nodes and decides which gradients are needed; see graph.h. */
#include "model/graph.h"
#include "base/array.h"
#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *node_kind_name(enum node_kind kind)
{
    static const char *const kinds[] = {
        [NODE_INPUT] = "input",         [NODE_CONVOLUTION] = "convolution",
        [NODE_BATCHNORM] = "batchnorm", [NODE_GROUP_NORM] = "group_norm",
        [NODE_MAX_POOL] = "max_pool",   [NODE_AVERAGE_POOL] = "average_pool",
        [NODE_CONCAT] = "concat",       [NODE_ADD] = "add",
        [NODE_GATE] = "gate",           [NODE_LINEAR] = "linear",
    };
    return kinds[kind];
}

/* Makes room for one more element in an array of the graph. False if memory has run out. */
static bool grow(graph *g, void *array, size_t count, size_t size)
{
    error ignored;
    g->failed |= array_grow(array, count, size, "the network", &ignored) != STATUS_OK;
    return !g->failed;
}

static int declare(graph *g, enum parameter_kind kind, layer_name of, const char *suffix, int rank,
                   const int64_t *shape, enum parameter_start start, float scale)
{
    if (!grow(g, &g->parameters, g->parameter_count, sizeof *g->parameters))
        return 0;
    parameter *p = &g->parameters[g->parameter_count];
    *p = (parameter){.kind = kind, .rank = rank, .count = 1, .start = start, .scale = scale};
    for (int i = 0; i < rank; i++) {
        p->shape[i] = shape[i];
        p->count *= (size_t)shape[i];
    }
    p->name =
        text_format("%s%s%s.%s", of.prefix ? of.prefix : "", of.prefix ? "." : "", of.name, suffix);
    g->failed |= !p->name;
    return (int)g->parameter_count++;
}

/* Declares gamma and beta of a normalisation. */
static int declare_norm(graph *g, layer_name of, const int64_t *channels)
{
    int first = declare(g, PARAMETER_VECTOR, of, "weight", 1, channels, START_CONSTANT, 1.0f);
    declare(g, PARAMETER_VECTOR, of, "bias", 1, channels, START_CONSTANT, 0.0f);
    return first;
}

int graph_declare_convolution(graph *g, layer_name of, int cin, int cout, int kernel, bool bias)
{
    const int64_t shape[] = {cout, cin, kernel, kernel};
    const int64_t bias_shape[] = {cout};
    /* Only fusions have convolutions with a bias. Like PyTorch's, they start uniform within +-1 /
     * sqrt(fan in). The others start kaiming normal by fan out, for ReLU. */
    float bound = 1.0f / sqrtf((float)cin * (float)(kernel * kernel));
    float deviation = sqrtf(2.0f / ((float)cout * (float)(kernel * kernel)));
    int first = declare(g, PARAMETER_CONVOLUTION, of, "weight", 4, shape,
                        bias ? START_UNIFORM : START_NORMAL, bias ? bound : deviation);
    if (bias)
        declare(g, PARAMETER_VECTOR, of, "bias", 1, bias_shape, START_UNIFORM, bound);
    return first;
}

int graph_declare_batchnorm(graph *g, layer_name of, int channels)
{
    const int64_t shape[] = {channels};
    int first = declare_norm(g, of, shape);
    declare(g, PARAMETER_STATISTIC, of, "running_mean", 1, shape, START_CONSTANT, 0.0f);
    declare(g, PARAMETER_STATISTIC, of, "running_var", 1, shape, START_CONSTANT, 1.0f);
    declare(g, PARAMETER_COUNTER, of, "num_batches_tracked", 0, NULL, START_CONSTANT, 0.0f);
    return first;
}

int graph_declare_group_norm(graph *g, layer_name of, int channels)
{
    const int64_t shape[] = {channels};
    return declare_norm(g, of, shape);
}

int graph_declare_linear(graph *g, layer_name of, int in, int out)
{
    const int64_t shape[] = {out, in};
    const int64_t bias_shape[] = {out};
    int first = declare(g, PARAMETER_LINEAR, of, "weight", 2, shape, START_NORMAL,
                        sqrtf(2.0f / (float)in)); /* kaiming normal by fan in */
    declare(g, PARAMETER_VECTOR, of, "bias", 1, bias_shape, START_CONSTANT, 0.0f);
    return first;
}

void graph_start_at_zero(graph *g, int parameter)
{
    if (!g->failed)
        g->parameters[parameter].zero_from_scratch = true;
}

static int append(graph *g, node made)
{
    if (!grow(g, &g->nodes, (size_t)g->count, sizeof *g->nodes))
        return 0;
    g->nodes[g->count] = made;
    return g->count++;
}

/* A node with the shape of `input`, which may be GRAPH_NONE, and nothing else set. */
static node node_after(const graph *g, enum node_kind kind, int input)
{
    node made = {.kind = kind, .input = input, .second = GRAPH_NONE};
    made.weight = made.bias = GRAPH_NONE;
    if (input != GRAPH_NONE && input < g->count) {
        made.h = g->nodes[input].h;
        made.w = g->nodes[input].w;
        made.c = g->nodes[input].c;
    }
    return made;
}

/* Sets the height and width of the result of a convolution or pool. */
static void slide(node *n)
{
    n->h = (n->h + 2 * n->shape.pad - n->shape.kernel) / n->shape.stride + 1;
    n->w = (n->w + 2 * n->shape.pad - n->shape.kernel) / n->shape.stride + 1;
}

int graph_input(graph *g, int size)
{
    node made = node_after(g, NODE_INPUT, GRAPH_NONE);
    made.h = made.w = size;
    made.c = 3;
    return append(g, made);
}

static node convolution_after(const graph *g, int input, int parameters, bool bias,
                              convolution_shape shape)
{
    node made = node_after(g, NODE_CONVOLUTION, input);
    made.shape = shape;
    made.weight = parameters;
    made.bias = bias ? parameters + 1 : GRAPH_NONE;
    slide(&made);
    made.c = shape.cout;
    return made;
}

int graph_convolution(graph *g, int input, int parameters, bool bias, convolution_shape shape)
{
    return append(g, convolution_after(g, input, parameters, bias, shape));
}

int graph_standardised_convolution(graph *g, int input, int parameters, convolution_shape shape)
{
    node made = convolution_after(g, input, parameters, false, shape);
    made.standardised = true;
    return append(g, made);
}

int graph_batchnorm(graph *g, int input, int parameters, bool relu, int residual)
{
    node made = node_after(g, NODE_BATCHNORM, input);
    made.second = residual;
    made.weight = parameters;
    made.relu = relu;
    return append(g, made);
}

int graph_group_norm(graph *g, int input, int parameters, int groups, bool relu)
{
    node made = node_after(g, NODE_GROUP_NORM, input);
    made.weight = parameters;
    made.bias = parameters + 1;
    made.groups = groups;
    made.relu = relu;
    return append(g, made);
}

int graph_max_pool(graph *g, int input, int kernel, int stride, int pad,
                   enum max_pool_padding padding)
{
    node made = node_after(g, NODE_MAX_POOL, input);
    made.shape = (convolution_shape){made.c, made.c, kernel, stride, pad};
    made.padding = padding;
    slide(&made);
    return append(g, made);
}

int graph_average_pool(graph *g, int input)
{
    node made = node_after(g, NODE_AVERAGE_POOL, input);
    made.h = made.w = 1;
    return append(g, made);
}

int graph_pair(graph *g, enum node_kind kind, int input, int second)
{
    node made = node_after(g, kind, input);
    made.second = second;
    if (kind == NODE_CONCAT)
        made.c += g->nodes[second].c;
    return append(g, made);
}

void graph_detach(graph *g, int to, int from)
{
    node *n = &g->nodes[to];
    n->detached |= n->input == from;
    n->second_detached |= n->second == from;
}

int graph_linear(graph *g, int input, int parameters, int out)
{
    const convolution_shape shape = {g->nodes[input].c, out, 1, 1, 0};
    node made = convolution_after(g, input, parameters, true, shape);
    made.kind = NODE_LINEAR;
    return append(g, made);
}

static bool is_trained(const graph *g, int parameter)
{
    return parameter != GRAPH_NONE && !g->parameters[parameter].frozen;
}

/* Whether node `from` needs the gradient that an edge would carry back to it. */
static bool wants_gradient(const graph *g, int from, bool detached)
{
    return from != GRAPH_NONE && !detached && g->nodes[from].has_gradient;
}

bool graph_feeds_input(const graph *g, const node *n)
{
    return n->has_gradient && wants_gradient(g, n->input, n->detached);
}

bool graph_feeds_second(const graph *g, const node *n)
{
    return n->has_gradient && wants_gradient(g, n->second, n->second_detached);
}

/* Pairs each convolution with the batchnorm after it, if that is the next node and the only
 * reader. */
static void pair_norms(graph *g)
{
    for (int i = 0; i < g->count; i++) {
        const node *next = &g->nodes[i + 1 < g->count ? i + 1 : i];
        int readers = 0;
        for (int j = i + 1; j < g->count; j++)
            readers += (g->nodes[j].input == i) + (g->nodes[j].second == i);
        bool paired = g->nodes[i].kind == NODE_CONVOLUTION && next->kind == NODE_BATCHNORM &&
                      next->input == i && readers == 1;
        g->nodes[i].norm = paired ? i + 1 : GRAPH_NONE;
    }
}

status graph_finish(graph *g, bool training, error *err)
{
    TRY(got_memory(!g->failed, err, "the network"));
    g->training = training;
    pair_norms(g);
    for (int i = 0; i < g->count; i++) {
        node *n = &g->nodes[i];
        bool below = wants_gradient(g, n->input, n->detached) ||
                     wants_gradient(g, n->second, n->second_detached);
        /* Weight and bias are checked separately: --freeze may name only one of them. */
        int last = n->kind == NODE_BATCHNORM ? n->weight + 1 : n->bias;
        n->trains = training && (is_trained(g, n->weight) || is_trained(g, last));
        n->has_gradient = n->trains || (training && below);
        n->accumulate_input = n->accumulate_second = false;
    }
    if (g->count <= 0)
        return STATUS_OK;
    /* The backward pass runs from the last node to the first. The first node that sends a gradient
     * to a value writes it; later ones add to it. */
    bool *written = calloc((size_t)g->count, sizeof *written);
    TRY(got_memory(written, err, "the network"));
    for (int i = g->count - 1; i >= 0; i--) {
        node *n = &g->nodes[i];
        if (graph_feeds_second(g, n)) {
            n->accumulate_second = written[n->second];
            written[n->second] = true;
        }
        if (graph_feeds_input(g, n)) {
            n->accumulate_input = written[n->input];
            written[n->input] = true;
        }
    }
    free(written);
    return STATUS_OK;
}

bool graph_convolves(const graph *g, const node *n, enum convolution_direction direction)
{
    if (n->kind != NODE_CONVOLUTION && n->kind != NODE_LINEAR)
        return false;
    if (direction == CONVOLUTION_FORWARD)
        return true;
    if (direction == CONVOLUTION_BACKWARD_DATA)
        return graph_feeds_input(g, n);
    return n->trains && is_trained(g, n->weight);
}

void graph_free(graph *g)
{
    for (size_t i = 0; i < g->parameter_count; i++)
        free(g->parameters[i].name);
    free(g->parameters);
    free(g->nodes);
    *g = (graph){0};
}

bool graph_takes_norm(const node *n)
{
    return n->kind == NODE_CONVOLUTION && n->norm != GRAPH_NONE &&
           n->choices[CONVOLUTION_FORWARD].algorithm->finishes;
}
