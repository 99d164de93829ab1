/* SPDX-License-Identifier: Apache-2.0 */
/* Global average pooling, x[n][h][w][c] to y[n][1][1][c]. kernels/average_pool.cl. */
#pragma once

#include "ops/tensor.h"

/* y = the mean of x over h and w. */
status average_pool_forward(device *dev, tensor x, tensor y, error *err);
/* dx = (accumulate ? dx : 0) + dy / (h * w). */
status average_pool_backward(device *dev, tensor dy, tensor dx, bool accumulate, error *err);
