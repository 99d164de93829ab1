/* SPDX-License-Identifier: Apache-2.0 */
/* Exported ONNX models are read back with protobuf-c and run here, operator by operator in double
 * precision. Their logits are compared with those that PyTorch computed
 * (tests/golden/make-golden.py). Needs no device. */
#include "base/file.h"
#include "base/tensor_file.h"
#include "base/text.h"
#include "check.h"
#include "model/onnx.h"
#include "model/onnx.pb-c.h"
#include "model/onnx_message.h"
#include "support.h"

#include <math.h>

enum { RANK = 4, MOST_VALUES = 1000, COARSE = 3, FINE = 7, BATCH = 5 };

/* Weights are rounded to fp32 after folding; everything else is in double precision. */
static const double tolerance = 2e-6;

/* ---- Values ---- */

typedef struct value {
    const char *name;
    int rank;
    int64_t shape[RANK];
    double *data;
} value;

typedef struct machine {
    value values[MOST_VALUES];
    int count;
} machine;

static size_t elements(const value *v)
{
    size_t count = 1;
    for (int i = 0; i < v->rank; i++)
        count *= (size_t)v->shape[i];
    return count;
}

static value *make_value(machine *m, const char *name, int rank, const int64_t *shape)
{
    assert_true(m->count < MOST_VALUES && rank <= RANK);
    for (int i = 0; i < m->count; i++) /* a name is used once */
        assert_string_not_equal(m->values[i].name, name);
    value *v = &m->values[m->count++];
    *v = (value){.name = name, .rank = rank};
    memcpy(v->shape, shape, (size_t)rank * sizeof *shape);
    v->data = calloc(elements(v) + 1, sizeof *v->data);
    assert_non_null(v->data);
    return v;
}

static const value *find_value(const machine *m, const char *name)
{
    for (int i = 0; i < m->count; i++)
        if (strcmp(m->values[i].name, name) == 0)
            return &m->values[i];
    fail_msg("the value %s is read before it is computed", name);
    return NULL;
}

static void free_machine(machine *m)
{
    for (int i = 0; i < m->count; i++)
        free(m->values[i].data);
    free(m);
}

/* ---- Operators ---- */

static const Onnx__Attribute *attribute(const Onnx__Node *n, const char *name)
{
    for (size_t i = 0; i < n->n_attribute; i++)
        if (strcmp(n->attribute[i]->name, name) == 0)
            return n->attribute[i];
    fail_msg("%s: the attribute %s is missing", n->op_type, name);
    return NULL;
}

typedef struct window {
    int64_t kernel, stride, pad, h, w; /* h, w: output size */
} window;

static window window_of(const Onnx__Node *n, const value *x)
{
    const Onnx__Attribute *kernel = attribute(n, "kernel_shape"), *pads = attribute(n, "pads");
    const Onnx__Attribute *strides = attribute(n, "strides");
    assert_int_equal(kernel->type, ONNX_ATTRIBUTE_INTS);
    assert_int_equal(pads->n_ints, 4);
    window s = {kernel->ints[0], strides->ints[0], pads->ints[0], 0, 0};
    for (int i = 0; i < 4; i++)
        assert_true(pads->ints[i] == s.pad && kernel->ints[i % 2] == s.kernel &&
                    strides->ints[i % 2] == s.stride);
    s.h = (x->shape[2] + 2 * s.pad - s.kernel) / s.stride + 1;
    s.w = (x->shape[3] + 2 * s.pad - s.kernel) / s.stride + 1;
    return s;
}

/* The element, or `outside` for places outside the map. */
static double pixel(const value *x, int64_t n, int64_t c, int64_t h, int64_t w, double outside)
{
    if (h < 0 || w < 0 || h >= x->shape[2] || w >= x->shape[3])
        return outside;
    return x->data[((n * x->shape[1] + c) * x->shape[2] + h) * x->shape[3] + w];
}

