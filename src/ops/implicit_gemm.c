/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions whose matrices are gathered during the multiplication, kernels/implicit_gemm.cl; for
 * devices that run one work-item on one core. */
#include "ops/implicit_gemm.h"
#include "device/kernel.h"
#include "device/matrix_unit.h"
#include "ops/batchnorm.h"

enum { COLUMN_VECTORS = 2 }; /* vectors in a row of a tile */

/* A register tile: its rows, the steps of the sum at a time, and the size of the largest block in
 * tiles, one below the other, and panels, side by side. */
typedef struct register_tile {
    const char *name, *program;
    const char *float_program;      /* of floats only */
    const char *factor_program;     /* activations to floats */
    int rows, chunk, tiles, panels; /* chunk: in lanes */
} register_tile;

#define DEFINITIONS(rows, chunk, tiles, panels)                                                    \
    " -DROWS=" #rows " -DCHUNK=" #chunk " -DMAX_TILES=" #tiles " -DMAX_PANELS=" #panels
#define TILE(rows, chunk, tiles, panels)                                                           \
    {                                                                                              \
#rows "x" #chunk "x" #tiles "x" #panels,                                                   \
            "implicit_gemm" DEFINITIONS(rows, chunk, tiles, panels),                               \
            "implicit_gemm:fp32" DEFINITIONS(rows, chunk, tiles, panels),                          \
            "implicit_gemm -DFLOAT_RESULTS" DEFINITIONS(rows, chunk, tiles, panels), rows, chunk,  \
            tiles, panels                                                                          \
    }

/* Eight rows divide the usual numbers of images and pixels; twelve leave a larger remainder. */
static const register_tile tiles[] = {TILE(8, 256, 18, 8), TILE(6, 256, 18, 8),
                                      TILE(12, 256, 12, 8), TILE(4, 256, 24, 8),
                                      TILE(32, 128, 8, 16)};
enum { DEFAULT_WIDE = 1, DEFAULT_NARROW = 2, DEFAULT_SQUARE = 5 };

static int default_tile(const device *dev)
{
    return dev->unit->rows ? DEFAULT_SQUARE : dev->vec == 16 ? DEFAULT_WIDE : DEFAULT_NARROW;
}

static const register_tile *tile_of(const device *dev, const convolution_call *call)
{
    return &tiles[(call->by.tile ? call->by.tile : default_tile(dev)) - 1];
}

/* Whether the sums fit the vector registers together with a pair of vectors of one factor and one
 * vector of the other, and fill at least half of them. AVX-512 has 32 registers, narrower
 * instruction sets 16. */
static bool fits_registers(const device *dev, const register_tile *tile)
{
    int registers = dev->vec == 16 ? 32 : 16, sums = COLUMN_VECTORS * tile->rows;
    if (dev->unit->rows)
        return tile->rows == dev->unit->rows;
    return sums + COLUMN_VECTORS + 1 <= registers && 2 * sums >= registers;
}

/* The default tile is used as tile 0. It is not supported under its own number too, so that tuning
 * does not measure it twice. */
static bool supports(const device *dev, const convolution_call *call)
{
    int tile = call->by.tile;
    return dev->info.type & CL_DEVICE_TYPE_CPU &&
           (tile == 0 || (tile <= implicit_gemm.tile_count && tile != default_tile(dev) &&
                          fits_registers(dev, &tiles[tile - 1])));
}

/* Steps of the sum in a lane of the factors; see kernels/matrix_unit.cl. */
static size_t steps_of(const device *dev)
{
    return (size_t)dev->unit->steps;
}

/* Whether the call is a weight gradient that may be a sum of several chunks, which have half the
 * length of others. */
static bool has_chunks(const device *dev, const convolution_call *call)
{
    return call->direction == CONVOLUTION_BACKWARD_WEIGHTS &&
           tensor_pixels(call->y) > (size_t)tile_of(dev, call)->chunk / 2 * steps_of(dev);
}

