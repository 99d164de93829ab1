/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions as matrix products by groups of work-items around local memory,
 * kernels/tiled_gemm.cl: what a GPU runs. */
#include "ops/tiled_gemm.h"
#include "device/kernel.h"

/* Rows and columns of a group's tile and of an item's share of it, and steps of the sum. In local
 * memory are a step's rows and columns, with four floats behind each, and two pixels. */
#define TILE(source, rows_, columns_, item_rows, item_columns, steps_)                             \
    {                                                                                              \
        .name = #rows_ "x" #columns_ "x" #item_rows "x" #item_columns "x" #steps_,                 \
        .program =                                                                                 \
            source " -DTILE_ROWS=" #rows_ " -DTILE_COLUMNS=" #columns_ " -DITEM_ROWS=" #item_rows  \
                   " -DITEM_COLUMNS=" #item_columns " -DTILE_STEPS=" #steps_,                      \
        .rows = (rows_), .columns = (columns_), .steps = (steps_),                                 \
        .items = (rows_) / (item_rows) * ((columns_) / (item_columns)),                            \
        .local_bytes = sizeof(float) * (steps_) * ((rows_) + 4 + (columns_) + 4 + 2)               \
    }
#define TILES(source)                                                                              \
    {                                                                                              \
        TILE(source, 128, 64, 8, 8, 16), TILE(source, 32, 32, 4, 4, 16),                           \
            TILE(source, 64, 64, 8, 8, 16), TILE(source, 128, 128, 8, 8, 16)                       \
    }

static const tile_shape plain[] = TILES("tiled_gemm");
/* On floats, whatever activations are stored as. */
static const tile_shape floats[] = TILES("tiled_gemm:fp32");
static const tile_set plain_tiles = {plain, sizeof plain / sizeof plain[0]};
static const tile_set float_tiles = {floats, sizeof floats / sizeof floats[0]};

enum {
    GROUPS_PER_UNIT = 4, /* so that a compute unit has work while some of its groups wait */
    CPU_ITEMS = 128,     /* of a group */
    PART_PIXELS = 256,   /* of a sum, at least: below that the parts' traffic outweighs the gain */
};

/* Of `lines` of a factor, four floats at a time: an item moves as many as any other. */
static bool shared_evenly(const tile_shape *tile, int lines)
{
    return lines * tile->steps / 4 % tile->items == 0 && tile->items % (lines / 4) == 0;
}

/* A CPU runs the items of a group one after the other: a larger group has no use there, and its
 * compiler may take minutes for one. */
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

const char *tile_set_name(const tile_set *tiles, int tile)
{
    return tile <= tiles->count ? tiles->tiles[tile - 1].name : NULL;
}

bool tile_set_supports(const device *dev, const tile_set *tiles, const convolution_call *call)
{
    int tile = call->by.tile;
    return tile <= tiles->count && tile_fits(dev, &tiles->tiles[tile ? tile - 1 : TILE_SMALL]);
}

/* The matrix products that make a call. */
typedef struct extent {
    size_t rows, columns;
    size_t products;   /* that run at the same time */
    size_t most_parts; /* into which their sums may be cut */
} extent;

static extent extent_of(const convolution_call *c, int batch)
{
    size_t n = (size_t)batch, stride = (size_t)c->shape.stride;
    size_t taps = (size_t)c->shape.kernel * (size_t)c->shape.kernel;
    size_t cin = (size_t)c->shape.cin, cout = (size_t)c->shape.cout;
    switch (c->direction) {
    case CONVOLUTION_FORWARD:
        return (extent){tensor_pixels(c->y), cout, n, 1};
    case CONVOLUTION_BACKWARD_DATA: /* a product for each class of pixels that meet the same taps */
        return (extent){(size_t)c->x.n * divide_up((size_t)c->x.h, stride) *
                            divide_up((size_t)c->x.w, stride),
                        cin, n * stride * stride, 1};
    default:
        return (extent){cin, cout, n * taps, divide_up(tensor_pixels(c->y), PART_PIXELS)};
    }
}

static launch_range groups_of(const tile_shape *tile, extent e, size_t parts)
{
    size_t items = (size_t)tile->items;
    return (launch_range){3,
                          {divide_up(e.columns, (size_t)tile->columns) * items,
                           divide_up(e.rows, (size_t)tile->rows), e.products * parts},
                          {items, 1, 1}};
}

static size_t count_groups(const tile_shape *tile, extent e)
{
    launch_range r = groups_of(tile, e, 1);
    return r.global[0] / r.local[0] * r.global[1] * r.global[2];
}

static size_t wanted_groups(const device *dev)
{
    return GROUPS_PER_UNIT * (size_t)dev->info.compute_units;
}

static int parts_of(const device *dev, const tile_shape *tile, const convolution_call *call,
                    int batch)
{
    extent e = extent_of(call, batch);
    size_t wanted = divide_up(wanted_groups(dev), count_groups(tile, e));
    return (int)(wanted < e.most_parts ? wanted : e.most_parts);
}

