/* SPDX-License-Identifier: Apache-2.0 */
/* Weight standardisation (Qiao et al., "Micro-batch training with batch-channel normalization and
 * weight standardization", 2019): before a convolution uses them, the weights of each output
 * channel are brought to mean 0 and variance 1 over all taps and input channels.
 * kernels/weight_standardise.cl.
 *
 *   v = (w - mean) / sqrt(variance + eps), with the biased variance
 *
 * Weights are [rows][c] floats, as a convolution stores them on the device; rows = kernel * kernel
 * * cin. eps is 1e-8, as in timm's BiT (big_transfer's own code has 1e-10; the variance of trained
 * weights is far above either). */
#pragma once

#include "ops/tensor.h"

extern const float weight_standardise_epsilon;

typedef struct weight_standardise_layer {
    int rows, c;
    cl_mem weights;                 /* w */
    cl_mem mean, inverse_deviation; /* [c]; weight_standardise_measure writes them */
} weight_standardise_layer;

/* Bytes of the workspace that the functions below need. */
size_t weight_standardise_workspace(int rows, int c);

/* Computes the statistics of the current weights. */
status weight_standardise_measure(device *dev, const weight_standardise_layer *layer,
                                  cl_mem workspace, error *err);
/* Computes v, after weight_standardise_measure. `standardised` must not be the buffer of w. */
status weight_standardise_apply(device *dev, const weight_standardise_layer *layer,
                                cl_mem standardised, error *err);
/* Applies the terms to the gradient with respect to w, computed from g, the gradient with respect
 * to v: dw = alpha * gradient + beta * dw. Call it after weight_standardise_measure with the same
 * weights. dw may be w, or if beta is 0 the buffer of g. */
status weight_standardise_backward(device *dev, const weight_standardise_layer *layer, cl_mem g,
                                   cl_mem dw, gradient_terms terms, cl_mem workspace, error *err);
