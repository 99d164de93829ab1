/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes and their device memory; see tensor.h. */
#include "ops/tensor.h"
#include "base/bfloat16.h"
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

static uint16_t rounded(const device *dev, float value)
{
    return dev->precision == PRECISION_BF16 ? bfloat16_from_float(value) : half_from_float(value);
}

static float widened(const device *dev, uint16_t value)
{
    return dev->precision == PRECISION_BF16 ? bfloat16_to_float(value) : half_to_float(value);
}

float tensor_stored(const device *dev, float value)
{
    return precision_is_small(dev->precision) ? widened(dev, rounded(dev, value)) : value;
}

static status write_small(device *dev, tensor t, const float *host, error *err)
{
    size_t count = tensor_size(t);
    uint16_t *small = malloc(count * sizeof *small);
    TRY(got_memory(small, err, "a tensor on its way to the device"));
    for (size_t i = 0; i < count; i++)
        small[i] = rounded(dev, host[i]);
    status result = buffer_write(dev, t.buffer, 0, small, count * sizeof *small, err);
    free(small);
    return result;
}

static status read_small(device *dev, tensor t, float *host, error *err)
{
    size_t count = tensor_size(t);
    uint16_t *small = malloc(count * sizeof *small);
    TRY(got_memory(small, err, "a tensor on its way from the device"));
    status result = buffer_read(dev, t.buffer, 0, small, count * sizeof *small, err);
    for (size_t i = 0; i < count && result == STATUS_OK; i++)
        host[i] = widened(dev, small[i]);
    free(small);
    return result;
}

status tensor_write(device *dev, tensor t, const float *host, error *err)
{
    if (precision_is_small(dev->precision))
        return write_small(dev, t, host, err);
    return buffer_write(dev, t.buffer, 0, host, tensor_size(t) * sizeof(float), err);
}

status tensor_read(device *dev, tensor t, float *host, error *err)
{
    if (precision_is_small(dev->precision))
        return read_small(dev, t, host, err);
    return buffer_read(dev, t.buffer, 0, host, tensor_size(t) * sizeof(float), err);
}
