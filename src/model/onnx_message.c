/* SPDX-License-Identifier: Apache-2.0 */
/* Builds ONNX's messages with protobuf-c; see onnx_message.h. Everything in them comes from malloc,
 * so one call frees it all. */
#include "model/onnx_message.h"
#include "base/file.h"
#include "model/onnx.pb-c.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct onnx_message {
    Onnx__Model *model;
    Onnx__Graph *graph; /* owned by the model */
    bool failed;
};

static char *copy_text(onnx_message *m, const char *text)
{
    char *copy = strdup(text);
    m->failed |= !copy;
    return copy;
}

/* A message without fields; NULL if memory ran out. */
static void *make(onnx_message *m, const ProtobufCMessageDescriptor *kind)
{
    void *made = malloc(kind->sizeof_message);
    m->failed |= !made;
    if (made)
        protobuf_c_message_init(kind, made);
    return made;
}

/* Appends a message or a text to a repeated field, takes it over and returns it. Returns NULL if
 * the item is NULL or memory ran out. */
static void *append(onnx_message *m, size_t *count, void *field, void *item)
{
    void ***array = field;
    void **grown = item ? realloc(*array, (*count + 1) * sizeof *grown) : NULL;
    if (!grown) {
        free(item);
        m->failed = true;
        return NULL;
    }
    *array = grown;
    return grown[(*count)++] = item;
}

static int64_t *copy_counts(onnx_message *m, int count, const int64_t *values)
{
    int64_t *copy = malloc(((size_t)count + 1) * sizeof *copy);
    m->failed |= !copy;
    if (copy && count > 0)
        memcpy(copy, values, (size_t)count * sizeof *copy);
    return copy;
}

onnx_message *onnx_message_create(const char *name, const char *producer, const char *version)
{
    onnx_message *m = calloc(1, sizeof *m);
    if (!m || !(m->model = make(m, &onnx__model__descriptor)) ||
        !(m->graph = m->model->graph = make(m, &onnx__graph__descriptor))) {
        onnx_message_free(m);
        return NULL;
    }
    m->model->has_ir_version = true;
    m->model->ir_version = ONNX_IR_VERSION;
    m->model->producer_name = copy_text(m, producer);
    m->model->producer_version = copy_text(m, version);
    m->graph->name = copy_text(m, name);
    Onnx__OperatorSet *set = append(m, &m->model->n_opset_import, &m->model->opset_import,
                                    make(m, &onnx__operator_set__descriptor));
    if (set) {
        set->domain = copy_text(m, "");
        set->has_version = true;
        set->version = ONNX_OPERATORS;
    }
    return m;
}

void onnx_message_free(onnx_message *m)
{
    if (!m)
        return;
    if (m->model)
        onnx__model__free_unpacked(m->model, NULL);
    free(m);
}

/* ---- Nodes ---- */

void onnx_message_node(onnx_message *m, const char *operator_name, int input_count,
                       const char *const *inputs, const char *output)
{
    Onnx__Node *n = append(m, &m->graph->n_node, &m->graph->node, make(m, &onnx__node__descriptor));
    if (!n)
        return;
    n->op_type = copy_text(m, operator_name);
    n->name = copy_text(m, output);
    for (int i = 0; i < input_count; i++)
        append(m, &n->n_input, &n->input, copy_text(m, inputs[i]));
    append(m, &n->n_output, &n->output, copy_text(m, output));
}

static Onnx__Attribute *attribute(onnx_message *m, const char *name, int type)
{
    Onnx__Node *n = m->graph->n_node ? m->graph->node[m->graph->n_node - 1] : NULL;
    if (!n)
        return NULL;
    Onnx__Attribute *a =
        append(m, &n->n_attribute, &n->attribute, make(m, &onnx__attribute__descriptor));
    if (!a)
        return NULL;
    a->name = copy_text(m, name);
    a->has_type = true;
    a->type = type;
    return a;
}

void onnx_message_int(onnx_message *m, const char *name, int64_t value)
{
    Onnx__Attribute *a = attribute(m, name, ONNX_ATTRIBUTE_INT);
    if (a) {
        a->has_i = true;
        a->i = value;
    }
}

void onnx_message_ints(onnx_message *m, const char *name, int count, const int64_t *values)
{
    Onnx__Attribute *a = attribute(m, name, ONNX_ATTRIBUTE_INTS);
    if (a) {
        a->ints = copy_counts(m, count, values);
        a->n_ints = a->ints ? (size_t)count : 0;
    }
}

void onnx_message_float(onnx_message *m, const char *name, float value)
{
    Onnx__Attribute *a = attribute(m, name, ONNX_ATTRIBUTE_FLOAT);
    if (a) {
        a->has_f = true;
        a->f = value;
    }
}