static double convolve(const value *x, const value *w, window s, int64_t n, int64_t o, int64_t h0,
                       int64_t w0)
{
    double sum = 0;
    for (int64_t c = 0; c < x->shape[1]; c++)
        for (int64_t i = 0; i < s.kernel * s.kernel; i++)
            sum += pixel(x, n, c, h0 + i / s.kernel, w0 + i % s.kernel, 0) *
                   w->data[(o * x->shape[1] + c) * s.kernel * s.kernel + i];
    return sum;
}

static double largest(const value *x, window s, int64_t n, int64_t c, int64_t h0, int64_t w0)
{
    double most = -INFINITY;
    for (int64_t i = 0; i < s.kernel * s.kernel; i++)
        most = fmax(most, pixel(x, n, c, h0 + i / s.kernel, w0 + i % s.kernel, -INFINITY));
    return most;
}

/* Conv and MaxPool. For MaxPool, w is NULL. */
static void run_window(machine *m, const Onnx__Node *n, const value *x, const value *w,
                       const value *bias)
{
    window s = window_of(n, x);
    const int64_t shape[] = {x->shape[0], w ? w->shape[0] : x->shape[1], s.h, s.w};
    value *y = make_value(m, n->output[0], 4, shape);
    double *to = y->data;
    for (int64_t image = 0; image < shape[0]; image++)
        for (int64_t o = 0; o < shape[1]; o++)
            for (int64_t i = 0; i < s.h * s.w; i++) {
                int64_t h0 = i / s.w * s.stride - s.pad, w0 = i % s.w * s.stride - s.pad;
                *to++ = w ? convolve(x, w, s, image, o, h0, w0) + (bias ? bias->data[o] : 0)
                          : largest(x, s, image, o, h0, w0);
            }
}

static void run_pad(machine *m, const Onnx__Node *n, const value *x, const value *pads)
{
    int64_t top = (int64_t)pads->data[2], left = (int64_t)pads->data[3];
    const int64_t shape[] = {x->shape[0], x->shape[1], x->shape[2] + top + (int64_t)pads->data[6],
                             x->shape[3] + left + (int64_t)pads->data[7]};
    double *to = make_value(m, n->output[0], 4, shape)->data;
    for (int64_t i = 0; i < shape[0] * shape[1]; i++)
        for (int64_t j = 0; j < shape[2] * shape[3]; j++)
            *to++ =
                pixel(x, i / shape[1], i % shape[1], j / shape[3] - top, j % shape[3] - left, 0);
}

/* Add and Mul: shapes are equal, or b has one number per channel. */
static void run_pairs(machine *m, const Onnx__Node *n, const value *a, const value *b)
{
    bool per_channel = b->rank == 3;
    size_t pixels = per_channel ? (size_t)(a->shape[2] * a->shape[3]) : 1;
    value *y = make_value(m, n->output[0], a->rank, a->shape);
    if (!per_channel) {
        assert_int_equal(a->rank, b->rank);
        assert_memory_equal(a->shape, b->shape, (size_t)a->rank * sizeof a->shape[0]);
    } else {
        assert_true(b->shape[0] == a->shape[1] && b->shape[1] == 1 && b->shape[2] == 1);
    }
    for (size_t i = 0; i < elements(a); i++) {
        double other = b->data[per_channel ? i / pixels % (size_t)a->shape[1] : i];
        y->data[i] = strcmp(n->op_type, "Add") == 0 ? a->data[i] + other : a->data[i] * other;
    }
}

static void run_each(machine *m, const Onnx__Node *n, const value *x)
{
    value *y = make_value(m, n->output[0], x->rank, x->shape);
    bool relu = strcmp(n->op_type, "Relu") == 0;
    for (size_t i = 0; i < elements(x); i++)
        y->data[i] = relu ? fmax(x->data[i], 0) : 1 / (1 + exp(-x->data[i]));
}

