/* SPDX-License-Identifier: Apache-2.0 */
/* A network as an ONNX model, which any of its runtimes runs: operators of set 17, batch
 * normalisation folded into the convolutions before it, everything in one file. */
#pragma once

#include "base/tensor_file.h"
#include "model/graph.h"

/* The parameters of a network in host memory, read from a file without a device. */
typedef struct state {
    float **values; /* by parameter of the graph, in PyTorch's layout; NULL for counters. Who takes
                       one over puts NULL here */
    size_t count;
} state;

/* Every parameter of the graph from the tensor of its name, which must have its shape; whatever
 * else the file holds is left alone. Counters are not read. Messages call the file `path`. */
status state_read(const graph *g, tensor_file *file, const char *path, state *s, error *err);
void state_free(state *s);

typedef struct onnx_property {
    const char *key, *value;
} onnx_property;

typedef struct onnx_options {
    bool softmax;                    /* the outputs are probabilities, not logits */
    const onnx_property *properties; /* for metadata_props */
    size_t property_count;
    const char *version; /* of the program */
} onnx_options;

/* Writes the model of a finished graph that is not for training. Input "image", float
 * [batch][3][h][w] in the range that ops/input.h leaves, the batch being free; outputs "coarse"
 * [batch][coarse classes], unless the network is fine only, and "fine". Folding is done in double
 * precision:
 *
 *   w' = w * gamma / sqrt(variance + eps),  b' = (b - mean) * gamma / sqrt(variance + eps) + beta
 *
 * The state is used up: its values are overwritten or move into the model. */
status onnx_write(const char *path, const graph *g, state *s, const onnx_options *options,
                  error *err);
