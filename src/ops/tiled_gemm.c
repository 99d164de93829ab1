/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions as matrix products by work-groups that share local memory, kernels/tiled_gemm.cl:
 * what a GPU runs. */
#include "ops/tiled_gemm.h"
#include "device/kernel.h"

#define TILES(source)                                                                              \
    {                                                                                              \
        TILE(source, 1, 4, 0, 128, 64, 8, 8, 16), TILE(source, 1, 4, 0, 32, 32, 4, 4, 16),         \
            TILE(source, 1, 4, 0, 64, 64, 8, 8, 16), TILE(source, 1, 4, 0, 128, 128, 8, 8, 16)     \
    }

static const tile_shape plain[] = TILES("tiled_gemm");
/* For floats, whatever the device's precision. */
static const tile_shape floats[] = TILES("tiled_gemm:fp32");
static const tile_set plain_tiles = TILE_SET(plain), float_tiles = TILE_SET(floats);

enum {
    GROUPS_PER_UNIT = 4, /* so that a compute unit has work while some of its groups wait */
    CPU_ITEMS = 128,     /* most work-items in a group */
    PART_PIXELS = 256, /* least pixels in a part of a sum; smaller ones cost more than they gain */
};

/* Whether every work-item moves the same number of vectors of four floats if a factor's tile has
 * `lines` lines. */
static bool shared_evenly(const tile_shape *tile, int lines)
{
    return lines * tile->steps / 4 % tile->items == 0 && tile->items % (lines / 4) == 0;
}

/* A CPU runs the work-items of a group one after the other. A larger group gains nothing there, and
 * compiling it may take minutes. */
static size_t most_items(const device *dev)
{
    return dev->info.type & CL_DEVICE_TYPE_CPU ? CPU_ITEMS : dev->info.max_group_size;
}

bool tile_fits(const device *dev, const tile_shape *tile)
{
    return dev->info.max_group_size >= (size_t)tile->items &&
           most_items(dev) >= (size_t)tile->items &&
           dev->info.local_memory_bytes >= tile->local_bytes && tile->items >= tile->steps &&
           tile->items % (tile->steps / 4) == 0 && shared_evenly(tile, tile->rows) &&
           shared_evenly(tile, tile->columns);
}

static launch_range groups_of(const tile_shape *tile, convolution_extent e, size_t parts)
{
    size_t items = (size_t)tile->items;
    return (launch_range){3,
                          {divide_up(e.columns, (size_t)tile->columns) * items,
                           divide_up(e.rows, (size_t)tile->rows), e.products * parts},
                          {items, 1, 1},
                          false};
}

static size_t count_groups(const tile_shape *tile, convolution_extent e)
{
    launch_range r = groups_of(tile, e, 1);
    return r.global[0] / r.local[0] * r.global[1] * r.global[2];
}

static size_t wanted_groups(const device *dev)
{
    return GROUPS_PER_UNIT * (size_t)dev->info.compute_units;
}

/* The largest number of parts into which the sums of a call may be cut. */
static size_t most_parts(const convolution_call *call)
{
    bool weights = call->direction == CONVOLUTION_BACKWARD_WEIGHTS;
    return weights ? divide_up(tensor_pixels(call->y), PART_PIXELS) : 1;
}

static int parts_of(const device *dev, const tile_shape *tile, const convolution_call *call,
                    convolution_extent e)
{
    size_t wanted = divide_up(wanted_groups(dev), count_groups(tile, e)), most = most_parts(call);
    return (int)(wanted < most ? wanted : most);
}

status tile_run(device *dev, const tile_shape *tile, const convolution_call *call, int batch,
                cl_mem parts, error *err)
{
    static const char *const kernels[] = {"tiled_gemm_forward", "tiled_gemm_backward_data",
                                          "tiled_gemm_backward_weights"};
    convolution_extent e = convolution_products_of(call, batch);
    convolution_call first = *call; /* the call that the products run */
    int count = parts_of(dev, tile, call, e);
    if (count > 1) {
        first.weights = parts;
        first.terms = (gradient_terms){1, 0};
    }
    TRY(LAUNCH(dev, tile->program, kernels[call->direction], groups_of(tile, e, (size_t)count), err,
               ARG_CONVOLUTION(&first), ARG_INT(count)));
    if (count == 1)
        return STATUS_OK;
    size_t weights = e.products * e.rows * e.columns;
    return LAUNCH(dev, tile->program, "tiled_gemm_add_parts", range_1d(weights), err,
                  ARG_CONVOLUTION(call), ARG_INT(count), ARG_BUFFER(parts), ARG_ULONG(weights));
}

