/* SPDX-License-Identifier: Apache-2.0 */
/* A graph's nodes as ONNX's; see onnx.h. Values are called after the first parameter of the layer
 * that makes them, "fine_backbone.layer1.0.bn1", or after the node. */
#include "model/onnx.h"
#include "model/onnx_message.h"
#include "ops/batchnorm.h"
#include "ops/group_norm.h"
#include "ops/weight_standardise.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 160 };

typedef struct exporter {
    const graph *g;
    state *s;
    onnx_message *m;
    bool softmax;
} exporter;

static const char *const head_names[HEAD_COUNT] = {"coarse", "fine"};

/* "fine_backbone.conv1" of "fine_backbone.conv1.weight" */
static void layer_name(const exporter *e, int parameter, char name[NAME_BYTES])
{
    const char *full = e->g->parameters[parameter].name, *dot = strrchr(full, '.');
    snprintf(name, NAME_BYTES, "%.*s", dot ? (int)(dot - full) : (int)strlen(full), full);
}

/* Of the value that others read. */
static void value_name(const exporter *e, int index, char name[NAME_BYTES])
{
    const node *n = &e->g->nodes[index];
    if (n->kind == NODE_INPUT)
        snprintf(name, NAME_BYTES, "image");
    else if (n->weight != GRAPH_NONE)
        layer_name(e, n->weight, name);
    else
        snprintf(name, NAME_BYTES, "%s_%d", node_kind_name(n->kind), index);
    for (int h = 0; h < HEAD_COUNT; h++)
        if (e->g->heads[h].logits == index)
            snprintf(name, NAME_BYTES, "%s%s", head_names[h], e->softmax ? "_logits" : "");
}

/* "VALUE.PART": of what goes into a value. */
typedef struct part {
    char name[NAME_BYTES + 16];
} part;

static part part_of(const char *value, const char *name)
{
    part made;
    snprintf(made.name, sizeof made.name, "%.*s.%s", NAME_BYTES - 1, value, name);
    return made;
}

static void emit(const exporter *e, const char *operator_name, const char *input,
                 const char *second, const char *output)
{
    const char *const inputs[] = {input, second};
    onnx_message_node(e->m, operator_name, second ? 2 : 1, inputs, output);
}

/* The values of a parameter, which move into the model. */
static void emit_parameter(const exporter *e, int parameter)
{
    const struct parameter *p = &e->g->parameters[parameter];
    onnx_message_floats(e->m, p->name, p->rank, p->shape, e->s->values[parameter]);
    e->s->values[parameter] = NULL;
}

/* ---- Convolutions ---- */

/* Makes w and b of the convolution those of convolution and batch normalisation together. */
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

/* Makes w the standardised weights: see ops/weight_standardise.h. */
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

/* The bias, fresh memory; zeros where the convolution has none. */
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

/* What a batch normalisation does behind its sums: from -> [+ residual] -> [ReLU] -> value. */
static void emit_tail(const exporter *e, const node *norm, const char *from, const char *value)
{
    char residual[NAME_BYTES];
    const part sum = part_of(value, "sum");
    if (norm->second != GRAPH_NONE) {
        value_name(e, norm->second, residual);
        emit(e, "Add", from, residual, norm->relu ? sum.name : value);
        from = sum.name;
    }
    if (norm->relu)
        emit(e, "Relu", from, NULL, value);
}

static bool has_tail(const node *norm)
{
    return norm->relu || norm->second != GRAPH_NONE;
}

/* With the batch normalisation behind it, when that is its only reader. */
static void emit_convolution(const exporter *e, int index)
{
    const node *n = &e->g->nodes[index];
    const node *norm = n->norm != GRAPH_NONE ? &e->g->nodes[n->norm] : NULL;
    const struct parameter *weight = &e->g->parameters[n->weight];
    char input[NAME_BYTES], output[NAME_BYTES], value[NAME_BYTES];
    const int64_t cout = n->shape.cout;
    float *bias = copy_bias(e, n);
    value_name(e, n->input, input);
    value_name(e, index, output);
    const part bias_name = part_of(output, "bias");
    if (n->standardised)
        standardise(e, n);
    if (norm) {
        value_name(e, n->norm, value);
        if (!has_tail(norm))
            memcpy(output, value, sizeof output);
        if (bias)
            fold(e, n, norm, bias);
    }
    const char *const inputs[] = {input, weight->name, bias_name.name};
    bool biased = norm || n->bias != GRAPH_NONE;
    onnx_message_node(e->m, "Conv", biased ? 3 : 2, inputs, output);
    set_window(e, n->shape);
    emit_parameter(e, n->weight);
    if (biased)
        onnx_message_floats(e->m, bias_name.name, 1, &cout, bias);
    else
        free(bias);
    if (norm)
        emit_tail(e, norm, output, value);
}

