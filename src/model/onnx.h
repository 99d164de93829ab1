/* SPDX-License-Identifier: Apache-2.0 */
/* A network as an ONNX model, which any of its runtimes runs: operators of set 17, batch
 * normalisation folded into the convolutions before it, everything in one file. */
#ifndef HCNN_MODEL_ONNX_H
#define HCNN_MODEL_ONNX_H

#include "model/graph.h"
#include "model/state.h"

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

#endif
