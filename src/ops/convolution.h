/* Square convolutions by im2col and a matrix product: the reference path, right for every shape.
 * 1x1 kernels have a path of their own, conv1x1.h.
 *
 * x[n][h][w][cin], y[n][oh][ow][cout]; the weights lie as [kernel][kernel][cin][cout], so that one
 * tap is a [cin][cout] matrix and all of them the [kernel * kernel * cin][cout] factor of the
 * product. */
#ifndef HCNN_OPS_CONVOLUTION_H
#define HCNN_OPS_CONVOLUTION_H

#include "ops/gemm.h"
#include "ops/tensor.h"

typedef struct convolution_shape {
    int cin, cout, kernel, stride, pad;
} convolution_shape;

/* Bytes of `cols` (the unrolled windows) and of `scratch` (the product's own) that the calls below
 * need for x's shape. With backward false, forward alone counts. */
status convolution_workspace(device *dev, const convolution_shape *shape, tensor x, bool backward,
                             size_t *cols_bytes, size_t *scratch_bytes, error *err);

/* y = x * weights. */
status convolution_forward(device *dev, const convolution_shape *shape, tensor x, cl_mem weights,
                           tensor y, cl_mem cols, cl_mem scratch, error *err);

/* dweights = the gradient by the weights. Taps that meet only padding are not written: their
 * gradient is zero, and stays what the caller zeroed once. */
status convolution_backward_weights(device *dev, const convolution_shape *shape, tensor x,
                                    tensor dy, cl_mem dweights, cl_mem cols, cl_mem scratch,
                                    error *err);

/* dx = (accumulate ? dx : 0) + the gradient by x. */
status convolution_backward_data(device *dev, const convolution_shape *shape, tensor dy,
                                 cl_mem weights, tensor dx, bool accumulate, cl_mem cols,
                                 cl_mem scratch, error *err);

#endif
