/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions whose matrices are gathered while they are multiplied; kernels/implicit_gemm.cl,
 * which is made for devices that run one work-item on one core. */
#include "ops/implicit_gemm.h"
#include "device/kernel.h"
#include "ops/batchnorm.h"

enum { COLUMN_VECTORS = 2 }; /* of a tile */

/* A register tile, the steps of the sum that it takes at a time, and the most that makes a block:
 * tiles one below the other and panels of them side by side. */
typedef struct register_tile {
    const char *name, *program, *float_program;
    int rows, chunk, tiles, panels;
} register_tile;

#define DEFINITIONS(rows, chunk, tiles, panels)                                                    \
    " -DROWS=" #rows " -DCHUNK=" #chunk " -DMAX_TILES=" #tiles " -DMAX_PANELS=" #panels
#define TILE(rows, chunk, tiles, panels)                                                           \
    {                                                                                              \
#rows "x" #chunk "x" #tiles "x" #panels,                                                   \
            "implicit_gemm" DEFINITIONS(rows, chunk, tiles, panels),                               \
            "implicit_gemm:fp32" DEFINITIONS(rows, chunk, tiles, panels), rows, chunk, tiles,      \
            panels                                                                                 \
    }

/* Eight rows are a divisor of usual batches and maps, where twelve leave more over. */
static const register_tile tiles[] = {TILE(8, 256, 18, 8), TILE(6, 256, 18, 8),
                                      TILE(12, 256, 12, 8), TILE(4, 256, 24, 8)};
enum { TILES = sizeof tiles / sizeof tiles[0], DEFAULT_WIDE = 1, DEFAULT_NARROW = 2 };

static int default_tile(const device *dev)
{
    return dev->vec == 16 ? DEFAULT_WIDE : DEFAULT_NARROW;
}

static const register_tile *tile_of(const device *dev, const convolution_call *call)
{
    return &tiles[(call->by.tile ? call->by.tile : default_tile(dev)) - 1];
}

static const char *tile_name(int tile)
{
    return tile <= TILES ? tiles[tile - 1].name : NULL;
}

/* Whether the sums fit the vector registers, of which AVX-512 has 32 and what is narrower 16,
 * beside a vector pair of one factor and one of the other; and fill half of them. */
static bool fits_registers(const device *dev, const register_tile *tile)
{
    int registers = dev->vec == 16 ? 32 : 16, sums = COLUMN_VECTORS * tile->rows;
    return sums + COLUMN_VECTORS + 1 <= registers && 2 * sums >= registers;
}

/* The default by its name is the default: measured once. */
static bool supports(const device *dev, const convolution_call *call)
{
    int tile = call->by.tile;
    return dev->info.type & CL_DEVICE_TYPE_CPU &&
           (tile == 0 ||
            (tile <= TILES && tile != default_tile(dev) && fits_registers(dev, &tiles[tile - 1])));
}

/* Whether a gradient by weights may be a sum of several chunks. */
static bool has_chunks(const device *dev, const convolution_call *call)
{
    return call->direction == CONVOLUTION_BACKWARD_WEIGHTS &&
           tensor_pixels(call->y) > (size_t)tile_of(dev, call)->chunk;
}

/* The most sums that a call, or one for fewer images, makes: one for each tile; and room for a
 * gradient by weights whose chunks are not whole yet. */
static status measure(device *dev, const convolution_call *call, convolution_bytes *bytes,
                      error *err)
{
    (void)err;
    const convolution_shape *s = &call->shape;
    size_t tiles = divide_up(tensor_pixels(call->y), (size_t)tile_of(dev, call)->rows);
    size_t weights = (size_t)(s->kernel * s->kernel) * (size_t)s->cin * (size_t)s->cout;
    *bytes = (convolution_bytes){.sums = batchnorm_sums_bytes(tiles, s->cout),
                                 .scratch = has_chunks(dev, call) ? weights * sizeof(float) : 0};
    return STATUS_OK;
}

/* Tiles of a block and blocks of the result. */
typedef struct blocking {
    size_t tiles, panels, rows, columns;
} blocking;

/* Blocks as large as they may be, since a factor's chunk is copied once per block, but enough of
 * them that every core has `share`. `repeats` blocks of each place run at the same time. */
static blocking block(const device *dev, const register_tile *tile, size_t rows, size_t columns,
                      size_t repeats, size_t share)
{
    const size_t wanted = share * (size_t)dev->info.compute_units;
    size_t row_tiles = divide_up(rows, (size_t)tile->rows);
    size_t column_tiles = divide_up(columns, COLUMN_VECTORS * (size_t)dev->vec);
    blocking b = {(size_t)tile->tiles, (size_t)tile->panels, 0, 0};
    for (;;) {
        /* The same number of blocks, evenly filled. */
        b.rows = divide_up(row_tiles, b.tiles);
        b.columns = divide_up(column_tiles, b.panels);
        b.tiles = divide_up(row_tiles, b.rows);
        b.panels = divide_up(column_tiles, b.columns);
        if (b.rows * b.columns * repeats >= wanted || (b.panels == 1 && b.tiles == 1))
            return b;
        if (b.panels > 1)
            b.panels = divide_up(b.panels, 2);
        else
            b.tiles = divide_up(b.tiles, 2);
    }
}

