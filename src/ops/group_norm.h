/* SPDX-License-Identifier: Apache-2.0 */
/* Group normalisation (Wu and He, "Group normalization", 2018), fused with the ReLU that follows
 * it. The c channels form `groups` groups of c / groups neighbours. Each group is normalised by its
 * own mean and biased variance over the pixels of one image, so training and evaluation are the
 * same and the rest of the batch does not matter. kernels/group_norm.cl.
 *
 *   y = relu?(gamma * (x - mean) / sqrt(variance + eps) + beta)
 *
 * As in torch.nn.GroupNorm, eps is 1e-5, and gamma and beta are per channel. A NaN passes through
 * the ReLU. */
#pragma once

#include "ops/tensor.h"

extern const float group_norm_epsilon;

typedef struct group_norm_layer {
    int groups;                     /* divides c */
    cl_mem gamma, beta;             /* [c] */
    cl_mem mean, inverse_deviation; /* [n][c], those of each channel's group; forward writes them,
                                       backward reads them */
} group_norm_layer;

/* Bytes of the workspace that either function needs for an input of this shape, or of fewer
 * images. */
size_t group_norm_workspace(const device *dev, tensor x);

/* y may share the buffer of x if no backward pass follows. */
status group_norm_forward(device *dev, tensor x, const group_norm_layer *layer, bool relu, tensor y,
                          cl_mem workspace, error *err);

/* Where the gradients go. If a buffer is NULL, that gradient is not computed. */
typedef struct group_norm_gradients {
    cl_mem gamma, beta;   /* [c]; may be the layer's own buffers */
    gradient_terms terms; /* of gamma and beta */
    tensor x;
    bool accumulate_x; /* add to the old values instead of replacing them */
} group_norm_gradients;

/* Call it after group_norm_forward with the same x, relu and y. y is read only if relu is set.
 * gradients->x may share the buffer of dy. */
status group_norm_backward(device *dev, tensor x, const group_norm_layer *layer, bool relu,
                           tensor y, tensor dy, const group_norm_gradients *gradients,
                           cl_mem workspace, error *err);
