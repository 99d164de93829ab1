/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes and their device memory; see tensor.h. */
#include "ops/tensor.h"
#include "base/half.h"

#include <stdlib.h>

size_t tensor_pixels(tensor t)
{
    return (size_t)t.n * (size_t)t.h * (size_t)t.w;
}

size_t tensor_size(tensor t)
{
    return tensor_pixels(t) * (size_t)t.c;
}

size_t tensor_bytes(const device *dev, tensor t)
{
    return tensor_size(t) * device_real_bytes(dev);
}

status tensor_create(device *dev, int n, int h, int w, int c, tensor *created, error *err)
{
    *created = (tensor){NULL, n, h, w, c};
    return buffer_create(dev, tensor_bytes(dev, *created), &created->buffer, err);
}

void tensor_release(tensor *t)
{
    buffer_release(&t->buffer);
}

static status write_halves(device *dev, tensor t, const float *host, error *err)
{
    size_t count = tensor_size(t);
    uint16_t *halves = malloc(count * sizeof *halves);
    TRY(got_memory(halves, err, "a tensor on its way to the device"));
    for (size_t i = 0; i < count; i++)
        halves[i] = half_from_float(host[i]);
    status result = buffer_write(dev, t.buffer, 0, halves, count * sizeof *halves, err);
    free(halves);
    return result;
}

static status read_halves(device *dev, tensor t, float *host, error *err)
{
    size_t count = tensor_size(t);
    uint16_t *halves = malloc(count * sizeof *halves);
    TRY(got_memory(halves, err, "a tensor on its way from the device"));
    status result = buffer_read(dev, t.buffer, 0, halves, count * sizeof *halves, err);
    for (size_t i = 0; i < count && result == STATUS_OK; i++)
        host[i] = half_to_float(halves[i]);
    free(halves);
    return result;
}

status tensor_write(device *dev, tensor t, const float *host, error *err)
{
    if (dev->precision == PRECISION_FP16)
        return write_halves(dev, t, host, err);
    return buffer_write(dev, t.buffer, 0, host, tensor_size(t) * sizeof(float), err);
}

status tensor_read(device *dev, tensor t, float *host, error *err)
{
    if (dev->precision == PRECISION_FP16)
        return read_halves(dev, t, host, err);
    return buffer_read(dev, t.buffer, 0, host, tensor_size(t) * sizeof(float), err);
}
