/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions straight from their definition, kernels/direct.cl: for every device, shape and
 * direction, without workspace. The quick choice has something faster everywhere; it is here to be
 * measured, to be forced and to check others with. */
#include "device/kernel.h"
#include "ops/convolution.h"

/* What an item owns: this many rows of its tile, and columns of it, or rows, where these are not a
 * vector. */
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
enum { TILES = sizeof tiles / sizeof tiles[0] };

static const direct_tile *tile_of(const convolution_call *call)
{
    return &tiles[call->by.tile ? call->by.tile - 1 : 0];
}

static const char *tile_name(int tile)
{
    return tile <= TILES ? tiles[tile - 1].name : NULL;
}

/* The default by its name is the default: measured once. */
static bool supports(const device *dev, const convolution_call *call)
{
    (void)dev;
    return call->by.tile != 1 && call->by.tile <= TILES;
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
    const direct_tile *tile = tile_of(c);
    launch_range range = items(dev, device_vectors(dev, c->shape.cout),
                               divide_up(tensor_pixels(c->y), (size_t)tile->pixels), 1);
    return LAUNCH(dev, tile->program, "direct_forward", range, err, ARG_BUFFER(c->x.buffer),
                  ARG_BUFFER(c->weights), ARG_BUFFER(c->y.buffer), ARG_SHAPES(c), ARG_FINISH(c));
}

static status backward_data(device *dev, const convolution_call *c, error *err)
{
    const direct_tile *tile = tile_of(c);
    launch_range range = items(dev, divide_up((size_t)c->shape.cin, (size_t)tile->channels),
                               divide_up(tensor_pixels(c->x), (size_t)tile->pixels), 1);
    return LAUNCH(dev, tile->program, "direct_backward_data", range, err, ARG_BUFFER(c->y.buffer),
                  ARG_BUFFER(c->weights), ARG_BUFFER(c->x.buffer), ARG_SHAPES(c),
                  ARG_INT(c->accumulate));
}

static status backward_weights(device *dev, const convolution_call *c, error *err)
{
    const direct_tile *tile = tile_of(c);
    launch_range range = items(dev, device_vectors(dev, c->shape.cout),
                               divide_up((size_t)c->shape.cin, (size_t)tile->channels),
                               (size_t)c->shape.kernel * (size_t)c->shape.kernel);
    return LAUNCH(dev, tile->program, "direct_backward_weights", range, err,
                  ARG_BUFFER(c->x.buffer), ARG_BUFFER(c->y.buffer), ARG_BUFFER(c->weights),
                  ARG_SHAPES(c), ARG_TERMS(c->terms));
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
                                                  .tile_name = tile_name,
                                                  .supports = supports,
                                                  .suits = suits,
                                                  .measure = measure,
                                                  .run = run,
                                                  .finishes = true};
