/* A graph's nodes as ONNX's; see onnx.h. Values are called after the first parameter of the layer
 * that makes them, "fine_backbone.layer1.0.bn1", or after the node. */
#include "model/onnx.h"
#include "model/onnx_message.h"
#include "ops/batchnorm.h"

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
    static const char *const kinds[] = {
        [NODE_INPUT] = "image",    [NODE_CONVOLUTION] = "convolution",
        [NODE_BATCHNORM] = "norm", [NODE_MAX_POOL] = "max_pool",
        [NODE_CONCAT] = "concat",  [NODE_AVERAGE_POOL] = "average_pool",
        [NODE_LINEAR] = "linear",
    };
    const node *n = &e->g->nodes[index];
    if (n->kind == NODE_INPUT)
        snprintf(name, NAME_BYTES, "image");
    else if (n->weight != GRAPH_NONE)
        layer_name(e, n->weight, name);
    else
        snprintf(name, NAME_BYTES, "%s_%d", kinds[n->kind], index);
    for (int h = 0; h < HEAD_COUNT; h++)
        if (e->g->heads[h].logits == index)
            snprintf(name, NAME_BYTES, "%s%s", head_names[h], e->softmax ? "_logits" : "");
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
    char sum[NAME_BYTES + 8], residual[NAME_BYTES];
    if (norm->second != GRAPH_NONE) {
        value_name(e, norm->second, residual);
        snprintf(sum, sizeof sum, "%s%s", value, norm->relu ? ".sum" : "");
        emit(e, "Add", from, residual, sum);
        from = sum;
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
    char input[NAME_BYTES], output[NAME_BYTES], value[NAME_BYTES], bias_name[NAME_BYTES + 8];
    const int64_t cout = n->shape.cout;
    float *bias = copy_bias(e, n);
    value_name(e, n->input, input);
    value_name(e, index, output);
    snprintf(bias_name, sizeof bias_name, "%s.bias", output);
    if (norm) {
        value_name(e, n->norm, value);
        if (!has_tail(norm))
            memcpy(output, value, sizeof output);
        if (bias)
            fold(e, n, norm, bias);
    }
    const char *const inputs[] = {input, weight->name, bias_name};
    bool biased = norm || n->bias != GRAPH_NONE;
    onnx_message_node(e->m, "Conv", biased ? 3 : 2, inputs, output);
    set_window(e, n->shape);
    emit_parameter(e, n->weight);
    if (biased)
        onnx_message_floats(e->m, bias_name, 1, &cout, bias);
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
    char input[NAME_BYTES], value[NAME_BYTES], output[NAME_BYTES + 8];
    value_name(e, n->input, input);
    value_name(e, index, value);
    snprintf(output, sizeof output, "%s%s", value, has_tail(n) ? ".norm" : "");
    const char *const inputs[] = {input, p[0].name, p[1].name, p[2].name, p[3].name};
    onnx_message_node(e->m, "BatchNormalization", 5, inputs, output);
    onnx_message_float(e->m, "epsilon", batchnorm_epsilon);
    for (int i = 0; i < 4; i++)
        emit_parameter(e, n->weight + i);
    emit_tail(e, n, output, value);
}

/* ---- The other nodes ---- */

static void emit_linear(const exporter *e, int index)
{
    const node *n = &e->g->nodes[index];
    char input[NAME_BYTES], flat[NAME_BYTES + 8], value[NAME_BYTES];
    value_name(e, n->input, input);
    value_name(e, index, value);
    snprintf(flat, sizeof flat, "%s_flat", value);
    emit(e, "Flatten", input, NULL, flat);
    onnx_message_int(e->m, "axis", 1);
    const char *const inputs[] = {flat, e->g->parameters[n->weight].name,
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
    case NODE_MAX_POOL:
        emit(e, "MaxPool", input, NULL, value);
        set_window(e, n->shape);
        break;
    case NODE_AVERAGE_POOL:
        emit(e, "GlobalAveragePool", input, NULL, value);
        break;
    case NODE_CONCAT:
        emit(e, "Concat", input, second, value);
        onnx_message_int(e->m, "axis", 1);
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
    if (!e.m)
        return error_memory(err, path);
    for (int i = 0; i < g->count; i++)
        emit_node(&e, i);
    emit_heads(&e);
    for (size_t i = 0; i < options->property_count; i++)
        onnx_message_property(e.m, options->properties[i].key, options->properties[i].value);
    status result = onnx_message_write(e.m, path, err);
    onnx_message_free(e.m);
    return result;
}
