/* SPDX-License-Identifier: Apache-2.0 */
/* The sum of two tensors of one shape. kernels/add.cl. */
#pragma once

#include "ops/tensor.h"

/* y = first + second; y may share the buffer of either. */
status add_forward(device *dev, tensor first, tensor second, tensor y, error *err);
/* Each of dfirst and dsecond = (accumulate ? itself : 0) + dy; one without a buffer is left out.
 * Neither shares the buffer of dy. */
status add_backward(device *dev, tensor dy, tensor dfirst, tensor dsecond, bool accumulate_first,
                    bool accumulate_second, error *err);
