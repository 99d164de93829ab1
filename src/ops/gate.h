/* SPDX-License-Identifier: Apache-2.0 */
/* A gate: y = x * sigmoid(g), element by element, x and g of one shape. kernels/gate.cl. */
#pragma once

#include "ops/tensor.h"

status gate_forward(device *dev, tensor x, tensor gate, tensor y, error *err);
/* Each gradient replaces what is there or, with accumulate, adds to it; one without a buffer is
 * left out. */
status gate_backward(device *dev, tensor x, tensor gate, tensor dy, tensor dx, tensor dgate,
                     bool accumulate_x, bool accumulate_gate, error *err);
