/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the nodes of a graph as ONNX nodes; see onnx.h. A value has the name of the layer that
 * computes it, such as "fine_backbone.layer1.0.bn1", or, without parameters, the kind and number of
 * its node. */
#include "model/onnx.h"
#include "model/onnx_message.h"
#include "ops/batchnorm.h"
#include "ops/group_norm.h"
#include "ops/weight_standardise.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The name of a value, or VALUE.PART for something that the value is computed from. */
typedef struct name {
    char text[176];
} name;

typedef struct exporter {
    const graph *g;
    state *s;
    onnx_message *m;
    bool softmax;
} exporter;

/* The node that is being written, and the names of its values. */
typedef struct emission {
    const exporter *e;
    const node *n;
    name input, second, value; /* "" if there is none */
} emission;

static const char *const head_names[HEAD_COUNT] = {"coarse", "fine"};

__attribute__((format(printf, 1, 2))) static name make_name(const char *format, ...)
{
    name made;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(made.text, sizeof made.text, format, arguments);
    va_end(arguments);
    return made;
}

/* The name of a node's value: "fine_backbone.conv1" if the node's first parameter is
 * "fine_backbone.conv1.weight". */
static name value_name(const exporter *e, int index)
{
    if (index == GRAPH_NONE)
        return make_name("%s", "");
    const node *n = &e->g->nodes[index];
    for (int h = 0; h < HEAD_COUNT; h++)
        if (e->g->heads[h].logits == index)
            return make_name("%s%s", head_names[h], e->softmax ? "_logits" : "");
    if (n->kind == NODE_INPUT)
        return make_name("image");
    if (n->weight == GRAPH_NONE)
        return make_name("%s_%d", node_kind_name(n->kind), index);
    const char *full = e->g->parameters[n->weight].name, *dot = strrchr(full, '.');
    return make_name("%.*s", dot ? (int)(dot - full) : (int)strlen(full), full);
}

static name part_of(name value, const char *part)
{
    return make_name("%s.%s", value.text, part);
}

static void emit(const exporter *e, const char *operator_name, const char *input,
                 const char *second, const char *output)
{
    const char *const inputs[] = {input, second};
    onnx_message_node(e->m, operator_name, second ? 2 : 1, inputs, output);
}

/* Moves the values of a parameter into the model. */
static void emit_parameter(const exporter *e, int parameter)
{
    const struct parameter *p = &e->g->parameters[parameter];
    onnx_message_floats(e->m, p->name, p->rank, p->shape, e->s->values[parameter]);
    e->s->values[parameter] = NULL;
}

/* ---- Convolutions ---- */

/* Changes the weights and `bias` of a convolution so that it includes the batch normalisation. */
static void fold(const exporter *e, const node *convolution, const node *norm, float *bias)
{
    const struct parameter *p = &e->g->parameters[convolution->weight];
    float *w = e->s->values[convolution->weight];
    const float *gamma = e->s->values[norm->weight], *beta = e->s->values[norm->weight + 1];
    const float *mean = e->s->values[norm->weight + 2];
    const float *variance = e->s->values[norm->weight + 3];
    size_t fan_in = p->count / (size_t)p->shape[0];
    for (size_t o = 0; o < (size_t)p->shape[0]; o++) {
        double scale = gamma[o] / sqrt((double)variance[o] + (double)batchnorm_epsilon);
        for (size_t i = 0; i < fan_in; i++)
            w[o * fan_in + i] = (float)(w[o * fan_in + i] * scale);
        bias[o] = (float)((bias[o] - (double)mean[o]) * scale + beta[o]);
    }
}

/* Replaces the weights by the standardised ones; see ops/weight_standardise.h. */
static void standardise(const exporter *e, const node *n)
{
    const struct parameter *p = &e->g->parameters[n->weight];
    size_t fan_in = p->count / (size_t)p->shape[0];
    for (size_t o = 0; o < (size_t)p->shape[0]; o++) {
        float *w = e->s->values[n->weight] + o * fan_in;
        double mean = 0, squares = 0;
        for (size_t i = 0; i < fan_in; i++)
            mean += w[i] / (double)fan_in;
        for (size_t i = 0; i < fan_in; i++)
            squares += (w[i] - mean) * (w[i] - mean);
        double scale = 1 / sqrt(squares / (double)fan_in + (double)weight_standardise_epsilon);
        for (size_t i = 0; i < fan_in; i++)
            w[i] = (float)((w[i] - mean) * scale);
    }
}

