/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions on NVIDIA's tensor cores; see tensor_gemm.h. Everything except the product of two
 * tiles is in tiled_gemm.c. */
#include "ops/tensor_gemm.h"
#include "base/random.h"
#include "ops/tiled_gemm.h"

#include <stdlib.h>

enum { NEEDED_CAPABILITY = 80 }; /* the first to have TF32 */

enum {
    WARP = 32,                 /* work-items */
    EXCHANGE = 16 * 8 + 8 * 8, /* floats: an instruction's factors, if it is emulated */
};

/* Each share is computed by one warp. */
#define TILES(source, exchange)                                                                    \
    {                                                                                              \
        TILE(source, WARP, 8, exchange, 128, 64, 64, 32, 16),                                      \
            TILE(source, WARP, 8, exchange, 64, 32, 32, 32, 16),                                   \
            TILE(source, WARP, 8, exchange, 128, 128, 64, 32, 16)                                  \
    }

/* With PTX, and emulated for tests on other devices. */
static const tile_shape ptx[] = TILES("tensor_gemm -DNV_PTX", 0);
static const tile_shape acted[] = TILES("tensor_gemm", EXCHANGE);
static const tile_set ptx_tiles = TILE_SET(ptx), acted_tiles = TILE_SET(acted);

static const tile_set *tiles_of(const device *dev)
{
    return dev->info.nv_capability >= NEEDED_CAPABILITY ? &ptx_tiles : &acted_tiles;
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
                                           TILE_TABLE(ptx),
                                           .supports = supports,
                                           .measure = measure,
                                           .run = run,
                                           .finishes = true,
                                           .tf32 = true};

/* ---- The self-test ---- */

/* No side is a multiple of a tile, and the last step of the sum is not a full one. */
enum { ROWS = 150, STEPS = 37, COLUMNS = 70 };

/* Multiples of 1/16 between -1 and 1: they are exact in TF32, and their sums in single
 * precision. */
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
                return error_set(
                    err, STATUS_FAILED,
                    "the tensor cores of %s compute wrong results: element (%d, %d) of a "
                    "product is %.9g instead of %.9g",
                    dev->info.name, row, column, y[row * COLUMNS + column], sum);
        }
    return STATUS_OK;
}

/* x, w and y are host memory for the problem's matrices. */
static status check_tiles(device *dev, convolution_call *call, float *x, float *w, float *y,
                          error *err)
{
    const tile_set *tiles = tiles_of(dev);
    fill(x, (size_t)ROWS * STEPS, 1);
    fill(w, (size_t)STEPS * COLUMNS, 2);
    TRY(tensor_create(dev, ROWS, 1, 1, STEPS, &call->x, err));
    TRY(tensor_create(dev, ROWS, 1, 1, COLUMNS, &call->y, err));
    TRY(buffer_create(dev, sizeof(float) * STEPS * COLUMNS, &call->weights, err));
    TRY(tensor_write(dev, call->x, x, err));
    TRY(buffer_write(dev, call->weights, 0, w, sizeof(float) * STEPS * COLUMNS, err));
    /* The tiles that are used if nothing is tuned; tune checks the others itself. */
    for (int i = TILE_LARGE; i <= TILE_SMALL; i++) {
        if (!tile_fits(dev, &tiles->tiles[i]))
            continue;
        TRY(buffer_zero(dev, call->y.buffer, 0, sizeof(float) * ROWS * COLUMNS, err));
        TRY(tile_run(dev, &tiles->tiles[i], call, 1, NULL, err));
        TRY(tensor_read(dev, call->y, y, err));
        TRY(compare(dev, x, w, y, err));
    }
    return STATUS_OK;
}

status tensor_gemm_self_test(device *dev, error *err)
{
    convolution_call call = {.direction = CONVOLUTION_FORWARD, .shape = {STEPS, COLUMNS, 1, 1, 0}};
    if (dev->tensor_cores_tested)
        return STATUS_OK;
    const size_t of_x = (size_t)ROWS * STEPS, of_w = (size_t)STEPS * COLUMNS;
    float *host = malloc(sizeof *host * (of_x + of_w + (size_t)ROWS * COLUMNS));
    TRY(got_memory(host, err, "the tensor cores' self-test"));
    status result = check_tiles(dev, &call, host, host + of_x, host + of_x + of_w, err);
    dev->tensor_cores_tested = result == STATUS_OK;
    tensor_release(&call.x);
    tensor_release(&call.y);
    buffer_release(&call.weights);
    free(host);
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
        return error_set(
            err, STATUS_USAGE,
            "HCNN_TF32=1 cannot be combined with --precision fp16; leave one of them out");
    const tile_shape *large = &ptx[TILE_LARGE];
    if (!tile_fits(dev, large))
        return error_set(err, STATUS_USAGE,
                         "HCNN_TF32=1 needs groups of %d work-items and %zu bytes of local memory, "
                         "which %s does not have; leave it unset for single precision",
                         large->items, large->local_bytes, dev->info.name);
    status result = tensor_gemm_self_test(dev, err);
    return result == STATUS_OK
               ? STATUS_OK
               : error_prefix(err, result, "HCNN_TF32=1 (leave it unset for single precision)");
}