/* ---- Constants, inputs, outputs ---- */

/* Appends a constant and takes over `bytes`; NULL counts as memory that ran out. */
static void constant(onnx_message *m, const char *name, int type, int rank, const int64_t *shape,
                     void *bytes, size_t size)
{
    Onnx__Tensor *t = append(m, &m->graph->n_initializer, &m->graph->initializer,
                             make(m, &onnx__tensor__descriptor));
    m->failed |= !bytes;
    if (!t) {
        free(bytes);
        return;
    }
    t->name = copy_text(m, name);
    t->has_data_type = true;
    t->data_type = type;
    t->dims = copy_counts(m, rank, shape);
    t->n_dims = t->dims ? (size_t)rank : 0;
    t->has_raw_data = bytes != NULL;
    t->raw_data = (ProtobufCBinaryData){size, bytes};
}

void onnx_message_floats(onnx_message *m, const char *name, int rank, const int64_t *shape,
                         float *values)
{
    size_t size = sizeof *values;
    for (int i = 0; i < rank; i++)
        size *= (size_t)shape[i];
    constant(m, name, ONNX_FLOAT, rank, shape, values, size);
}

void onnx_message_counts(onnx_message *m, const char *name, int count, const int64_t *values)
{
    const int64_t shape[] = {count};
    constant(m, name, ONNX_INT64, 1, shape, copy_counts(m, count, values),
             (size_t)count * sizeof *values);
}

static Onnx__Shape *make_shape(onnx_message *m, int rank, const int64_t *lengths)
{
    Onnx__Shape *shape = make(m, &onnx__shape__descriptor);
    for (int i = 0; shape && i < rank; i++) {
        Onnx__Dimension *d =
            append(m, &shape->n_dim, &shape->dim, make(m, &onnx__dimension__descriptor));
        if (!d)
            break;
        d->has_dim_value = lengths[i] != ONNX_BATCH;
        d->dim_value = lengths[i];
        if (!d->has_dim_value)
            d->dim_param = copy_text(m, "batch");
    }
    return shape;
}

static void value_info(onnx_message *m, size_t *count, Onnx__ValueInfo ***field, const char *name,
                       int rank, const int64_t *lengths)
{
    Onnx__ValueInfo *v = append(m, count, field, make(m, &onnx__value_info__descriptor));
    if (!v || !(v->type = make(m, &onnx__type__descriptor)))
        return;
    Onnx__TensorType *type = v->type->tensor_type = make(m, &onnx__tensor_type__descriptor);
    if (!type)
        return;
    v->name = copy_text(m, name);
    type->has_elem_type = true;
    type->elem_type = ONNX_FLOAT;
    type->shape = make_shape(m, rank, lengths);
}

void onnx_message_input(onnx_message *m, const char *name, int rank, const int64_t *shape)
{
    value_info(m, &m->graph->n_input, &m->graph->input, name, rank, shape);
}

void onnx_message_output(onnx_message *m, const char *name, int rank, const int64_t *shape)
{
    value_info(m, &m->graph->n_output, &m->graph->output, name, rank, shape);
}

void onnx_message_property(onnx_message *m, const char *key, const char *value)
{
    Onnx__Property *p = append(m, &m->model->n_metadata_props, &m->model->metadata_props,
                               make(m, &onnx__property__descriptor));
    if (!p)
        return;
    p->key = copy_text(m, key);
    p->value = copy_text(m, value);
}

/* ---- The file ---- */

/* Where protobuf-c writes to. The first field has to be the library's, with the function that
 * receives the bytes. */
typedef struct sink {
    ProtobufCBuffer base;
    file_writer out;
    error *err;
    status result;
} sink;

static void sink_append(ProtobufCBuffer *buffer, size_t size, const uint8_t *bytes)
{
    sink *s = (sink *)buffer;
    if (s->result == STATUS_OK)
        s->result = file_writer_put(&s->out, bytes, size, s->err);
}

status onnx_message_write(const onnx_message *m, const char *path, error *err)
{
    sink s = {.base = {sink_append}, .err = err};
    TRY(got_memory(!m->failed, err, path));
    size_t size = onnx__model__get_packed_size(m->model);
    if (size > INT_MAX)
        return error_set(err, STATUS_FAILED,
                         "%s: the model has %zu bytes, but an ONNX file can have at most 2 GiB",
                         path, size);
    TRY(file_writer_open(&s.out, path, err));
    onnx__model__pack_to_buffer(m->model, &s.base);
    if (s.result == STATUS_OK)
        s.result = file_writer_commit(&s.out, err);
    else
        file_writer_abort(&s.out);
    return s.result;
}
