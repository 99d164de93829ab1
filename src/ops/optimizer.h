/* SPDX-License-Identifier: Apache-2.0 */
/* One step of an optimizer on one parameter, in place; PyTorch's formulas (torch.optim.SGD, Adam,
 * AdamW).
 * kernels/optimizer.cl. */
#pragma once

#include "device/device.h"

#include <stddef.h>

/* How gradients come in. {.factor = 1}: as they are. */
typedef struct unscaling {
    float factor;    /* of the gradient, before all else: 1 / the loss's scale */
    cl_mem clip;     /* float, a further factor, as gradients_clip makes it. NULL: none */
    cl_mem overflow; /* int; where it is not 0 the step is not taken. NULL: it always is */
} unscaling;

/* overflow (int) becomes 1 if one of `count` gradients is infinite or NaN, and stays what it was
 * otherwise. */
status find_overflow(device *dev, size_t count, cl_mem gradient, cl_mem overflow, error *err);

/* g = factor * clip * gradient + weight_decay * value;
 * momentum != 0: buffer = first ? g : momentum * buffer + g; g = nesterov ? g + momentum * buffer
 * : buffer; value -= lr * g. buffer may be NULL when momentum is 0. All of `count` floats. */
status sgd_step(device *dev, size_t count, cl_mem value, cl_mem gradient, cl_mem buffer,
                unscaling unscale, float lr, float momentum, float weight_decay, bool nesterov,
                bool first, error *err);

/* g = factor * clip * gradient + weight_decay * value; m = beta1 m + (1 - beta1) g; v = beta2 v +
 * (1 - beta2) g g; value -= lr / (1 - beta1^step) * m / (sqrt(v) / sqrt(1 - beta2^step) + epsilon).
 * step counts from 1. decoupled: value *= 1 - lr * weight_decay first, and g is without the decay.
 */
status adam_step(device *dev, size_t count, cl_mem value, cl_mem gradient, cl_mem m, cl_mem v,
                 unscaling unscale, float lr, float beta1, float beta2, float epsilon,
                 float weight_decay, bool decoupled, int step, error *err);