/* The pixels of x that are multiplied as one tap. If there are few channels, these are all of a
 * window's row, which are contiguous in memory: three channels do not fill a vector. */
static size_t run_of_pixels(const device *dev, const convolution_call *call)
{
    const convolution_shape *s = &call->shape;
    bool few = s->cin < dev->vec && s->kernel > 1 && 2 * s->pad < s->kernel;
    return call->direction == CONVOLUTION_FORWARD && few ? (size_t)s->kernel : 1;
}

/* Of a forward pass or a data gradient: the source's channels in one tap, and the target's. */
static size_t source_channels(const device *dev, const convolution_call *call)
{
    bool back = call->direction == CONVOLUTION_BACKWARD_DATA;
    return run_of_pixels(dev, call) * (size_t)(back ? call->shape.cout : call->shape.cin);
}

static size_t target_channels(const convolution_call *call)
{
    bool back = call->direction == CONVOLUTION_BACKWARD_DATA;
    return (size_t)(back ? call->shape.cin : call->shape.cout);
}

static size_t taps_of(const device *dev, const convolution_call *call)
{
    size_t all = (size_t)call->shape.kernel * (size_t)call->shape.kernel;
    return all / run_of_pixels(dev, call);
}

/* The tiles and panels of a block, and the rows and columns of blocks in the result. */
typedef struct blocking {
    size_t tiles, panels, rows, columns;
} blocking;

/* Several blocks per core, because they differ in the taps that they skip. The blocks of a weight
 * gradient are all alike and long, and each reads its rows of x and columns of dy from memory, so
 * one per core is best. */
enum { SHARE = 4, SHARE_BY_WEIGHTS = 1 };

/* Makes blocks as large as possible, because each block copies its chunks of the factors anew, but
 * keeps enough of them to give every core its share. */
static blocking block(const device *dev, const convolution_call *c, convolution_extent e)
{
    const register_tile *tile = tile_of(dev, c);
    size_t share = c->direction == CONVOLUTION_BACKWARD_WEIGHTS ? SHARE_BY_WEIGHTS : SHARE;
    size_t wanted = share * (size_t)dev->info.compute_units;
    size_t row_tiles = divide_up(e.rows, (size_t)tile->rows);
    size_t column_tiles = divide_up(e.columns, COLUMN_VECTORS * (size_t)dev->vec);
    blocking b = {(size_t)tile->tiles, (size_t)tile->panels, 0, 0};
    for (;;) {
        /* Evens out the sizes of the blocks without changing their number. */
        b.rows = divide_up(row_tiles, b.tiles);
        b.columns = divide_up(column_tiles, b.panels);
        b.tiles = divide_up(row_tiles, b.rows);
        b.panels = divide_up(column_tiles, b.columns);
        if (b.rows * b.columns * e.products >= wanted || (b.panels == 1 && b.tiles == 1))
            return b;
        if (b.panels > 1)
            b.panels = divide_up(b.panels, 2);
        else
            b.tiles = divide_up(b.tiles, 2);
    }
}

/* Whether the weights are packed before the products, instead of by each block for itself. Units
 * that multiply tiles need it. Otherwise, if the weights change in each step, it pays only if it
 * also converts them, for enough blocks. */
static bool packs(const device *dev, const convolution_call *call)
{
    enum { ENOUGH = 3 };
    if (call->direction == CONVOLUTION_BACKWARD_WEIGHTS)
        return false;
    return call->fixed || dev->unit->rows ||
           (steps_of(dev) > 1 && block(dev, call, convolution_products_of(call, 1)).rows >= ENOUGH);
}

/* `sums` has room for one run per tile, which is the largest number of runs that this call, or the
 * same call for fewer images, can have. `scratch` stores a weight gradient until its chunks are
 * complete. */
