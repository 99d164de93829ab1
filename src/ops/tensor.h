/* What an operation works on: a piece of device memory and its shape. Activations are NHWC fp32; a
 * matrix is {rows, 1, 1, columns}. */
#ifndef HCNN_OPS_TENSOR_H
#define HCNN_OPS_TENSOR_H

#include "device/buffer.h"
#include "device/device.h"

typedef struct tensor {
    cl_mem buffer; /* floats from its start on */
    int n, h, w, c;
} tensor;

/* Elements, and pixels (n * h * w). */
size_t tensor_size(tensor t);
size_t tensor_pixels(tensor t);
bool tensor_same_shape(tensor a, tensor b);

/* A tensor with a buffer of its own; contents undefined. Released by tensor_release. */
status tensor_create(device *dev, int n, int h, int w, int c, tensor *created, error *err);
void tensor_release(tensor *t);

/* Blocking copies of tensor_size(t) floats. */
status tensor_write(device *dev, tensor t, const float *host, error *err);
status tensor_read(device *dev, tensor t, float *host, error *err);

#endif