static void run_average(machine *m, const Onnx__Node *n, const value *x)
{
    const int64_t shape[] = {x->shape[0], x->shape[1], 1, 1};
    int64_t pixels = x->shape[2] * x->shape[3];
    value *y = make_value(m, n->output[0], 4, shape);
    for (size_t i = 0; i < elements(x); i++)
        y->data[i / (size_t)pixels] += x->data[i] / (double)pixels;
}

static void run_concat(machine *m, const Onnx__Node *n, const value *a, const value *b)
{
    int64_t shape[RANK];
    assert_int_equal(attribute(n, "axis")->i, 1);
    memcpy(shape, a->shape, sizeof shape);
    shape[1] += b->shape[1];
    double *to = make_value(m, n->output[0], a->rank, shape)->data;
    size_t of_a = elements(a) / (size_t)shape[0], of_b = elements(b) / (size_t)shape[0];
    for (size_t i = 0; i < (size_t)shape[0]; i++) {
        memcpy(to, a->data + i * of_a, of_a * sizeof *to);
        memcpy(to + of_a, b->data + i * of_b, of_b * sizeof *to);
        to += of_a + of_b;
    }
}

/* Flatten at axis 1, and Reshape. In a shape, 0 means the input's own dimension and -1 the rest. */
static void run_reshape(machine *m, const Onnx__Node *n, const value *x, const value *to)
{
    int64_t shape[RANK] = {x->shape[0], (int64_t)elements(x) / x->shape[0]}, rest = 1;
    int rank = to ? (int)to->shape[0] : 2, open = -1;
    for (int i = 0; to && i < rank; i++) {
        shape[i] = to->data[i] == 0 ? x->shape[i] : (int64_t)to->data[i];
        if (shape[i] < 0)
            open = i;
        else
            rest *= shape[i];
    }
    if (open >= 0)
        shape[open] = (int64_t)elements(x) / rest;
    value *y = make_value(m, n->output[0], rank, shape);
    assert_int_equal(elements(x), elements(y));
    memcpy(y->data, x->data, elements(x) * sizeof *y->data);
}

static void run_gemm(machine *m, const Onnx__Node *n, const value *x, const value *w,
                     const value *bias)
{
    const int64_t shape[] = {x->shape[0], w->shape[0]};
    assert_int_equal(attribute(n, "transB")->i, 1);
    assert_int_equal(x->shape[1], w->shape[1]);
    double *to = make_value(m, n->output[0], 2, shape)->data;
    for (int64_t i = 0; i < shape[0]; i++)
        for (int64_t o = 0; o < shape[1]; o++, to++) {
            *to = bias->data[o];
            for (int64_t k = 0; k < w->shape[1]; k++)
                *to += x->data[i * w->shape[1] + k] * w->data[o * w->shape[1] + k];
        }
}

static void run_softmax(machine *m, const Onnx__Node *n, const value *x)
{
    value *y = make_value(m, n->output[0], x->rank, x->shape);
    for (int64_t i = 0; i < x->shape[0]; i++) {
        double sum = 0;
        for (int64_t c = 0; c < x->shape[1]; c++)
            sum += exp(x->data[i * x->shape[1] + c]);
        for (int64_t c = 0; c < x->shape[1]; c++)
            y->data[i * x->shape[1] + c] = exp(x->data[i * x->shape[1] + c]) / sum;
    }
}

/* Normalises each channel of each image by itself. */
static void run_instance_norm(machine *m, const Onnx__Node *n, const value *in[])
{
    const value *x = in[0];
    value *y = make_value(m, n->output[0], x->rank, x->shape);
    size_t pixels = elements(x) / (size_t)(x->shape[0] * x->shape[1]);
    for (size_t i = 0; i < elements(x); i += pixels) {
        double mean = 0, squares = 0;
        for (size_t j = 0; j < pixels; j++)
            mean += x->data[i + j] / (double)pixels;
        for (size_t j = 0; j < pixels; j++)
            squares += (x->data[i + j] - mean) * (x->data[i + j] - mean);
        size_t c = i / pixels % (size_t)x->shape[1];
        double scale =
            in[1]->data[c] / sqrt(squares / (double)pixels + (double)attribute(n, "epsilon")->f);
        for (size_t j = 0; j < pixels; j++)
            y->data[i + j] = (x->data[i + j] - mean) * scale + in[2]->data[c];
    }
}

