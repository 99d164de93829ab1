/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions by NVIDIA's tensor cores; see tensor_gemm.h. Everything but the product of two tiles
 * is tiled_gemm.c's. */
#include "ops/tensor_gemm.h"
#include "base/random.h"
#include "ops/tiled_gemm.h"

#include <stdlib.h>

enum { NEEDED_CAPABILITY = 80 }; /* the first with TF32 */

/* Rows and columns of a group's tile and of a warp's share of it, and steps of the sum. In local
 * memory are a step's rows and columns, with eight floats behind each, two pixels, and for each
 * warp `exchange` floats. */
#define TILE(source, exchange, rows_, columns_, warp_rows, warp_columns, steps_)                   \
    {                                                                                              \
        .name = #rows_ "x" #columns_ "x" #warp_rows "x" #warp_columns "x" #steps_,                 \
        .program =                                                                                 \
            source " -DTILE_ROWS=" #rows_ " -DTILE_COLUMNS=" #columns_ " -DWARP_ROWS=" #warp_rows  \
                   " -DWARP_COLUMNS=" #warp_columns " -DTILE_STEPS=" #steps_,                      \
        .rows = (rows_), .columns = (columns_), .steps = (steps_),                                 \
        .items = WARP * WARPS(rows_, columns_, warp_rows, warp_columns),                           \
        .local_bytes =                                                                             \
            sizeof(float) * ((steps_) * ((rows_) + 8 + (columns_) + 8 + 2) +                       \
                             (exchange)*WARPS(rows_, columns_, warp_rows, warp_columns))           \
    }
#define WARPS(rows, columns, warp_rows, warp_columns)                                              \
    ((rows) / (warp_rows) * ((columns) / (warp_columns)))
#define TILES(source, exchange)                                                                    \
    {                                                                                              \
        TILE(source, exchange, 128, 64, 64, 32, 16), TILE(source, exchange, 64, 32, 32, 32, 16),   \
            TILE(source, exchange, 128, 128, 64, 32, 16)                                           \
    }

enum {
    WARP = 32,                 /* items */
    EXCHANGE = 16 * 8 + 8 * 8, /* an instruction's factors, where it is acted out */
};

/* By PTX, and acted out for tests on other devices. */
static const tile_shape ptx[] = TILES("tensor_gemm -DNV_PTX", 0);
static const tile_shape acted[] = TILES("tensor_gemm", EXCHANGE);
static const tile_set ptx_tiles = {ptx, sizeof ptx / sizeof ptx[0]};
static const tile_set acted_tiles = {acted, sizeof acted / sizeof acted[0]};

static const tile_set *tiles_of(const device *dev)
{
    return dev->info.nv_capability >= NEEDED_CAPABILITY ? &ptx_tiles : &acted_tiles;
}

static const char *tile_name(int tile)
{
    return tile_set_name(&ptx_tiles, tile);
}

static bool supports(const device *dev, const convolution_call *call)
{
    return dev->precision == PRECISION_FP32 && tile_set_supports(dev, tiles_of(dev), call);
}

static status measure(device *dev, const convolution_call *call, convolution_bytes *bytes,
                      error *err)
{
    (void)err;
    *bytes = tile_set_bytes(dev, tiles_of(dev), call);
    return STATUS_OK;
}

static status run(device *dev, const convolution_call *call, convolution_memory memory, error *err)
{
    return tile_set_run(dev, tiles_of(dev), call, 1, memory.scratch, err);
}

const convolution_algorithm tensor_gemm = {.name = "tensor_gemm",
                                           .family = "tensor",
                                           .tile_name = tile_name,
                                           .supports = supports,
                                           .measure = measure,
                                           .run = run,
                                           .finishes = true,
                                           .tf32 = true};

/* ---- The self-test ---- */

/* Sides that no tile fits, and a sum whose last step is a part. */
enum { ROWS = 150, STEPS = 37, COLUMNS = 70 };

/* Multiples of 1/16 between -1 and 1: TF32 holds them, and single precision their sums. */
static void fill(float *values, size_t count, uint64_t seed)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)((int)(33 * random_uniform(seed, RANDOM_TEST, i)) - 16) / 16;
}

