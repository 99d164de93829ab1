/* SPDX-License-Identifier: Apache-2.0 */
/* An ONNX model in memory, built piece by piece, and its file. This knows the format and not the
 * network; onnx.c knows the network. If memory runs out while building, onnx_message_write reports
 * it. */
#pragma once

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum {
    ONNX_IR_VERSION = 8, /* IR version released with operator set 17 */
    ONNX_OPERATORS = 17,
    ONNX_FLOAT = 1, /* values of data_type and elem_type */
    ONNX_INT64 = 7,
    ONNX_ATTRIBUTE_FLOAT = 1, /* types of attributes */
    ONNX_ATTRIBUTE_INT = 2,
    ONNX_ATTRIBUTE_INTS = 7,
    ONNX_BATCH = -1, /* a dimension that the user of the model chooses */
};

typedef struct onnx_message onnx_message;

/* Returns NULL if memory ran out. The caller frees the message. */
onnx_message *onnx_message_create(const char *name, const char *producer, const char *version);
void onnx_message_free(onnx_message *m); /* NULL is allowed */

/* Appends a node of that operator. The node has the name of its output. */
void onnx_message_node(onnx_message *m, const char *operator_name, int input_count,
                       const char *const *inputs, const char *output);
/* Add an attribute to the last node. */
void onnx_message_int(onnx_message *m, const char *name, int64_t value);
void onnx_message_ints(onnx_message *m, const char *name, int count, const int64_t *values);
void onnx_message_float(onnx_message *m, const char *name, float value);

/* Add a constant: fp32 numbers of that shape in memory from malloc, which the message takes over
 * (NULL counts as memory that ran out), or `count` integers, which are copied. */
void onnx_message_floats(onnx_message *m, const char *name, int rank, const int64_t *shape,
                         float *values);
void onnx_message_counts(onnx_message *m, const char *name, int count, const int64_t *values);

/* Add an fp32 input or output of the model; a dimension may be ONNX_BATCH. */
void onnx_message_input(onnx_message *m, const char *name, int rank, const int64_t *shape);
void onnx_message_output(onnx_message *m, const char *name, int rank, const int64_t *shape);

/* Adds an entry to metadata_props. */
void onnx_message_property(onnx_message *m, const char *key, const char *value);

/* Writes the file completely or not at all. A model of 2 GiB or more is STATUS_FAILED, since the
 * format cannot contain it in one file. */
status onnx_message_write(const onnx_message *m, const char *path, error *err);
