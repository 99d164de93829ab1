/* SPDX-License-Identifier: Apache-2.0 */
/* What an operation works on: device memory and its shape. Activations are NHWC, in the device's
 * precision. A matrix is {rows, 1, 1, columns}. */
#pragma once

#include "device/buffer.h"
#include "device/device.h"

typedef struct tensor {
    cl_mem buffer; /* its elements begin at its start and are of the type `real` of
                      kernels/common.cl */
    int n, h, w, c;
} tensor;

/* What becomes of a weight gradient: target = alpha * gradient + beta * target. {1, 0} stores it,
 * {1, 1} adds it to the gradients of earlier batches, and {-learning rate, 1} with the weights
 * themselves as target is a step of gradient descent. If beta is 0 the target is not read, so its
 * old contents do not matter. */
typedef struct gradient_terms {
    float alpha, beta;
} gradient_terms;

/* The terms as arguments of a kernel (device/kernel.h). */
#define ARG_TERMS(terms) ARG_FLOAT((terms).alpha), ARG_FLOAT((terms).beta)

/* a / b, rounded up. */
static inline size_t divide_up(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

/* The number of elements, and of pixels (n * h * w). */
size_t tensor_size(tensor t);
size_t tensor_pixels(tensor t);
/* Bytes of device memory, in the device's precision. */
size_t tensor_bytes(const device *dev, tensor t);

/* Creates a tensor with its own buffer and undefined contents; tensor_release releases it. */
status tensor_create(device *dev, int n, int h, int w, int c, tensor *created, error *err);
void tensor_release(tensor *t);

/* The value that a device stores for an activation: rounded to nearest, ties to even. */
float tensor_stored(const device *dev, float value);
/* Blocking copies of tensor_size(t) floats, which are converted if the device stores another type.
 */
status tensor_write(device *dev, tensor t, const float *host, error *err);
status tensor_read(device *dev, tensor t, float *host, error *err);