static launch_range blocks(const blocking *b, size_t classes, size_t repeats)
{
    return (launch_range){3, {b->rows * classes, b->columns, repeats}, {1, 1, 1}};
}

/* A few blocks for each core, since they differ in the taps that they leave out. */
enum { SHARE = 4 };

static blocking block_forward(const device *dev, const convolution_call *c, size_t batch)
{
    return block(dev, tile_of(dev, c), tensor_pixels(c->y), (size_t)c->shape.cout, batch, SHARE);
}

static status forward(device *dev, const char *program, const convolution_call *c, size_t batch,
                      error *err)
{
    blocking b = block_forward(dev, c, batch);
    return LAUNCH(dev, program, "implicit_gemm_forward", blocks(&b, 1, batch), err,
                  ARG_BUFFER(c->x.buffer), ARG_BUFFER(c->weights), ARG_BUFFER(c->y.buffer),
                  ARG_SHAPES(c), ARG_INT(b.tiles), ARG_INT(b.panels), ARG_FINISH(c),
                  ARG_BUFFER(c->sums));
}

static status backward_data(device *dev, const char *program, const convolution_call *c,
                            size_t batch, error *err)
{
    int stride = c->shape.stride;
    size_t classes = (size_t)stride * (size_t)stride;
    size_t rows = (size_t)c->x.n * divide_up((size_t)c->x.h, (size_t)stride) *
                  divide_up((size_t)c->x.w, (size_t)stride);
    blocking b = block(dev, tile_of(dev, c), rows, (size_t)c->shape.cin, classes * batch, SHARE);
    return LAUNCH(dev, program, "implicit_gemm_backward_data", blocks(&b, classes, batch), err,
                  ARG_BUFFER(c->y.buffer), ARG_BUFFER(c->weights), ARG_BUFFER(c->x.buffer),
                  ARG_SHAPES(c), ARG_INT(b.tiles), ARG_INT(b.panels), ARG_INT(c->accumulate));
}

/* Blocks are alike and long here, and each reads its rows of x and columns of dy from memory: one
 * for each core. */
static status backward_weights(device *dev, const char *program, const convolution_call *c,
                               size_t batch, cl_mem scratch, error *err)
{
    bool apart = has_chunks(dev, c) && (c->terms.alpha != 1 || c->terms.beta != 0);
    size_t taps = (size_t)(c->shape.kernel * c->shape.kernel) * batch;
    blocking b = block(dev, tile_of(dev, c), (size_t)c->shape.cin, (size_t)c->shape.cout, taps, 1);
    return LAUNCH(dev, program, "implicit_gemm_backward_weights", blocks(&b, 1, taps), err,
                  ARG_BUFFER(c->x.buffer), ARG_BUFFER(c->y.buffer), ARG_BUFFER(c->weights),
                  ARG_BUFFER(apart ? scratch : c->weights), ARG_SHAPES(c), ARG_INT(b.tiles),
                  ARG_INT(b.panels), ARG_TERMS(c->terms));
}

static size_t sum_runs(const device *dev, const convolution_call *call)
{
    return block_forward(dev, call, 1).rows;
}

static status run_batch(device *dev, const char *program, const convolution_call *call,
                        size_t batch, cl_mem scratch, error *err)
{
    switch (call->direction) {
    case CONVOLUTION_FORWARD:
        return forward(dev, program, call, batch, err);
    case CONVOLUTION_BACKWARD_DATA:
        return backward_data(dev, program, call, batch, err);
    default:
        return backward_weights(dev, program, call, batch, scratch, err);
    }
}

status implicit_gemm_batch(device *dev, const convolution_call *call, int batch, error *err)
{
    const register_tile *tile = tile_of(dev, call);
    bool half = dev->precision == PRECISION_FP16;
    return run_batch(dev, half ? tile->float_program : tile->program, call, (size_t)batch, NULL,
                     err);
}

static status run(device *dev, const convolution_call *call, convolution_memory memory, error *err)
{
    return run_batch(dev, tile_of(dev, call)->program, call, 1, memory.scratch, err);
}

const convolution_algorithm implicit_gemm = {.name = "implicit_gemm",
                                             .family = "gemm",
                                             .tile_name = tile_name,
                                             .supports = supports,
                                             .measure = measure,
                                             .run = run,
                                             .finishes = true,
                                             .sum_runs = sum_runs};