/* in: x, scale, bias, mean, variance. */
static void run_batch_norm(machine *m, const Onnx__Node *n, const value *in[])
{
    const value *x = in[0];
    value *y = make_value(m, n->output[0], x->rank, x->shape);
    size_t pixels = elements(x) / (size_t)(x->shape[0] * x->shape[1]);
    for (size_t i = 0; i < elements(x); i++) {
        size_t c = i / pixels % (size_t)x->shape[1];
        double deviation = sqrt(in[4]->data[c] + (double)attribute(n, "epsilon")->f);
        y->data[i] = (x->data[i] - in[3]->data[c]) / deviation * in[1]->data[c] + in[2]->data[c];
    }
}

static void run_node(machine *m, const Onnx__Node *n)
{
    const value *in[5] = {NULL};
    assert_true(n->n_input <= 5 && n->n_output == 1);
    for (size_t i = 0; i < n->n_input; i++)
        in[i] = find_value(m, n->input[i]);
    if (strcmp(n->op_type, "Conv") == 0 || strcmp(n->op_type, "MaxPool") == 0)
        run_window(m, n, in[0], in[1], in[2]);
    else if (strcmp(n->op_type, "Pad") == 0)
        run_pad(m, n, in[0], in[1]);
    else if (strcmp(n->op_type, "Add") == 0 || strcmp(n->op_type, "Mul") == 0)
        run_pairs(m, n, in[0], in[1]);
    else if (strcmp(n->op_type, "Relu") == 0 || strcmp(n->op_type, "Sigmoid") == 0)
        run_each(m, n, in[0]);
    else if (strcmp(n->op_type, "GlobalAveragePool") == 0)
        run_average(m, n, in[0]);
    else if (strcmp(n->op_type, "Concat") == 0)
        run_concat(m, n, in[0], in[1]);
    else if (strcmp(n->op_type, "Flatten") == 0 || strcmp(n->op_type, "Reshape") == 0)
        run_reshape(m, n, in[0], in[1]);
    else if (strcmp(n->op_type, "Gemm") == 0)
        run_gemm(m, n, in[0], in[1], in[2]);
    else if (strcmp(n->op_type, "Softmax") == 0)
        run_softmax(m, n, in[0]);
    else if (strcmp(n->op_type, "InstanceNormalization") == 0)
        run_instance_norm(m, n, in);
    else if (strcmp(n->op_type, "BatchNormalization") == 0)
        run_batch_norm(m, n, in);
    else
        fail_msg("unknown operator %s", n->op_type);
}

static void load_constants(machine *m, const Onnx__Graph *g)
{
    for (size_t i = 0; i < g->n_initializer; i++) {
        const Onnx__Tensor *t = g->initializer[i];
        value *v = make_value(m, t->name, (int)t->n_dims, t->dims);
        bool whole = t->data_type == ONNX_INT64;
        assert_true(whole || t->data_type == ONNX_FLOAT);
        assert_int_equal(t->raw_data.len, elements(v) * (whole ? 8 : 4));
        for (size_t k = 0; k < elements(v); k++) {
            float real;
            int64_t number;
            memcpy(&real, t->raw_data.data + 4 * k, sizeof real);
            if (whole)
                memcpy(&number, t->raw_data.data + 8 * k, sizeof number);
            v->data[k] = whole ? (double)number : real;
        }
    }
}

/* Runs the model on the images. The machine that it returns contains all values. */
static machine *run_model(const Onnx__Model *model, const int64_t shape[RANK], const double *images)
{
    machine *m = calloc(1, sizeof *m);
    assert_non_null(m);
    value *image = make_value(m, model->graph->input[0]->name, 4, shape);
    memcpy(image->data, images, elements(image) * sizeof *images);
    load_constants(m, model->graph);
    for (size_t i = 0; i < model->graph->n_node; i++)
        run_node(m, model->graph->node[i]);
    return m;
}

