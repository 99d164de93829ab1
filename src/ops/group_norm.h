/* SPDX-License-Identifier: Apache-2.0 */
/* Group normalisation (Wu and He, "Group normalization", 2018) with the ReLU that follows it fused
 * in. The c channels form `groups` groups of c / groups neighbours, each normalised by its own mean
 * and biased variance over the pixels of one image: training and evaluation are the same, whatever
 * the batch. kernels/group_norm.cl.
 *
 *   y = relu?(gamma * (x - mean) / sqrt(variance + eps) + beta)
 *
 * As torch.nn.GroupNorm: eps 1e-5, gamma and beta per channel. A NaN passes through the ReLU. */
#pragma once

#include "ops/tensor.h"

extern const float group_norm_epsilon;

typedef struct group_norm_layer {
    int groups;                     /* divides c */
    cl_mem gamma, beta;             /* [c] */
    cl_mem mean, inverse_deviation; /* [n][c], of each channel's group: forward writes them,
                                       backward reads them */
} group_norm_layer;

/* Bytes of scratch that either function needs for an input of this shape, or of fewer images. */
size_t group_norm_workspace(const device *dev, tensor x);

/* y may share the buffer of x where no backward follows. */
status group_norm_forward(device *dev, tensor x, const group_norm_layer *layer, bool relu, tensor y,
                          cl_mem workspace, error *err);

/* Where the gradients go; a NULL buffer is a gradient that nobody wants. */
typedef struct group_norm_gradients {
    cl_mem gamma, beta;   /* [c], which may be the layer's own */
    gradient_terms terms; /* of both */
    tensor x;
    bool accumulate_x; /* add to what is there instead of replacing it */
} group_norm_gradients;

/* After group_norm_forward with the same x, relu and y. y is read only with relu. gradients->x may
 * share the buffer of dy. */
status group_norm_backward(device *dev, tensor x, const group_norm_layer *layer, bool relu,
                           tensor y, tensor dy, const group_norm_gradients *gradients,
                           cl_mem workspace, error *err);
