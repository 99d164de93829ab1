/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions straight from their definition, kernels/direct.cl: for every device, shape and
 * direction, without workspace. The quick choice has something faster everywhere; it is here to be
 * measured, to be forced and to check others with. */
#include "device/kernel.h"
#include "ops/convolution.h"

/* As in the kernel. */
enum { PIXELS = 4, CHANNELS = 4 };

static bool supports(const device *dev, const convolution_call *call)
{
    (void)dev;
    (void)call;
    return true;
}

static bool suits(const device *dev, const convolution_call *call)
{
    (void)dev;
    (void)call;
    return false;
}

static status measure(device *dev, const convolution_call *call, convolution_bytes *bytes,
                      error *err)
{
    (void)dev;
    (void)call;
    (void)err;
    *bytes = (convolution_bytes){0};
    return STATUS_OK;
}

/* Groups as the runtime likes on a GPU; of one item on a CPU, where an item fills a core and PoCL
 * compiles a kernel again for every size of group. */
static launch_range items(const device *dev, size_t x, size_t y, size_t z)
{
    size_t local = dev->info.type & CL_DEVICE_TYPE_CPU ? 1 : 0;
    return (launch_range){3, {x, y, z}, {local, local, local}};
}

static status forward(device *dev, const convolution_call *c, error *err)
{
    launch_range range =
        items(dev, device_vectors(dev, c->shape.cout), divide_up(tensor_pixels(c->y), PIXELS), 1);
    return LAUNCH(dev, "direct", "direct_forward", range, err, ARG_BUFFER(c->x.buffer),
                  ARG_BUFFER(c->weights), ARG_BUFFER(c->y.buffer), ARG_SHAPES(c), ARG_FINISH(c));
}

static status backward_data(device *dev, const convolution_call *c, error *err)
{
    launch_range range = items(dev, divide_up((size_t)c->shape.cin, CHANNELS),
                               divide_up(tensor_pixels(c->x), PIXELS), 1);
    return LAUNCH(dev, "direct", "direct_backward_data", range, err, ARG_BUFFER(c->y.buffer),
                  ARG_BUFFER(c->weights), ARG_BUFFER(c->x.buffer), ARG_SHAPES(c),
                  ARG_INT(c->accumulate));
}

static status backward_weights(device *dev, const convolution_call *c, error *err)
{
    launch_range range =
        items(dev, device_vectors(dev, c->shape.cout), divide_up((size_t)c->shape.cin, CHANNELS),
              (size_t)c->shape.kernel * (size_t)c->shape.kernel);
    return LAUNCH(dev, "direct", "direct_backward_weights", range, err, ARG_BUFFER(c->x.buffer),
                  ARG_BUFFER(c->y.buffer), ARG_BUFFER(c->weights), ARG_SHAPES(c),
                  ARG_TERMS(c->terms));
}

static status run(device *dev, const convolution_call *call, convolution_memory memory, error *err)
{
    (void)memory;
    switch (call->direction) {
    case CONVOLUTION_FORWARD:
        return forward(dev, call, err);
    case CONVOLUTION_BACKWARD_DATA:
        return backward_data(dev, call, err);
    default:
        return backward_weights(dev, call, err);
    }
}

const convolution_algorithm direct_convolution = {.name = "direct",
                                                  .family = "direct",
                                                  .supports = supports,
                                                  .suits = suits,
                                                  .measure = measure,
                                                  .run = run,
                                                  .finishes = true};