/* One that no convolution took over. */
static void emit_batchnorm(const exporter *e, int index)
{
    const node *n = &e->g->nodes[index];
    const struct parameter *p = &e->g->parameters[n->weight];
    char input[NAME_BYTES], value[NAME_BYTES];
    value_name(e, n->input, input);
    value_name(e, index, value);
    const part even = part_of(value, "even");
    const char *output = has_tail(n) ? even.name : value;
    const char *const inputs[] = {input, p[0].name, p[1].name, p[2].name, p[3].name};
    onnx_message_node(e->m, "BatchNormalization", 5, inputs, output);
    onnx_message_float(e->m, "epsilon", batchnorm_epsilon);
    for (int i = 0; i < 4; i++)
        emit_parameter(e, n->weight + i);
    emit_tail(e, n, output, value);
}

/* ---- The other nodes ---- */

/* A constant of `count` equal numbers. */
static void emit_constant(const exporter *e, const char *name, int64_t count, float number)
{
    float *values = malloc((size_t)count * sizeof *values);
    for (int64_t i = 0; values && i < count; i++)
        values[i] = number;
    onnx_message_floats(e->m, name, 1, &count, values);
}

/* A parameter of one value per channel, shaped to meet a map's channels. */
static void emit_per_channel(const exporter *e, int parameter)
{
    const struct parameter *p = &e->g->parameters[parameter];
    const int64_t shape[] = {p->shape[0], 1, 1};
    onnx_message_floats(e->m, p->name, 3, shape, e->s->values[parameter]);
    e->s->values[parameter] = NULL;
}

/* The operators of set 17 know no groups: each becomes a channel, which instance normalisation
 * takes, and the map its old shape again. */
static void emit_group_norm(const exporter *e, int index)
{
    const node *n = &e->g->nodes[index];
    const int64_t grouped_shape[] = {0, n->groups, -1}, shape[] = {0, n->c, n->h, n->w};
    char input[NAME_BYTES], value[NAME_BYTES];
    value_name(e, n->input, input);
    value_name(e, index, value);
    const part groups = part_of(value, "groups"), grouped = part_of(value, "grouped"),
               ones = part_of(value, "ones"), zeros = part_of(value, "zeros"),
               even = part_of(value, "even"), map = part_of(value, "shape"),
               back = part_of(value, "back"), scaled = part_of(value, "scaled"),
               sum = part_of(value, "sum");
    const char *const to_normalise[] = {grouped.name, ones.name, zeros.name};
    onnx_message_counts(e->m, groups.name, 3, grouped_shape);
    onnx_message_counts(e->m, map.name, 4, shape);
    emit_constant(e, ones.name, n->groups, 1);
    emit_constant(e, zeros.name, n->groups, 0);
    emit_per_channel(e, n->weight);
    emit_per_channel(e, n->bias);
    emit(e, "Reshape", input, groups.name, grouped.name);
    onnx_message_node(e->m, "InstanceNormalization", 3, to_normalise, even.name);
    onnx_message_float(e->m, "epsilon", group_norm_epsilon);
    emit(e, "Reshape", even.name, map.name, back.name);
    emit(e, "Mul", back.name, e->g->parameters[n->weight].name, scaled.name);
    emit(e, "Add", scaled.name, e->g->parameters[n->bias].name, n->relu ? sum.name : value);
    if (n->relu)
        emit(e, "Relu", sum.name, NULL, value);
}

