/* 1x1 convolution without padding, straight as a matrix product over pixels: no im2col. A stride
 * gathers the pixels that count first. kernels/conv1x1.cl.
 *
 * x[n][h][w][cin], y[n][oh][ow][cout] with oh = (h - 1) / stride + 1; weights [cin][cout]. */
#ifndef HCNN_OPS_CONV1X1_H
#define HCNN_OPS_CONV1X1_H

#include "ops/convolution.h"

/* As convolution_workspace; the shape's kernel is 1 and pad 0. `cols` holds the gathered pixels and
 * needs nothing without a stride. */
status conv1x1_workspace(device *dev, const convolution_shape *shape, tensor x, bool backward,
                         size_t *cols_bytes, size_t *scratch_bytes, error *err);

status conv1x1_forward(device *dev, const convolution_shape *shape, tensor x, cl_mem weights,
                       tensor y, cl_mem cols, cl_mem scratch, error *err);
status conv1x1_backward_weights(device *dev, const convolution_shape *shape, tensor x, tensor dy,
                                cl_mem dweights, cl_mem cols, cl_mem scratch, error *err);
status conv1x1_backward_data(device *dev, const convolution_shape *shape, tensor dy, cl_mem weights,
                             tensor dx, bool accumulate, cl_mem cols, cl_mem scratch, error *err);

#endif