static status backward_weights(device *dev, const tile_shape *tile, const convolution_call *c,
                               int batch, cl_mem parts, error *err)
{
    extent e = extent_of(c, batch);
    int count = parts_of(dev, tile, c, batch);
    bool whole = count == 1;
    gradient_terms terms = whole ? c->terms : (gradient_terms){1, 0};
    TRY(LAUNCH(dev, tile->program, "tiled_gemm_backward_weights", groups_of(tile, e, (size_t)count),
               err, ARG_BUFFER(c->x.buffer), ARG_BUFFER(c->y.buffer),
               ARG_BUFFER(whole ? c->weights : parts), ARG_SHAPES(c), ARG_INT(count),
               ARG_TERMS(terms)));
    if (whole)
        return STATUS_OK;
    size_t weights = e.products * e.rows * e.columns;
    return LAUNCH(dev, tile->program, "tiled_gemm_add_parts",
                  RANGE_GROUPS(weights, (size_t)tile->items), err, ARG_BUFFER(parts),
                  ARG_BUFFER(c->weights), ARG_SHAPES(c), ARG_ULONG(weights), ARG_INT(count),
                  ARG_TERMS(c->terms));
}

status tile_run(device *dev, const tile_shape *tile, const convolution_call *c, int batch,
                cl_mem parts, error *err)
{
    launch_range groups = groups_of(tile, extent_of(c, batch), 1);
    switch (c->direction) {
    case CONVOLUTION_FORWARD:
        return LAUNCH(dev, tile->program, "tiled_gemm_forward", groups, err,
                      ARG_BUFFER(c->x.buffer), ARG_BUFFER(c->weights), ARG_BUFFER(c->y.buffer),
                      ARG_SHAPES(c), ARG_FINISH(c));
    case CONVOLUTION_BACKWARD_DATA:
        return LAUNCH(dev, tile->program, "tiled_gemm_backward_data", groups, err,
                      ARG_BUFFER(c->y.buffer), ARG_BUFFER(c->weights), ARG_BUFFER(c->x.buffer),
                      ARG_SHAPES(c), ARG_INT(c->accumulate));
    default:
        return backward_weights(dev, tile, c, batch, parts, err);
    }
}

/* The tile that the call asks for; else a large one, unless these would be mostly empty, or too
 * few.
 */
static const tile_shape *choose_tile(const device *dev, const tile_set *tiles,
                                     const convolution_call *call, int batch)
{
    const tile_shape *large = &tiles->tiles[TILE_LARGE];
    if (call->by.tile)
        return &tiles->tiles[call->by.tile - 1];
    extent e = extent_of(call, batch);
    bool filled = 2 * e.rows > (size_t)large->rows && 2 * e.columns > (size_t)large->columns;
    bool enough = count_groups(large, e) * e.most_parts >= wanted_groups(dev);
    return filled && enough && tile_fits(dev, large) ? large : &tiles->tiles[TILE_SMALL];
}

int tile_set_parts(const device *dev, const tile_set *tiles, const convolution_call *call,
                   int batch)
{
    return parts_of(dev, choose_tile(dev, tiles, call, batch), call, batch);
}

status tile_set_run(device *dev, const tile_set *tiles, const convolution_call *call, int batch,
                    cl_mem parts, error *err)
{
    return tile_run(dev, choose_tile(dev, tiles, call, batch), call, batch, parts, err);
}

convolution_bytes tile_set_bytes(const device *dev, const tile_set *tiles,
                                 const convolution_call *call)
{
    const convolution_shape *s = &call->shape;
    size_t weights = (size_t)(s->kernel * s->kernel) * (size_t)s->cin * (size_t)s->cout;
    size_t parts = (size_t)tile_set_parts(dev, tiles, call, 1);
    return (convolution_bytes){.scratch = parts > 1 ? parts * weights * sizeof(float) : 0};
}

int tiled_gemm_parts(const device *dev, const convolution_call *call, int batch)
{
    return tile_set_parts(dev, &plain_tiles, call, batch);
}

status tiled_gemm_batch(device *dev, const convolution_call *call, int batch, cl_mem parts,
                        error *err)
{
    bool half = dev->precision == PRECISION_FP16;
    return tile_set_run(dev, half ? &float_tiles : &plain_tiles, call, batch, parts, err);
}

static const char *tile_name(int tile)
{
    return tile_set_name(&plain_tiles, tile);
}

static bool supports(const device *dev, const convolution_call *call)
{
    return tile_set_supports(dev, &plain_tiles, call);
}

/* A CPU runs the items of a group one after the other, and its local memory is memory. */
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
                                          .tile_name = tile_name,
                                          .supports = supports,
                                          .suits = suits,
                                          .measure = measure,
                                          .run = run,
                                          .finishes = true};
