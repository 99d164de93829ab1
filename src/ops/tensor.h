/* SPDX-License-Identifier: Apache-2.0 */
/* What an operation works on: a piece of device memory and its shape. Activations are NHWC, in the
 * device's precision; a matrix is {rows, 1, 1, columns}. */
#pragma once

#include "device/buffer.h"
#include "device/device.h"

typedef struct tensor {
    cl_mem buffer; /* elements from its start on: `real` of kernels/common.cl */
    int n, h, w, c;
} tensor;

/* What becomes of the gradient by weights: target = alpha * gradient + beta * target. {1, 0} stores
 * it, {1, 1} adds it to those of batches before, and {-learning rate, 1} with the weights
 * themselves as the target is a step of gradient descent. With a beta of 0 the target is not read,
 * so it may hold anything. */
typedef struct gradient_terms {
    float alpha, beta;
} gradient_terms;

/* As a kernel's arguments (device/kernel.h). */
#define ARG_TERMS(terms) ARG_FLOAT((terms).alpha), ARG_FLOAT((terms).beta)

/* How many pieces of `b` cover `a`. */
static inline size_t divide_up(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

/* Elements, and pixels (n * h * w). */
size_t tensor_size(tensor t);
size_t tensor_pixels(tensor t);
/* Of device memory. */
size_t tensor_bytes(const device *dev, tensor t);

/* A tensor with a buffer of its own; contents undefined. Released by tensor_release. */
status tensor_create(device *dev, int n, int h, int w, int c, tensor *created, error *err);
void tensor_release(tensor *t);

/* Blocking copies of tensor_size(t) floats, which are converted where the device keeps halves: to
 * the nearest, ties to even. */
status tensor_write(device *dev, tensor t, const float *host, error *err);
status tensor_read(device *dev, tensor t, float *host, error *err);
