/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a network as an ONNX model: operators of set 17, batch normalisation folded into the
 * convolutions before it, everything in one file. onnx_message.h knows the format of the file. */
#pragma once

#include "base/tensor_file.h"
#include "model/graph.h"

/* The parameters of a network in host memory, read from a file without a device. */
typedef struct state {
    float **values; /* one array for each parameter of the graph, in PyTorch's layout; NULL for
                       counters. Code that takes over an array sets it to NULL */
    size_t count;
} state;

/* Reads every parameter of the graph, except counters, from the tensor of its name, which must have
 * its shape. Other tensors of the file are ignored. Messages call the file `path`. The caller
 * releases the state with state_free; after an error it is released already. */
status state_read(const graph *g, tensor_file *file, const char *path, state *s, error *err);
void state_free(state *s);

typedef struct onnx_property {
    const char *key, *value;
} onnx_property;

typedef struct onnx_options {
    bool softmax;                    /* outputs are probabilities, not logits */
    const onnx_property *properties; /* for metadata_props */
    size_t property_count;
    const char *version; /* of the program */
} onnx_options;

/* Writes the model of a finished graph without training. The input is "image", float
 * [batch][3][h][w] with any batch size, normalised as ops/input.h does it. The outputs are "fine"
 * [batch][fine classes] and, unless the network is fine only, "coarse" [batch][coarse classes].
 * Folding is done in double precision:
 *
 *   w' = w * gamma / sqrt(variance + eps),  b' = (b - mean) * gamma / sqrt(variance + eps) + beta
 *
 * This uses up the state: its values are overwritten or move into the model. */
status onnx_write(const char *path, const graph *g, state *s, const onnx_options *options,
                  error *err);