/* ---- Golden networks ---- */

typedef support_files fixture;

static int set_up(void **state)
{
    return support_files_set_up(state, "n.onnx");
}

static tensor_file *open_golden(const char *name)
{
    const char *source = getenv("srcdir");
    error err;
    tensor_file *file;
    char *path = text_format("%s/tests/golden/network-%s.safetensors", source ? source : ".", name);
    CHECK_OK(tensor_file_open(path, &file, &err));
    free(path);
    return file;
}

static const char *word_of(const tensor_file *file, const char *key)
{
    const char *text = tensor_file_metadata(file, key);
    return text ? text : "";
}

static float *read_floats(tensor_file *file, const char *prefix, const char *name, size_t *count)
{
    error err;
    char *full = text_format("%s%s", prefix, name);
    const tensor_entry *e = tensor_file_find(file, full);
    if (!e)
        fail_msg("the golden file has no tensor %s", full);
    *count = tensor_elements(e);
    float *values = calloc(*count + 1, sizeof *values);
    CHECK_OK(tensor_file_read_f32(file, e, values, &err));
    free(full);
    return values;
}

static void build(tensor_file *file, graph *g, state *s)
{
    error err;
    const char *fusion = word_of(file, "fusion");
    const network_options options = {
        .backbone = word_of(file, "backbone"),
        .stem = strcmp(word_of(file, "stem"), "cifar") == 0 ? STEM_CIFAR : STEM_IMAGENET,
        .only_fine = atoi(word_of(file, "only_fine")),
        .shared_trunk = atoi(word_of(file, "shared_trunk")),
        .fusion = *fusion ? fusion : NULL,
        .coarse_stages = atoi(word_of(file, "coarse_stages")),
        .coarse_classes = COARSE,
        .fine_classes = FINE,
        .image_size = atoi(word_of(file, "size")),
        .batch_size = 1,
    };
    CHECK_OK(hcnn_build(&options, g, &err));
    CHECK_OK(graph_finish(g, false, &err));
    *s = (state){.count = g->parameter_count};
    s->values = calloc(s->count + 1, sizeof *s->values);
    for (size_t i = 0; i < s->count; i++) {
        size_t count;
        if (g->parameters[i].kind == PARAMETER_COUNTER)
            continue;
        s->values[i] = read_floats(file, "before.", g->parameters[i].name, &count);
        assert_int_equal(count, g->parameters[i].count);
    }
}

static Onnx__Model *read_model(const fixture *f)
{
    error err;
    unsigned char *bytes;
    size_t size;
    CHECK_OK(file_read(f->path, 1 << 28, &bytes, &size, &err));
    Onnx__Model *model = onnx__model__unpack(NULL, size, bytes);
    assert_non_null(model);
    free(bytes);
    return model;
}

static Onnx__Model *export(const fixture *f, const graph *g, state *s, bool softmax)
{
    static const onnx_property properties[] = {{"fine_classes", "[\"a\"]"}, {"mean", "[1,2,3]"}};
    const onnx_options options = {softmax, properties, 2, "1.2.3"};
    error err;
    CHECK_OK(onnx_write(f->path, g, s, &options, &err));
    state_free(s);
    return read_model(f);
}

/* The golden file's bytes, normalised as by the network's input kernel. */
static double *images_of(tensor_file *file)
{
    static const double mean[] = {0.5071, 0.4867, 0.4408}, deviation[] = {0.2675, 0.2565, 0.2761};
    size_t count;
    float *bytes = read_floats(file, "", "images", &count);
    double *images = calloc(count, sizeof *images);
    size_t pixels = count / (3 * BATCH);
    for (size_t i = 0; i < count; i++) {
        size_t c = i / pixels % 3;
        images[i] = ((double)bytes[i] / 255 - mean[c]) / deviation[c];
    }
    free(bytes);
    return images;
}