/* A copy of the bias in new memory; zeros if the convolution has none. */
static float *copy_bias(const exporter *e, const node *n)
{
    float *bias = calloc((size_t)n->shape.cout, sizeof *bias);
    if (bias && n->bias != GRAPH_NONE)
        memcpy(bias, e->s->values[n->bias], (size_t)n->shape.cout * sizeof *bias);
    return bias;
}

static void set_window(const exporter *e, convolution_shape s)
{
    const int64_t kernel[] = {s.kernel, s.kernel}, stride[] = {s.stride, s.stride};
    const int64_t pads[] = {s.pad, s.pad, s.pad, s.pad};
    onnx_message_ints(e->m, "kernel_shape", 2, kernel);
    onnx_message_ints(e->m, "strides", 2, stride);
    onnx_message_ints(e->m, "pads", 4, pads);
}

static bool has_tail(const node *norm)
{
    return norm->relu || norm->second != GRAPH_NONE;
}

/* Writes what a batch normalisation does after normalising: from -> [+ residual] -> [ReLU] ->
 * value. */
static void emit_tail(const exporter *e, const node *norm, name from, name value)
{
    const name sum = part_of(value, "sum");
    if (norm->second != GRAPH_NONE) {
        const name residual = value_name(e, norm->second);
        emit(e, "Add", from.text, residual.text, norm->relu ? sum.text : value.text);
        from = sum;
    }
    if (norm->relu)
        emit(e, "Relu", from.text, NULL, value.text);
}

/* Writes a convolution, including the batchnorm after it if that is its only reader. */
static void emit_convolution(const emission *at)
{
    const exporter *e = at->e;
    const node *n = at->n, *norm = n->norm != GRAPH_NONE ? &e->g->nodes[n->norm] : NULL;
    const name value = value_name(e, n->norm), bias_name = part_of(at->value, "bias");
    const name output = norm && !has_tail(norm) ? value : at->value;
    const int64_t cout = n->shape.cout;
    float *bias = copy_bias(e, n);
    if (n->standardised)
        standardise(e, n);
    if (norm && bias)
        fold(e, n, norm, bias);
    const char *const inputs[] = {at->input.text, e->g->parameters[n->weight].name, bias_name.text};
    bool biased = norm || n->bias != GRAPH_NONE;
    onnx_message_node(e->m, "Conv", biased ? 3 : 2, inputs, output.text);
    set_window(e, n->shape);
    emit_parameter(e, n->weight);
    if (biased)
        onnx_message_floats(e->m, bias_name.text, 1, &cout, bias);
    else
        free(bias);
    if (norm)
        emit_tail(e, norm, output, value);
}

/* Writes a batchnorm, unless the convolution before it includes it. */
static void emit_batchnorm(const emission *at)
{
    const exporter *e = at->e;
    const node *n = at->n;
    if (n > e->g->nodes && n[-1].norm == n - e->g->nodes)
        return;
    const struct parameter *p = &e->g->parameters[n->weight];
    const name output = has_tail(n) ? part_of(at->value, "even") : at->value;
    const char *const inputs[] = {at->input.text, p[0].name, p[1].name, p[2].name, p[3].name};
    onnx_message_node(e->m, "BatchNormalization", 5, inputs, output.text);
    onnx_message_float(e->m, "epsilon", batchnorm_epsilon);
    for (int i = 0; i < 4; i++)
        emit_parameter(e, n->weight + i);
    emit_tail(e, n, output, at->value);
}

/* ---- The other nodes ---- */

/* Writes a constant of `count` equal numbers. */
static void emit_constant(const exporter *e, name of, int64_t count, float number)
{
    float *values = malloc((size_t)count * sizeof *values);
    for (int64_t i = 0; values && i < count; i++)
        values[i] = number;
    onnx_message_floats(e->m, of.text, 1, &count, values);
}

