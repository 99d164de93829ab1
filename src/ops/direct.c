/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions computed from their definition, kernels/direct.cl: for every device, shape and
 * direction, without workspace. The quick choice uses it only if no other algorithm can run the
 * call. Otherwise it serves for measurements, for HCNN_CONV, and to check the other algorithms. */
#include "device/kernel.h"
#include "ops/convolution.h"

/* A work-item's tile: its pixels, and its channels on the side that is not a vector. */
typedef struct direct_tile {
    const char *name, *program;
    int pixels, channels;
} direct_tile;

#define TILE(pixels, channels)                                                                     \
    {                                                                                              \
#pixels "x" #channels, "direct -DPIXELS=" #pixels " -DCHANNELS=" #channels, pixels,        \
            channels                                                                               \
    }

/* The first is the default. */
static const direct_tile tiles[] = {TILE(4, 4), TILE(2, 4), TILE(8, 4)};

static const direct_tile *tile_of(const convolution_call *call)
{
    return &tiles[call->by.tile ? call->by.tile - 1 : 0];
}

/* The default tile is used as tile 0. It is not supported under its own number too, so that tuning
 * does not measure it twice. */
static bool supports(const device *dev, const convolution_call *call)
{
    (void)dev;
    return call->by.tile != 1 && call->by.tile <= direct_convolution.tile_count;
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

static launch_range range_of(const device *dev, const convolution_call *c)
{
    size_t pixels = (size_t)tile_of(c)->pixels, channels = (size_t)tile_of(c)->channels;
    size_t out = device_vectors(dev, (size_t)c->shape.cout);
    size_t in = divide_up((size_t)c->shape.cin, channels);
    switch (c->direction) {
    case CONVOLUTION_FORWARD:
        return range_of_tiles(dev, out, divide_up(tensor_pixels(c->y), pixels), 1);
    case CONVOLUTION_BACKWARD_DATA:
        return range_of_tiles(dev, in, divide_up(tensor_pixels(c->x), pixels), 1);
    default:
        return range_of_tiles(dev, out, in, convolution_products_of(c, 1).products);
    }
}

static status run(device *dev, const convolution_call *call, convolution_memory memory, error *err)
{
    static const char *const kernels[] = {"direct_forward", "direct_backward_data",
                                          "direct_backward_weights"};
    (void)memory;
    return LAUNCH(dev, tile_of(call)->program, kernels[call->direction], range_of(dev, call), err,
                  ARG_CONVOLUTION(call));
}

const convolution_algorithm direct_convolution = {.name = "direct",
                                                  .family = "direct",
                                                  TILE_TABLE(tiles),
                                                  .supports = supports,
                                                  .suits = suits,
                                                  .measure = measure,
                                                  .run = run,
                                                  .finishes = true};