static status measure(device *dev, const convolution_call *call, convolution_bytes *bytes,
                      error *err)
{
    (void)err;
    const convolution_shape *s = &call->shape;
    size_t row_tiles = divide_up(tensor_pixels(call->y), (size_t)tile_of(dev, call)->rows);
    size_t whole = convolution_weights(s) * sizeof(float);
    size_t packed =
        taps_of(dev, call) * implicit_gemm_packed_bytes(dev, (int)source_channels(dev, call),
                                                        (int)target_channels(call));
    *bytes = (convolution_bytes){.sums = batchnorm_sums_bytes(row_tiles, s->cout),
                                 .scratch = has_chunks(dev, call) ? whole : 0,
                                 .prepared = packs(dev, call) ? packed : 0};
    return STATUS_OK;
}

static size_t sum_runs(const device *dev, const convolution_call *call)
{
    return block(dev, call, convolution_products_of(call, 1)).rows;
}

static status prepare(device *dev, const convolution_call *call, cl_mem prepared, error *err)
{
    enum { CHANNELS = 64 }; /* that a work-item packs; their rows of weights fit the cache */
    size_t items = divide_up(source_channels(dev, call), CHANNELS);
    launch_range range = {3, {items, 1, taps_of(dev, call)}, {1, 1, 1}, false};
    size_t cin = run_of_pixels(dev, call) * (size_t)call->shape.cin;
    return LAUNCH(dev, tile_of(dev, call)->program, "implicit_gemm_pack", range, err,
                  ARG_BUFFER(call->weights), ARG_BUFFER(prepared), ARG_INT(cin),
                  ARG_INT(call->shape.cout), ARG_INT(call->direction == CONVOLUTION_BACKWARD_DATA),
                  ARG_INT(CHANNELS));
}

static status run_batch(device *dev, const char *program, const convolution_call *c, int batch,
                        bool packed, cl_mem scratch, error *err)
{
    static const char *const kernels[] = {"implicit_gemm_forward", "implicit_gemm_backward_data",
                                          "implicit_gemm_backward_weights"};
    size_t stride = c->direction == CONVOLUTION_BACKWARD_DATA ? (size_t)c->shape.stride : 1;
    size_t classes = stride * stride; /* counted along the rows */
    bool apart = has_chunks(dev, c) && (c->terms.alpha != 1 || c->terms.beta != 0);
    convolution_extent e = convolution_products_of(c, batch);
    blocking b = block(dev, c, e);
    launch_range range = {3, {b.rows * classes, b.columns, e.products / classes}, {1, 1, 1}, false};
    return LAUNCH(dev, program, kernels[c->direction], range, err, ARG_CONVOLUTION(c),
                  ARG_INT(b.tiles), ARG_INT(b.panels), ARG_INT(packed),
                  ARG_INT(run_of_pixels(dev, c)), ARG_BUFFER(apart ? scratch : c->weights));
}

status implicit_gemm_batch(device *dev, const convolution_call *call, int batch, bool packed,
                           error *err)
{
    const register_tile *tile = tile_of(dev, call);
    const char *program = dev->unit->steps > 1                 ? tile->factor_program
                          : precision_is_small(dev->precision) ? tile->float_program
                                                               : tile->program;
    return run_batch(dev, program, call, batch, packed, NULL, err);
}

size_t implicit_gemm_packed_bytes(const device *dev, int steps, int columns)
{
    size_t width = COLUMN_VECTORS * (size_t)dev->vec;
    size_t multiple = (size_t)dev->unit->lanes;
    size_t lanes = divide_up((size_t)steps, steps_of(dev) * multiple) * multiple;
    return divide_up((size_t)columns, width) * width * lanes * sizeof(float);
}

static status run(device *dev, const convolution_call *call, convolution_memory memory, error *err)
{
    convolution_call made = *call;
    if (memory.prepared)
        made.weights = memory.prepared;
    return run_batch(dev, tile_of(dev, call)->program, &made, 1, memory.prepared, memory.scratch,
                     err);
}

const convolution_algorithm implicit_gemm = {.name = "implicit_gemm",
                                             .family = "gemm",
                                             TILE_TABLE(tiles),
                                             .supports = supports,
                                             .measure = measure,
                                             .prepare = prepare,
                                             .run = run,
                                             .finishes = true,
                                             .sum_runs = sum_runs};