/* ONNX's pads by minus infinity; where zeros are asked for they are put there before. */
static void emit_max_pool(const exporter *e, const node *n, const char *input, const char *value)
{
    convolution_shape window = n->shape;
    const part padded = part_of(value, "padded"), pads_name = part_of(value, "pads");
    if (n->padding == MAX_POOL_ZEROS && window.pad > 0) {
        const int64_t pads[] = {0, 0, window.pad, window.pad, 0, 0, window.pad, window.pad};
        onnx_message_counts(e->m, pads_name.name, 8, pads);
        emit(e, "Pad", input, pads_name.name, padded.name);
        input = padded.name;
        window.pad = 0;
    }
    emit(e, "MaxPool", input, NULL, value);
    set_window(e, window);
}

static void emit_gate(const exporter *e, const char *input, const char *gate, const char *value)
{
    const part open = part_of(value, "open");
    emit(e, "Sigmoid", gate, NULL, open.name);
    emit(e, "Mul", input, open.name, value);
}

static void emit_linear(const exporter *e, int index)
{
    const node *n = &e->g->nodes[index];
    char input[NAME_BYTES], value[NAME_BYTES];
    value_name(e, n->input, input);
    value_name(e, index, value);
    const part flat = part_of(value, "flat");
    emit(e, "Flatten", input, NULL, flat.name);
    onnx_message_int(e->m, "axis", 1);
    const char *const inputs[] = {flat.name, e->g->parameters[n->weight].name,
                                  e->g->parameters[n->bias].name};
    onnx_message_node(e->m, "Gemm", 3, inputs, value);
    onnx_message_int(e->m, "transB", 1);
    emit_parameter(e, n->weight);
    emit_parameter(e, n->bias);
}

static void emit_node(const exporter *e, int index)
{
    const node *n = &e->g->nodes[index];
    char input[NAME_BYTES] = "", second[NAME_BYTES], value[NAME_BYTES];
    if (n->input != GRAPH_NONE)
        value_name(e, n->input, input);
    if (n->second != GRAPH_NONE)
        value_name(e, n->second, second);
    value_name(e, index, value);
    const int64_t image[] = {ONNX_BATCH, n->c, n->h, n->w};
    switch (n->kind) {
    case NODE_INPUT:
        onnx_message_input(e->m, value, 4, image);
        break;
    case NODE_CONVOLUTION:
        emit_convolution(e, index);
        break;
    case NODE_BATCHNORM:
        if (index == 0 || e->g->nodes[index - 1].norm != index)
            emit_batchnorm(e, index);
        break;
    case NODE_GROUP_NORM:
        emit_group_norm(e, index);
        break;
    case NODE_MAX_POOL:
        emit_max_pool(e, n, input, value);
        break;
    case NODE_AVERAGE_POOL:
        emit(e, "GlobalAveragePool", input, NULL, value);
        break;
    case NODE_CONCAT:
        emit(e, "Concat", input, second, value);
        onnx_message_int(e->m, "axis", 1);
        break;
    case NODE_ADD:
        emit(e, "Add", input, second, value);
        break;
    case NODE_GATE:
        emit_gate(e, input, second, value);
        break;
    case NODE_LINEAR:
        emit_linear(e, index);
        break;
    }
}

static void emit_heads(const exporter *e)
{
    for (int h = 0; h < HEAD_COUNT; h++) {
        int logits = e->g->heads[h].logits;
        char name[NAME_BYTES];
        if (logits == GRAPH_NONE)
            continue;
        const int64_t shape[] = {ONNX_BATCH, e->g->nodes[logits].c};
        value_name(e, logits, name);
        if (e->softmax) {
            emit(e, "Softmax", name, NULL, head_names[h]);
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
                         "%s: %s is %s; the file is not of the network that it says it is of", path,
                         p->name, e ? "of another shape" : "missing");
    *values = malloc(p->count * sizeof **values);
    TRY(got_memory(*values, err, p->name));
    return tensor_file_read_f32(file, e, *values, err);
}

status state_read(const graph *g, tensor_file *file, const char *path, state *s, error *err)
{
    *s = (state){.count = g->parameter_count};
    s->values = calloc(s->count + 1, sizeof *s->values);
    status result = s->values ? STATUS_OK : error_memory(err, path);
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
