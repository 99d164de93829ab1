/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions on NVIDIA's tensor cores; see tensor_gemm.h. Everything except the product of two
 * tiles is in tiled_gemm.c. */
#include "ops/tensor_gemm.h"
#include "device/matrix_unit.h"
#include "ops/tiled_gemm.h"

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
    return matrix_unit_has(dev, PRECISION_TF32) ? &ptx_tiles : &acted_tiles;
}

static bool supports(const device *dev, const convolution_call *call)
{
    return dev->precision == PRECISION_TF32 && tile_set_supports(dev, tiles_of(dev), call);
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

status tensor_gemm_check(const device *dev, error *err)
{
    if (!matrix_unit_has(dev, PRECISION_TF32))
        return error_set(err, STATUS_USAGE,
                         "--precision tf32 needs an NVIDIA device of compute capability 8.0 or "
                         "above, which %s is not; choose another precision",
                         dev->info.name);
    const tile_shape *large = &ptx[TILE_LARGE];
    if (!tile_fits(dev, large))
        return error_set(err, STATUS_USAGE,
                         "--precision tf32 needs groups of %d work-items and %zu bytes of local "
                         "memory, which %s does not have; choose another precision",
                         large->items, large->local_bytes, dev->info.name);
    return STATUS_OK;
}
