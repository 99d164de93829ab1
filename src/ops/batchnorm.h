/* SPDX-License-Identifier: Apache-2.0 */
/* Batch normalisation over n, h and w, with the residual add and the ReLU that follow it in a
 * residual block fused in: there is no ReLU and no add anywhere else. kernels/batchnorm.cl.
 *
 *   y = relu?(gamma * (x - mean) / sqrt(variance + eps) + beta [+ residual])
 *
 * As torch.nn.BatchNorm2d: eps 1e-5, momentum 0.1, normalised by the biased variance, while the
 * running variance moves towards the unbiased one. A NaN passes through the ReLU.
 *
 * Training runs in stages, between which whoever has only a part of a batch can put the sums of the
 * other parts in (model/shared_statistics.h): forward batchnorm_sum and batchnorm_forward, backward
 * batchnorm_gradient_sums and batchnorm_backward. */
#pragma once

#include "ops/tensor.h"

extern const float batchnorm_epsilon;

/* The buffers of one layer, [c] floats each. */
typedef struct batchnorm_layer {
    cl_mem gamma, beta;
    cl_mem running_mean, running_variance;
    cl_mem mean, inverse_deviation; /* of the batch: training writes them, backward reads them */
} batchnorm_layer;

/* The first stage of a batch's statistics: of each of `runs` runs of pixels the mean and the sum of
 * squared deviations from it, float [runs][2][c], and behind them its pixels, int [runs]. A
 * convolution may make it of its own results (convolution_call.sums). */
typedef struct batchnorm_sums {
    cl_mem buffer;
    size_t runs; /* 0: not made yet */
} batchnorm_sums;
size_t batchnorm_sums_bytes(size_t runs, int channels);

/* Bytes of scratch that any of the functions below needs for an input of this shape. */
size_t batchnorm_workspace(const device *dev, tensor x);

/* Training, stage one: the sums of x, in the workspace. */
status batchnorm_sum(device *dev, tensor x, cl_mem workspace, batchnorm_sums *made, error *err);
/* The sums as those of one run, without its count, into merged, float [2][channels], which may be
 * the beginning of the sums' own buffer. */
status batchnorm_merge(device *dev, batchnorm_sums sums, int channels, cl_mem merged, error *err);
/* Stage two: normalises with the statistics of the sums, keeps these in layer->mean and
 * layer->inverse_deviation and moves the running ones. With one value per channel the variance is 0
 * and counts as unbiased. residual.buffer may be NULL. y may share the buffer of residual; not that
 * of x, which backward reads. */
status batchnorm_forward(device *dev, tensor x, const batchnorm_layer *layer, batchnorm_sums sums,
                         tensor residual, bool relu, tensor y, error *err);

/* Normalises with the running statistics and changes nothing but y, which may share the buffer of
 * x or of residual. layer->mean and layer->inverse_deviation may be NULL. */
status batchnorm_evaluate(device *dev, tensor x, const batchnorm_layer *layer, tensor residual,
                          bool relu, tensor y, cl_mem workspace, error *err);

/* The running statistics as what a convolution of `channels` channels can apply to its results
 * (convolution_finish): [channels] floats each. */
status batchnorm_fold(device *dev, const batchnorm_layer *layer, int channels, cl_mem scale,
                      cl_mem shift, error *err);

/* Where the gradients go; a NULL buffer is a gradient that nobody wants. */
typedef struct batchnorm_gradients {
    cl_mem gamma, beta;   /* [c], which may be the layer's own */
    gradient_terms terms; /* of both */
    tensor x;
    tensor residual;                        /* dy where the ReLU let it pass */
    bool accumulate_x, accumulate_residual; /* add to what is there instead of replacing it */
} batchnorm_gradients;

/* Stage one, after batchnorm_forward with the same x, relu and y: gamma's and beta's gradients, and
 * at the workspace's beginning, float [3][c], what stage two needs: two means over the pixels of x,
 * which with `whole` false are sums still, for batchnorm_gradient_means, and a factor. y is read
 * only with relu. */
status batchnorm_gradient_sums(device *dev, tensor x, const batchnorm_layer *layer, bool relu,
                               tensor y, tensor dy, const batchnorm_gradients *gradients,
                               bool whole, cl_mem workspace, error *err);
/* The sums of parts of a batch, float [parts][2][c] at the workspace's beginning, become means over
 * all its pixels; gamma must be as it was in stage one. */
status batchnorm_gradient_means(device *dev, const batchnorm_layer *layer, int parts, int pixels,
                                int channels, cl_mem workspace, error *err);
/* Stage two, if one of them is wanted: gradients->x and gradients->residual, which may each share
 * the buffer of dy, but not one with the other. */
status batchnorm_backward(device *dev, tensor x, const batchnorm_layer *layer, bool relu, tensor y,
                          tensor dy, const batchnorm_gradients *gradients, cl_mem workspace,
                          error *err);
