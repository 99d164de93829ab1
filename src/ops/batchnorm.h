/* SPDX-License-Identifier: Apache-2.0 */
/* Batch normalisation over n, h and w, with the residual add and the ReLU that follow it in a
 * residual block fused in: there is no ReLU and no add anywhere else. kernels/batchnorm.cl.
 *
 *   y = relu?(gamma * (x - mean) / sqrt(variance + eps) + beta [+ residual])
 *
 * As torch.nn.BatchNorm2d: eps 1e-5, momentum 0.1, normalised by the biased variance, while the
 * running variance moves towards the unbiased one. A NaN passes through the ReLU.
 *
 * Where several ranks share a batch, each with images of its own, training can take the statistics
 * from all of them (batchnorm_exchange), as torch.nn.SyncBatchNorm. */
#ifndef HCNN_OPS_BATCHNORM_H
#define HCNN_OPS_BATCHNORM_H

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

/* How the ranks that share a batch tell each other their sums. `gather` hands in `count` floats and
 * fills all[ranks][count] with every rank's, in rank order: copies to the bit, since integers are
 * among them. It blocks until every rank has called it; all do in the same order, with the same
 * count. Where it fails on one rank it has to fail on all, or they wait for ever. */
typedef struct batchnorm_exchange {
    void *context;
    int ranks, rank;
    status (*gather)(void *context, const float *mine, size_t count, float *all, error *err);
} batchnorm_exchange;

/* Bytes of scratch that any of the functions below needs for an input of this shape; sync as they
 * take it. */
size_t batchnorm_workspace(const device *dev, tensor x, const batchnorm_exchange *sync);

/* Training: normalises with the batch's own statistics, from x unless sums has them, keeps them in
 * layer->mean and layer->inverse_deviation and moves the running ones. With one value per channel
 * (n * h * w == 1) the variance is 0 and counts as unbiased. residual.buffer may be NULL. y may
 * share the buffer of residual; not that of x, which backward reads.
 *
 * With sync (NULL: without) the batch is that of all ranks, whose x may differ in n, and so are its
 * statistics, to the same bits where the devices are alike: one blocking exchange of 2 c + 1 floats
 * a rank. More than 2^31 - 1 pixels in all ranks are STATUS_FAILED. */
status batchnorm_forward(device *dev, tensor x, const batchnorm_layer *layer, batchnorm_sums sums,
                         tensor residual, bool relu, tensor y, const batchnorm_exchange *sync,
                         cl_mem workspace, error *err);

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
    cl_mem gamma, beta; /* [c] */
    tensor x;
    tensor residual;                        /* dy where the ReLU let it pass */
    bool accumulate_x, accumulate_residual; /* add to what is there instead of replacing it */
} batchnorm_gradients;

/* After batchnorm_forward with the same x, relu, y and sync. y is read only with relu. gradients->x
 * and gradients->residual may each share the buffer of dy, but not one with the other.
 *
 * With sync, gradients->x is that of the loss of all ranks, by one exchange as forward's if it is
 * wanted, which has to be the same on all; gamma's and beta's are the rank's own summands of that
 * loss's. */
status batchnorm_backward(device *dev, tensor x, const batchnorm_layer *layer, bool relu, tensor y,
                          tensor dy, const batchnorm_gradients *gradients,
                          const batchnorm_exchange *sync, cl_mem workspace, error *err);

#endif