static void check_output(tensor_file *file, const machine *m, const char *head)
{
    size_t count;
    double scale = 0, worst = 0;
    float *want = read_floats(file, "evaluate.", head, &count);
    const value *got = find_value(m, head);
    assert_int_equal(count, elements(got));
    for (size_t i = 0; i < count; i++)
        scale = fmax(scale, fabs((double)want[i]));
    for (size_t i = 0; i < count; i++) {
        double difference = fabs((double)want[i] - got->data[i]);
        worst = difference <= worst ? worst : difference;
    }
    if (!(worst <= tolerance * scale))
        fail_msg("%s: off by %g; the largest value is %g", head, worst, scale);
    free(want);
}

static void check_golden(const fixture *f, const char *name)
{
    graph g;
    state s;
    tensor_file *file = open_golden(name);
    build(file, &g, &s);
    bool only_fine = g.heads[HEAD_COARSE].logits == GRAPH_NONE;
    Onnx__Model *model = export(f, &g, &s, false);
    for (size_t i = 0; i < model->graph->n_node; i++)
        assert_string_not_equal(model->graph->node[i]->op_type, "BatchNormalization");
    double *images = images_of(file);
    const int64_t shape[] = {BATCH, 3, g.nodes[0].h, g.nodes[0].w};
    machine *m = run_model(model, shape, images);
    check_output(file, m, "fine");
    if (!only_fine)
        check_output(file, m, "coarse");
    assert_int_equal(model->graph->n_output, only_fine ? 1 : 2);
    free_machine(m);
    free(images);
    onnx__model__free_unpacked(model, NULL);
    graph_free(&g);
    tensor_file_close(file);
}