static status compare(const device *dev, const float *x, const float *w, const float *y, error *err)
{
    for (int row = 0; row < ROWS; row++)
        for (int column = 0; column < COLUMNS; column++) {
            double sum = 0;
            for (int k = 0; k < STEPS; k++)
                sum += (double)x[row * STEPS + k] * w[k * COLUMNS + column];
            if (y[row * COLUMNS + column] != sum)
                return error_set(err, STATUS_FAILED,
                                 "the tensor cores of %s multiply wrong: element (%d, %d) of a "
                                 "product is %.9g instead of %.9g",
                                 dev->info.name, row, column, y[row * COLUMNS + column], sum);
        }
    return STATUS_OK;
}

/* x, w and y are host memory of the problem's sizes. */
static status check_tile(device *dev, const tile_shape *tile, const convolution_call *call,
                         const float *x, const float *w, float *y, error *err)
{
    TRY(tensor_write(dev, call->x, x, err));
    TRY(buffer_write(dev, call->weights, 0, w, sizeof(float) * STEPS * COLUMNS, err));
    TRY(buffer_zero(dev, call->y.buffer, 0, sizeof(float) * ROWS * COLUMNS, err));
    TRY(tile_run(dev, tile, call, 1, NULL, err));
    TRY(tensor_read(dev, call->y, y, err));
    return compare(dev, x, w, y, err);
}

/* The tiles that are taken where nothing is tuned; tune checks the others itself. */
enum { DEFAULT_TILES = 2 };

status tensor_gemm_self_test(device *dev, error *err)
{
    const tile_set *tiles = tiles_of(dev);
    convolution_call call = {.direction = CONVOLUTION_FORWARD, .shape = {STEPS, COLUMNS, 1, 1, 0}};
    float *x = malloc(sizeof(float) * ROWS * STEPS), *w = malloc(sizeof(float) * STEPS * COLUMNS);
    float *y = malloc(sizeof(float) * ROWS * COLUMNS);
    status result = x && w && y ? STATUS_OK : error_memory(err, "the tensor cores' self-test");
    if (result != STATUS_OK)
        goto done;
    fill(x, (size_t)ROWS * STEPS, 1);
    fill(w, (size_t)STEPS * COLUMNS, 2);
    TRY_OR_DONE(tensor_create(dev, ROWS, 1, 1, STEPS, &call.x, err));
    TRY_OR_DONE(tensor_create(dev, ROWS, 1, 1, COLUMNS, &call.y, err));
    TRY_OR_DONE(buffer_create(dev, sizeof(float) * STEPS * COLUMNS, &call.weights, err));
    for (int i = 0; i < tiles->count && i < DEFAULT_TILES; i++)
        if (tile_fits(dev, &tiles->tiles[i]))
            TRY_OR_DONE(check_tile(dev, &tiles->tiles[i], &call, x, w, y, err));
done:
    tensor_release(&call.x);
    tensor_release(&call.y);
    buffer_release(&call.weights);
    free(x);
    free(w);
    free(y);
    return result;
}

status tensor_gemm_check(device *dev, error *err)
{
    if (dev->info.nv_capability < NEEDED_CAPABILITY)
        return error_set(err, STATUS_USAGE,
                         "HCNN_TF32=1 needs an NVIDIA device of compute capability 8.0 or above, "
                         "which %s is not; leave it unset for single precision",
                         dev->info.name);
    if (dev->precision != PRECISION_FP32)
        return error_set(err, STATUS_USAGE,
                         "HCNN_TF32=1 and --precision fp16: one or the other, not both");
    const tile_shape *large = &ptx[TILE_LARGE];
    if (!tile_fits(dev, large))
        return error_set(err, STATUS_USAGE,
                         "HCNN_TF32=1 needs groups of %d work-items and %zu bytes of local memory, "
                         "which %s does not have",
                         large->items, large->local_bytes, dev->info.name);
    status result = tensor_gemm_self_test(dev, err);
    return result == STATUS_OK
               ? STATUS_OK
               : error_prefix(err, result, "HCNN_TF32=1 (unset, single precision is used)");
}
