/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions by NVIDIA's tensor cores; see tensor_gemm.h. Everything but the product of two tiles
 * is tiled_gemm.c's. */
#include "ops/tensor_gemm.h"
#include "base/random.h"
#include "ops/tiled_gemm.h"

#include <stdlib.h>

enum { NEEDED_CAPABILITY = 80 }; /* the first with TF32 */

/* As in the kernel: by PTX, and acted out for tests on other devices. */
static const tile_set ptx_tiles = {{"tensor_gemm -DNV_PTX", 128, 64, 128, 14 << 10},
                                   {"tensor_gemm -DNV_PTX -DSMALL_TILES", 64, 32, 64, 8 << 10}};
static const tile_set acted_tiles = {{"tensor_gemm", 128, 64, 128, 17 << 10},
                                     {"tensor_gemm -DSMALL_TILES", 64, 32, 64, 10 << 10}};

static const tile_set *tiles_of(const device *dev)
{
    return dev->info.nv_capability >= NEEDED_CAPABILITY ? &ptx_tiles : &acted_tiles;
}

static bool supports(const device *dev, const convolution_call *call)
{
    (void)call;
    return dev->precision == PRECISION_FP32 && tile_set_fits(dev, tiles_of(dev));
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
    TRY_OR_DONE(check_tile(dev, &tiles->large, &call, x, w, y, err));
    TRY_OR_DONE(check_tile(dev, &tiles->small, &call, x, w, y, err));
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
    if (dev->info.max_group_size < (size_t)ptx_tiles.large.items ||
        dev->info.local_memory_bytes < ptx_tiles.large.local_bytes)
        return error_set(err, STATUS_USAGE,
                         "HCNN_TF32=1 needs groups of 128 work-items and 14 KiB of local memory, "
                         "which %s does not have",
                         dev->info.name);
    status result = tensor_gemm_self_test(dev, err);
    return result == STATUS_OK
               ? STATUS_OK
               : error_prefix(err, result, "HCNN_TF32=1 (unset, single precision is used)");
}
