/* SPDX-License-Identifier: Apache-2.0 */
/* A bias per channel, added in place, and its gradient. kernels/bias.cl. */
#pragma once

#include "ops/tensor.h"

/* y[n][h][w][c] += bias[c]. */
status bias_forward(device *dev, tensor y, cl_mem bias, error *err);
/* Applies the terms to the sum of dy over n, h and w: dbias[c] = alpha * sum + beta * dbias[c]. */
status bias_backward(device *dev, tensor dy, cl_mem dbias, gradient_terms terms, error *err);
