/* SPDX-License-Identifier: Apache-2.0 */
/* The sum of two tensors of the same shape. kernels/add.cl. */
#pragma once

#include "ops/tensor.h"

/* y = first + second; y may share the buffer of either. */
status add_forward(device *dev, tensor first, tensor second, tensor y, error *err);
/* dfirst = (accumulate_first ? dfirst : 0) + dy, and dsecond likewise. One without a buffer is left
 * out. Neither may share the buffer of dy. */
status add_backward(device *dev, tensor dy, tensor dfirst, tensor dsecond, bool accumulate_first,
                    bool accumulate_second, error *err);
