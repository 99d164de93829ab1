/* SPDX-License-Identifier: Apache-2.0 */
/* Weight standardisation (Qiao et al., "Micro-batch training with batch-channel normalization and
 * weight standardization", 2019): before a convolution uses them, each output channel's weights are
 * brought to mean 0 and variance 1 over all taps and input channels.
 * kernels/weight_standardise.cl.
 *
 *   v = (w - mean) / sqrt(variance + eps), the variance being the biased one
 *
 * Weights are [rows][c] floats as a convolution has them on the device, rows = kernel * kernel *
 * cin. The eps is timm's for BiT, 1e-8 (big_transfer's own code has 1e-10; no trained weight's
 * variance is near either). */
#pragma once

#include "ops/tensor.h"

extern const float weight_standardise_epsilon;

typedef struct weight_standardise_layer {
    int rows, c;
    cl_mem weights;                 /* w */
    cl_mem mean, inverse_deviation; /* [c]: weight_standardise_measure writes them */
} weight_standardise_layer;

/* Bytes of scratch that any of the functions below needs. */
size_t weight_standardise_workspace(int rows, int c);

/* The statistics of the weights as they are now. */
status weight_standardise_measure(device *dev, const weight_standardise_layer *layer,
                                  cl_mem workspace, error *err);
/* v, after measure; not the buffer of w. */
status weight_standardise_apply(device *dev, const weight_standardise_layer *layer,
                                cl_mem standardised, error *err);
/* dw = terms of the gradient by w, from g, that by v, after measure with the same weights; dw may
 * be w itself, or with a beta of 0 g's buffer. */
status weight_standardise_backward(device *dev, const weight_standardise_layer *layer, cl_mem g,
                                   cl_mem dw, gradient_terms terms, cl_mem workspace, error *err);
