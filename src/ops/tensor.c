/* Shapes and the device memory behind them; see tensor.h. */
#include "ops/tensor.h"

size_t tensor_pixels(tensor t)
{
    return (size_t)t.n * (size_t)t.h * (size_t)t.w;
}

size_t tensor_size(tensor t)
{
    return tensor_pixels(t) * (size_t)t.c;
}

bool tensor_same_shape(tensor a, tensor b)
{
    return a.n == b.n && a.h == b.h && a.w == b.w && a.c == b.c;
}

status tensor_create(device *dev, int n, int h, int w, int c, tensor *created, error *err)
{
    *created = (tensor){NULL, n, h, w, c};
    return buffer_create(dev, tensor_size(*created) * sizeof(float), &created->buffer, err);
}

void tensor_release(tensor *t)
{
    buffer_release(&t->buffer);
}

status tensor_write(device *dev, tensor t, const float *host, error *err)
{
    return buffer_write(dev, t.buffer, 0, host, tensor_size(t) * sizeof(float), err);
}

status tensor_read(device *dev, tensor t, float *host, error *err)
{
    return buffer_read(dev, t.buffer, 0, host, tensor_size(t) * sizeof(float), err);
}
