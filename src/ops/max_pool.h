/* SPDX-License-Identifier: Apache-2.0 */
/* Max pooling. kernels/max_pool.cl. */
#pragma once

#include "ops/tensor.h"

/* Bytes of the maxima for an output of y's shape. */
size_t max_pool_index_bytes(tensor y);

/* What the padding counts as: minus infinity, as in torch.nn.MaxPool2d, or 0, as if the input were
 * padded with zeros before it is pooled (BiT's stem). */
enum max_pool_padding { MAX_POOL_NOTHING, MAX_POOL_ZEROS };

/* y[n][oh][ow][c] = the largest value of its window in x[n][h][w][c]; oh = (h + 2 * pad - kernel) /
 * stride + 1. The kernel is at most 15, and pad at most half of it, so that no window is entirely
 * in the padding. maxima, which may be NULL, receives one byte for each element of y: the window's
 * tap that was largest, ky * kernel + kx. As in PyTorch, that is the first of equal values and the
 * last of NaNs. */
status max_pool_forward(device *dev, tensor x, int kernel, int stride, int pad,
                        enum max_pool_padding padding, tensor y, cl_mem maxima, error *err);
/* dx = (accumulate ? dx : 0) + the sum of dy over the windows in which that input was the
 * largest. */
status max_pool_backward(device *dev, tensor dy, cl_mem maxima, int kernel, int stride, int pad,
                         tensor dx, bool accumulate, error *err);