/* The tile that the call asks for. If it asks for none: the large tile, unless it would be mostly
 * empty or there would be too few of them. */
static const tile_shape *choose_tile(const device *dev, const tile_set *tiles,
                                     const convolution_call *call, int batch)
{
    const tile_shape *large = &tiles->tiles[TILE_LARGE];
    if (call->by.tile)
        return &tiles->tiles[call->by.tile - 1];
    convolution_extent e = convolution_products_of(call, batch);
    bool filled = 2 * e.rows > (size_t)large->rows && 2 * e.columns > (size_t)large->columns;
    bool enough = count_groups(large, e) * most_parts(call) >= wanted_groups(dev);
    return filled && enough && tile_fits(dev, large) ? large : &tiles->tiles[TILE_SMALL];
}

bool tile_set_supports(const device *dev, const tile_set *tiles, const convolution_call *call)
{
    int tile = call->by.tile;
    if (tile == 0)
        return tile_fits(dev, &tiles->tiles[TILE_SMALL]);
    const convolution_call plain_call = convolution_by((convolution_choice){0}, call);
    return tile <= tiles->count && tile_fits(dev, &tiles->tiles[tile - 1]) &&
           &tiles->tiles[tile - 1] != choose_tile(dev, tiles, &plain_call, 1);
}

static int count_parts(const device *dev, const tile_set *tiles, const convolution_call *call,
                       int batch)
{
    return parts_of(dev, choose_tile(dev, tiles, call, batch), call,
                    convolution_products_of(call, batch));
}

status tile_set_run(device *dev, const tile_set *tiles, const convolution_call *call, int batch,
                    cl_mem parts, error *err)
{
    return tile_run(dev, choose_tile(dev, tiles, call, batch), call, batch, parts, err);
}

convolution_bytes tile_set_bytes(const device *dev, const tile_set *tiles,
                                 const convolution_call *call)
{
    size_t parts = (size_t)count_parts(dev, tiles, call, 1);
    size_t whole = convolution_weights(&call->shape) * sizeof(float);
    return (convolution_bytes){.scratch = parts > 1 ? parts * whole : 0};
}

int tiled_gemm_parts(const device *dev, const convolution_call *call, int batch)
{
    return count_parts(dev, &plain_tiles, call, batch);
}

status tiled_gemm_batch(device *dev, const convolution_call *call, int batch, cl_mem parts,
                        error *err)
{
    bool small = precision_is_small(dev->precision);
    return tile_set_run(dev, small ? &float_tiles : &plain_tiles, call, batch, parts, err);
}

static bool supports(const device *dev, const convolution_call *call)
{
    return tile_set_supports(dev, &plain_tiles, call);
}

/* Not on a CPU: it runs the work-items of a group one after the other, and its local memory is
 * ordinary memory. */
static bool suits(const device *dev, const convolution_call *call)
{
    (void)call;
    return !(dev->info.type & CL_DEVICE_TYPE_CPU);
}

static status measure(device *dev, const convolution_call *call, convolution_bytes *bytes,
                      error *err)
{
    (void)err;
    *bytes = tile_set_bytes(dev, &plain_tiles, call);
    return STATUS_OK;
}

static status run(device *dev, const convolution_call *call, convolution_memory memory, error *err)
{
    return tile_set_run(dev, &plain_tiles, call, 1, memory.scratch, err);
}

const convolution_algorithm tiled_gemm = {.name = "tiled_gemm",
                                          .family = "gemm",
                                          TILE_TABLE(plain),
                                          .supports = supports,
                                          .suits = suits,
                                          .measure = measure,
                                          .run = run,
                                          .finishes = true};
