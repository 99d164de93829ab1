/* SPDX-License-Identifier: Apache-2.0 */
/* Batch normalisation over n, h and w, fused with the residual add and the ReLU that follow it in a
 * residual block. kernels/batchnorm.cl.
 *
 *   y = relu?(gamma * (x - mean) / sqrt(variance + eps) + beta [+ residual])
 *
 * As in torch.nn.BatchNorm2d, eps is 1e-5 and momentum 0.1; x is normalised by the biased variance,
 * while the running variance moves towards the unbiased one. A NaN passes through the ReLU.
 *
 * Training runs in stages, so that if a batch is spread over several ranks the sums of the other
 * parts can be added in between (model/shared_statistics.h): batchnorm_sum and batchnorm_forward in
 * the forward pass, batchnorm_gradient_sums and batchnorm_backward in the backward pass. */
#pragma once

#include "ops/tensor.h"

extern const float batchnorm_epsilon;

/* The buffers of one layer, [c] floats each. */
typedef struct batchnorm_layer {
    cl_mem gamma, beta;
    cl_mem running_mean, running_variance;
    cl_mem mean, inverse_deviation; /* of the batch; written in training, for backward */
} batchnorm_layer;

/* The first stage of a batch's statistics. The pixels are divided into `runs` runs; for each there
 * is the mean and the sum of squared deviations from it, float [runs][2][c], followed by its number
 * of pixels, int [runs]. A convolution can compute them from its own results
 * (convolution_call.sums). */
typedef struct batchnorm_sums {
    cl_mem buffer;
    size_t runs; /* 0: not computed yet */
} batchnorm_sums;
/* Bytes of such a buffer. */
size_t batchnorm_sums_bytes(size_t runs, int channels);

/* Bytes of the workspace that the functions below need for an input of this shape. */
size_t batchnorm_workspace(const device *dev, tensor x);

/* Training, stage one: computes the sums of x in the workspace. */
status batchnorm_sum(device *dev, tensor x, cl_mem workspace, batchnorm_sums *made, error *err);
/* Combines the sums into those of one run, without its count: merged is float [2][channels] and may
 * be the beginning of the sums' own buffer. */
status batchnorm_merge(device *dev, batchnorm_sums sums, int channels, cl_mem merged, error *err);
/* Training, stage two: normalises with the statistics of the sums, stores these in layer->mean and
 * layer->inverse_deviation, and updates the running statistics. If there is only one value per
 * channel, the variance is 0 and is used as the unbiased variance too. residual.buffer may be NULL.
 * y may share the buffer of residual, but not that of x, which the backward pass reads. */
status batchnorm_forward(device *dev, tensor x, const batchnorm_layer *layer, batchnorm_sums sums,
                         tensor residual, bool relu, tensor y, error *err);

/* Normalises with the running statistics and changes only y and the workspace. y may share the
 * buffer of x or of residual. layer->mean and layer->inverse_deviation may be NULL. */
status batchnorm_evaluate(device *dev, tensor x, const batchnorm_layer *layer, tensor residual,
                          bool relu, tensor y, cl_mem workspace, error *err);

/* Turns the running statistics into the scale and the shift of a convolution_finish, [channels]
 * floats each. */
status batchnorm_fold(device *dev, const batchnorm_layer *layer, int channels, cl_mem scale,
                      cl_mem shift, error *err);

/* Where the gradients go. If a buffer is NULL, that gradient is not computed. */
typedef struct batchnorm_gradients {
    cl_mem gamma, beta;   /* [c]; may be the layer's own buffers */
    gradient_terms terms; /* of gamma and beta */
    tensor x;
    tensor residual;                        /* dy, masked by the ReLU */
    bool accumulate_x, accumulate_residual; /* add to the old values instead of replacing them */
} batchnorm_gradients;

/* Backward, stage one, after batchnorm_forward with the same x, relu and y. Computes the gradients
 * of gamma and beta and, at the beginning of the workspace, float [3][c]: two means over the pixels
 * of x and a factor, which stage two needs. If `whole` is false the means are still sums, for
 * batchnorm_gradient_means. y is read only if relu is set. */
status batchnorm_gradient_sums(device *dev, tensor x, const batchnorm_layer *layer, bool relu,
                               tensor y, tensor dy, const batchnorm_gradients *gradients,
                               bool whole, cl_mem workspace, error *err);
/* Turns the sums of `parts` parts of a batch, float [parts][2][c] at the beginning of the
 * workspace, into means over all its `pixels` pixels. gamma must be the same as in stage one. */
status batchnorm_gradient_means(device *dev, const batchnorm_layer *layer, int parts, int pixels,
                                int channels, cl_mem workspace, error *err);
/* Backward, stage two: computes gradients->x and gradients->residual, if they have buffers. Either
 * may share the buffer of dy, but they may not share one with each other. */
status batchnorm_backward(device *dev, tensor x, const batchnorm_layer *layer, bool relu, tensor y,
                          tensor dy, const batchnorm_gradients *gradients, cl_mem workspace,
                          error *err);