/* Every kind of node, stem, fusion and depth. */
static void golden_networks(void **fixture)
{
    static const char *const names[] = {
        "imagenet-sgd",         "only-fine-nesterov", "basic-add",  "basic-layer4",
        "basic-concat-bn-relu", "basic-shared",       "bit-concat", "bit-gate",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        check_golden(*fixture, names[i]);
}

/* ---- The model's other fields ---- */

static void check_dimensions(const Onnx__ValueInfo *v, const char *name, int rank,
                             const int64_t *shape)
{
    const Onnx__TensorType *type = v->type->tensor_type;
    assert_string_equal(v->name, name);
    assert_int_equal(type->elem_type, ONNX_FLOAT);
    assert_int_equal(type->shape->n_dim, rank);
    assert_string_equal(type->shape->dim[0]->dim_param, "batch");
    for (int i = 1; i < rank; i++)
        assert_int_equal(type->shape->dim[i]->dim_value, shape[i]);
}

static void the_model_describes_itself(void **state)
{
    graph g;
    struct state s;
    tensor_file *file = open_golden("imagenet-sgd");
    build(file, &g, &s);
    const int64_t image[] = {0, 3, g.nodes[0].h, g.nodes[0].w}, coarse[] = {0, COARSE},
                  fine[] = {0, FINE};
    Onnx__Model *model = export(*state, &g, &s, true);
    assert_int_equal(model->ir_version, 8);
    assert_int_equal(model->n_opset_import, 1);
    assert_string_equal(model->opset_import[0]->domain, "");
    assert_int_equal(model->opset_import[0]->version, 17);
    assert_string_equal(model->producer_version, "1.2.3");
    assert_int_equal(model->n_metadata_props, 2);
    assert_string_equal(model->metadata_props[1]->key, "mean");
    assert_string_equal(model->metadata_props[1]->value, "[1,2,3]");
    check_dimensions(model->graph->input[0], "image", 4, image);
    check_dimensions(model->graph->output[0], "coarse", 2, coarse);
    check_dimensions(model->graph->output[1], "fine", 2, fine);
    double *images = images_of(file);
    const int64_t shape[] = {BATCH, 3, g.nodes[0].h, g.nodes[0].w};
    machine *m = run_model(model, shape, images);
    for (int i = 0; i < BATCH; i++) {
        double sum = 0;
        for (int c = 0; c < FINE; c++)
            sum += find_value(m, "fine")->data[i * FINE + c];
        assert_true(fabs(sum - 1) < 1e-12);
    }
    free_machine(m);
    free(images);
    onnx__model__free_unpacked(model, NULL);
    graph_free(&g);
    tensor_file_close(file);
}

/* A batch normalisation that does not follow a convolution is not folded. Each 3x3 maximum of a 2x2
 * image is the image's largest value; it goes through relu(bn(x) + image). */
static void a_batchnorm_without_convolution(void **state)
{
    static const double gamma[] = {2, 1, 0.5}, beta[] = {0, -1, 1}, mean[] = {1, 0, -1},
                        variance[] = {4, 1, 0.25}, largest_of[] = {4, 3, 8};
    static const double images[] = {1, 2, 3, 4, -5, 3, -9, 0, 5, 6, 7, 8};
    error err;
    graph g = {.heads = {{.logits = GRAPH_NONE}, {.logits = GRAPH_NONE}}};
    int norm = graph_declare_batchnorm(&g, (layer_name){NULL, "bn"}, 3);
    int linear = graph_declare_linear(&g, (layer_name){NULL, "fc"}, 3, 2);
    int image = graph_input(&g, 2);
    int pooled = graph_max_pool(&g, image, 3, 1, 1, MAX_POOL_NOTHING);
    int made = graph_batchnorm(&g, pooled, norm, true, image);
    g.heads[HEAD_FINE].logits = graph_linear(&g, graph_average_pool(&g, made), linear, 2);
    CHECK_OK(graph_finish(&g, false, &err));
    struct state s = {.count = g.parameter_count};
    s.values = calloc(s.count + 1, sizeof *s.values);
    for (size_t i = 0; i < s.count; i++)
        s.values[i] = calloc(6, sizeof(float));
    for (int c = 0; c < 3; c++) {
        s.values[norm][c] = (float)gamma[c];
        s.values[norm + 1][c] = (float)beta[c];
        s.values[norm + 2][c] = (float)mean[c];
        s.values[norm + 3][c] = (float)variance[c];
        s.values[linear][c] = 1;
    }
    s.values[linear + 1][1] = 7;
    Onnx__Model *model = export(*state, &g, &s, false);
    const int64_t shape[] = {1, 3, 2, 2};
    machine *m = run_model(model, shape, images);
    double sum = 0;
    for (int i = 0; i < 12; i++) {
        int c = i / 4;
        double y = (largest_of[c] - mean[c]) / sqrt(variance[c] + 1e-5) * gamma[c] + beta[c];
        sum += fmax(y + images[i], 0) / 4;
    }
    assert_true(fabs(find_value(m, "fine")->data[0] - sum) < 1e-6);
    assert_true(fabs(find_value(m, "fine")->data[1] - 7) < 1e-12);
    free_machine(m);
    onnx__model__free_unpacked(model, NULL);
    graph_free(&g);
}

static void an_unwritable_path_is_an_error(void **state)
{
    (void)state;
    error err;
    onnx_message *m = onnx_message_create("n", "p", "v");
    assert_non_null(m);
    CHECK_FAILS(STATUS_FAILED, "/nowhere", onnx_message_write(m, "/nowhere/at/all.onnx", &err));
    onnx_message_floats(m, "w", 0, NULL, NULL);
    CHECK_FAILS(STATUS_FAILED, "memory", onnx_message_write(m, "/nowhere/at/all.onnx", &err));
    onnx_message_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_networks),
        cmocka_unit_test(the_model_describes_itself),
        cmocka_unit_test(a_batchnorm_without_convolution),
        cmocka_unit_test(an_unwritable_path_is_an_error),
    };
    return cmocka_run_group_tests_name("onnx", tests, set_up, support_files_tear_down);
}