/* Writes a parameter with one value per channel as [channels][1][1], which broadcasts over a
 * map. */
static void emit_per_channel(const exporter *e, int parameter)
{
    const struct parameter *p = &e->g->parameters[parameter];
    const int64_t shape[] = {p->shape[0], 1, 1};
    onnx_message_floats(e->m, p->name, 3, shape, e->s->values[parameter]);
    e->s->values[parameter] = NULL;
}

/* Operator set 17 has no group normalisation. Reshape makes each group a channel, instance
 * normalisation normalises the channels, and Reshape restores the map. */
static void emit_group_norm(const emission *at)
{
    const exporter *e = at->e;
    const node *n = at->n;
    const struct parameter *p = e->g->parameters;
    const int64_t grouped_shape[] = {0, n->groups, -1}, shape[] = {0, n->c, n->h, n->w};
    const name groups = part_of(at->value, "groups"), grouped = part_of(at->value, "grouped"),
               ones = part_of(at->value, "ones"), zeros = part_of(at->value, "zeros"),
               even = part_of(at->value, "even"), map = part_of(at->value, "shape"),
               back = part_of(at->value, "back"), scaled = part_of(at->value, "scaled"),
               sum = part_of(at->value, "sum"), shifted = n->relu ? sum : at->value;
    const char *const to_normalise[] = {grouped.text, ones.text, zeros.text};
    onnx_message_counts(e->m, groups.text, 3, grouped_shape);
    onnx_message_counts(e->m, map.text, 4, shape);
    emit_constant(e, ones, n->groups, 1);
    emit_constant(e, zeros, n->groups, 0);
    emit_per_channel(e, n->weight);
    emit_per_channel(e, n->bias);
    emit(e, "Reshape", at->input.text, groups.text, grouped.text);
    onnx_message_node(e->m, "InstanceNormalization", 3, to_normalise, even.text);
    onnx_message_float(e->m, "epsilon", group_norm_epsilon);
    emit(e, "Reshape", even.text, map.text, back.text);
    emit(e, "Mul", back.text, p[n->weight].name, scaled.text);
    emit(e, "Add", scaled.text, p[n->bias].name, shifted.text);
    if (n->relu)
        emit(e, "Relu", sum.text, NULL, at->value.text);
}

/* ONNX's MaxPool pads with minus infinity. To pad with zeros, write a Pad before it. */
static void emit_max_pool(const emission *at)
{
    convolution_shape window = at->n->shape;
    name input = at->input;
    if (at->n->padding == MAX_POOL_ZEROS && window.pad > 0) {
        const int64_t pads[] = {0, 0, window.pad, window.pad, 0, 0, window.pad, window.pad};
        const name pads_name = part_of(at->value, "pads");
        input = part_of(at->value, "padded");
        onnx_message_counts(at->e->m, pads_name.text, 8, pads);
        emit(at->e, "Pad", at->input.text, pads_name.text, input.text);
        window.pad = 0;
    }
    emit(at->e, "MaxPool", input.text, NULL, at->value.text);
    set_window(at->e, window);
}

static void emit_gate(const emission *at)
{
    const name open = part_of(at->value, "open");
    emit(at->e, "Sigmoid", at->second.text, NULL, open.text);
    emit(at->e, "Mul", at->input.text, open.text, at->value.text);
}

static void emit_linear(const emission *at)
{
    const exporter *e = at->e;
    const struct parameter *p = e->g->parameters;
    const name flat = part_of(at->value, "flat");
    emit(e, "Flatten", at->input.text, NULL, flat.text);
    onnx_message_int(e->m, "axis", 1);
    const char *const inputs[] = {flat.text, p[at->n->weight].name, p[at->n->bias].name};
    onnx_message_node(e->m, "Gemm", 3, inputs, at->value.text);
    onnx_message_int(e->m, "transB", 1);
    emit_parameter(e, at->n->weight);
    emit_parameter(e, at->n->bias);
}

