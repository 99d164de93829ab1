/* SPDX-License-Identifier: Apache-2.0 */
/* Concatenation along the channels: y[..., first.c + second.c] contains the channels of first, then
 * those of second. kernels/concat.cl. */
#pragma once

#include "ops/tensor.h"

/* Neither input may share the buffer of y. */
status concat_forward(device *dev, tensor first, tensor second, tensor y, error *err);
/* Splits dy at channel first_channels. Each part replaces the old values or, with accumulate, is
 * added to them. A part without a buffer is left out. */
status concat_backward(device *dev, tensor dy, int first_channels, tensor dfirst, tensor dsecond,
                       bool accumulate_first, bool accumulate_second, error *err);
