/* SPDX-License-Identifier: Apache-2.0 */
/* An ONNX model in memory, piece by piece, and its file. Knows the format, not the network: onnx.c
 * does. Memory that runs out while building is reported by onnx_message_write. */
#pragma once

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum {
    ONNX_IR_VERSION = 8, /* the one that came with the operators */
    ONNX_OPERATORS = 17,
    ONNX_FLOAT = 1, /* data_type, elem_type */
    ONNX_INT64 = 7,
    ONNX_ATTRIBUTE_FLOAT = 1, /* attribute types */
    ONNX_ATTRIBUTE_INT = 2,
    ONNX_ATTRIBUTE_INTS = 7,
    ONNX_BATCH = -1, /* a dimension that the caller of the model decides */
};

typedef struct onnx_message onnx_message;

/* NULL when memory is out. */
onnx_message *onnx_message_create(const char *name, const char *producer, const char *version);
void onnx_message_free(onnx_message *m); /* NULL is fine */

/* Appends a node of that operator. Its name is its output's. */
void onnx_message_node(onnx_message *m, const char *operator_name, int input_count,
                       const char *const *inputs, const char *output);
/* Attributes of the last node. */
void onnx_message_int(onnx_message *m, const char *name, int64_t value);
void onnx_message_ints(onnx_message *m, const char *name, int count, const int64_t *values);
void onnx_message_float(onnx_message *m, const char *name, float value);

/* Constants: fp32, whose malloc'ed memory the message takes over (NULL counts as memory that ran
 * out), and whole numbers, copied. */
void onnx_message_floats(onnx_message *m, const char *name, int rank, const int64_t *shape,
                         float *values);
void onnx_message_counts(onnx_message *m, const char *name, int count, const int64_t *values);

/* fp32 inputs and outputs of the model. */
void onnx_message_input(onnx_message *m, const char *name, int rank, const int64_t *shape);
void onnx_message_output(onnx_message *m, const char *name, int rank, const int64_t *shape);

/* An entry of metadata_props. */
void onnx_message_property(onnx_message *m, const char *key, const char *value);

/* Writes the file, whole or not at all. STATUS_FAILED for a model of 2 GiB and more, which the
 * format cannot hold in one file. */
status onnx_message_write(const onnx_message *m, const char *path, error *err);
