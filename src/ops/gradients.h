/* SPDX-License-Identifier: Apache-2.0 */
/* Gradient clipping: the factor that limits the norm of all gradients, computed between the
 * backward pass and the optimizer. kernels/gradients.cl.
 *
 * The norm is that of all gradients together, as in torch.nn.utils.clip_grad_norm_. Each gradient
 * leaves gradients_parts sums of squares in one buffer, from which gradients_clip computes the
 * factor. The factor stays on the device, where the optimizer applies it. */
#pragma once

#include "device/device.h"

#include <stddef.h>

/* The number of sums of squares that a gradient of `count` floats leaves. */
size_t gradients_parts(const device *dev, size_t count);
/* Writes the sums of squares of factor * gradient to sums[first] and the elements that follow. */
status gradients_squares(device *dev, size_t count, cl_mem gradient, float factor, cl_mem sums,
                         size_t first, error *err);

/* *clip (float) = min(1, most / (sqrt(the sum of sums[0..parts)) + 1e-6)); NaN if the sum is NaN.
 * gathered is a workspace of GRADIENTS_GATHERED floats. */
enum { GRADIENTS_GATHERED = 256 };
status gradients_clip(device *dev, cl_mem sums, size_t parts, cl_mem gathered, float most,
                      cl_mem clip, error *err);