static void emit_input(const emission *at)
{
    const int64_t image[] = {ONNX_BATCH, at->n->c, at->n->h, at->n->w};
    onnx_message_input(at->e->m, at->value.text, 4, image);
}

static void emit_average_pool(const emission *at)
{
    emit(at->e, "GlobalAveragePool", at->input.text, NULL, at->value.text);
}

static void emit_concat(const emission *at)
{
    emit(at->e, "Concat", at->input.text, at->second.text, at->value.text);
    onnx_message_int(at->e->m, "axis", 1);
}

static void emit_add(const emission *at)
{
    emit(at->e, "Add", at->input.text, at->second.text, at->value.text);
}

static void (*const emitters[])(const emission *at) = {
    [NODE_INPUT] = emit_input,         [NODE_CONVOLUTION] = emit_convolution,
    [NODE_BATCHNORM] = emit_batchnorm, [NODE_GROUP_NORM] = emit_group_norm,
    [NODE_MAX_POOL] = emit_max_pool,   [NODE_AVERAGE_POOL] = emit_average_pool,
    [NODE_CONCAT] = emit_concat,       [NODE_ADD] = emit_add,
    [NODE_GATE] = emit_gate,           [NODE_LINEAR] = emit_linear,
};

static void emit_node(const exporter *e, int index)
{
    const node *n = &e->g->nodes[index];
    const emission at = {e, n, value_name(e, n->input), value_name(e, n->second),
                         value_name(e, index)};
    emitters[n->kind](&at);
}

static void emit_heads(const exporter *e)
{
    for (int h = 0; h < HEAD_COUNT; h++) {
        int logits = e->g->heads[h].logits;
        if (logits == GRAPH_NONE)
            continue;
        const int64_t shape[] = {ONNX_BATCH, e->g->nodes[logits].c};
        const name value = value_name(e, logits);
        if (e->softmax) {
            emit(e, "Softmax", value.text, NULL, head_names[h]);
            onnx_message_int(e->m, "axis", 1);
        }
        onnx_message_output(e->m, head_names[h], 2, shape);
    }
}

status onnx_write(const char *path, const graph *g, state *s, const onnx_options *options,
                  error *err)
{
    exporter e = {g, s, onnx_message_create("hcnn", "hcnn-cl", options->version), options->softmax};
    TRY(got_memory(e.m, err, path));
    for (int i = 0; i < g->count; i++)
        emit_node(&e, i);
    emit_heads(&e);
    for (size_t i = 0; i < options->property_count; i++)
        onnx_message_property(e.m, options->properties[i].key, options->properties[i].value);
    status result = onnx_message_write(e.m, path, err);
    onnx_message_free(e.m);
    return result;
}

/* ---- The parameters ---- */

static status read_one(tensor_file *file, const char *path, const parameter *p, float **values,
                       error *err)
{
    const tensor_entry *e = tensor_file_find(file, p->name);
    bool fits = e && e->rank == p->rank;
    for (int i = 0; fits && i < p->rank; i++)
        fits = e->shape[i] == p->shape[i];
    if (!fits)
        return error_set(err, STATUS_FAILED,
                         "%s: %s %s; the file does not match the network that its metadata names",
                         path, p->name, e ? "has another shape" : "is missing");
    *values = malloc(p->count * sizeof **values);
    TRY(got_memory(*values, err, p->name));
    return tensor_file_read_f32(file, e, *values, err);
}

status state_read(const graph *g, tensor_file *file, const char *path, state *s, error *err)
{
    *s = (state){.count = g->parameter_count};
    s->values = calloc(s->count + 1, sizeof *s->values);
    status result = got_memory(s->values, err, path);
    for (size_t i = 0; result == STATUS_OK && i < s->count; i++)
        if (g->parameters[i].kind != PARAMETER_COUNTER)
            result = read_one(file, path, &g->parameters[i], &s->values[i], err);
    if (result != STATUS_OK)
        state_free(s);
    return result;
}

void state_free(state *s)
{
    for (size_t i = 0; s->values && i < s->count; i++)
        free(s->values[i]);
    free(s->values);
    *s = (state){0};
}
