/* SPDX-License-Identifier: Apache-2.0 */
/* The factor that clips the gradients' norm, between the backward pass and the optimizer.
 * kernels/gradients.cl.
 *
 * The norm is that of all gradients behind each other, as torch.nn.utils.clip_grad_norm_ takes it.
 * Each gradient leaves gradients_parts sums of squares in one buffer, from which gradients_clip
 * makes the factor; it stays on the device, for the optimizer to apply. */
#pragma once

#include "device/device.h"

#include <stddef.h>

/* The sums of squares that a gradient of `count` floats leaves. */
size_t gradients_parts(const device *dev, size_t count);
/* Writes them, of factor * gradient, to sums[first] and on. */
status gradients_squares(device *dev, size_t count, cl_mem gradient, float factor, cl_mem sums,
                         size_t first, error *err);

/* *clip (float) = min(1, most / (sqrt(the sum of sums[0..parts)) + 1e-6)); NaN if that is NaN.
 * gathered has room for GRADIENTS_GATHERED floats. */
enum { GRADIENTS_GATHERED = 256 };
status gradients_clip(device *dev, cl_mem sums, size_t parts, cl_mem gathered, float most,
                      cl_mem clip, error *err);
