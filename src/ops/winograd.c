/* SPDX-License-Identifier: Apache-2.0 */
/* 3x3 convolutions of stride 1 by Winograd's minimal filtering, kernels/winograd.cl: transforms,
 * and between them one matrix product for each element of a tile's window. Tiles of 4x4 results
 * need a quarter of the multiplications of the direct method and have about 10 times its rounding
 * error; tiles of 2x2 need four ninths and have about twice its rounding error.
 * tests/test_winograd.c states both. */
#include "device/kernel.h"
#include "device/matrix_unit.h"
#include "ops/batchnorm.h"
#include "ops/implicit_gemm.h"
#include "ops/tiled_gemm.h"

#include <limits.h>

/* How a call is divided into tiles. */
typedef struct tiling {
    int m;        /* side of a tile of results */
    int products; /* (m + 2) squared */
    tensor from;  /* what windows are read from: x, or dy for the data gradient */
    tensor to;    /* what tiles cover: y, or dx for the data gradient */
    int tiles, pad;
} tiling;

/* Side of the tiles of results in a call. */
static int side_of(const convolution_call *call)
{
    return call->by.algorithm == &winograd2 ? 2 : 4;
}

static int tiles_along(int length, int m)
{
    return (int)divide_up((size_t)length, (size_t)m);
}

static tiling cut(const convolution_call *call, int m)
{
    bool back = call->direction == CONVOLUTION_BACKWARD_DATA;
    tiling t = {.m = m,
                .products = (m + 2) * (m + 2),
                .from = back ? call->y : call->x,
                .to = back ? call->x : call->y,
                .pad = back ? 2 - call->shape.pad : call->shape.pad};
    size_t tiles = (size_t)t.to.n * (size_t)tiles_along(t.to.h, m) * (size_t)tiles_along(t.to.w, m);
    t.tiles = tiles < INT_MAX ? (int)tiles : INT_MAX; /* such a batch is rejected elsewhere */
    return t;
}

/* Whether transformed values are rounded to the precision of activations before the products. */
static bool rounds_factors(const device *dev)
{
    return dev->unit->steps > 1;
}

static bool supports(const device *dev, const convolution_call *call)
{
    const convolution_shape *s = &call->shape;
    return s->kernel == 3 && s->stride == 1 && s->pad <= 2 &&
           (side_of(call) == 2 || !rounds_factors(dev)) &&
           (implicit_gemm.supports(dev, call) || tiled_gemm.supports(dev, call));
}

/* Whether the products run in registers, with packed weights; else they run in tiles of local
 * memory. */
static bool packs(const device *dev, const convolution_call *call)
{
    return implicit_gemm.supports(dev, call);
}

/* Bytes of a transformed factor: as it is stored for the unit that multiplies it. */
static size_t factor_bytes(const device *dev)
{
    return rounds_factors(dev) ? device_real_bytes(dev) : sizeof(float);
}

/* Tiles in a run, for which one work-item computes statistics: few enough to use many cores, and
 * enough that the sums are small compared with the results. */
enum { RUN = 8 };

static size_t runs_of(const tiling *t)
{
    return divide_up((size_t)t->tiles, RUN);
}

/* The most tiles that are transformed at a time: on a CPU, as many as the last cache holds, so that
 * transforms and products need not go through memory. A weight gradient sums over all tiles. */
static size_t most_tiles(const device *dev, const convolution_call *call, const tiling *t)
{
    enum { CACHE = 16 << 20 };
    size_t all = (size_t)t->tiles;
    if (!packs(dev, call) || call->direction == CONVOLUTION_BACKWARD_WEIGHTS)
        return all;
    size_t one = (size_t)t->products *
                 ((size_t)t->from.c * factor_bytes(dev) + (size_t)t->to.c * sizeof(float));
    size_t most = divide_up(divide_up(CACHE, one), RUN) * RUN;
    return most < all ? most : all;
}

/* The products between the transforms of `count` tiles, as a 1x1 convolution over tiles. */
static convolution_call product_of(const convolution_call *call, const tiling *t, int count,
                                   convolution_memory memory)
{
    tensor from = {memory.columns, count, 1, 1, t->from.c};
    tensor to = {memory.scratch, count, 1, 1, t->to.c};
    bool back = call->direction == CONVOLUTION_BACKWARD_DATA;
    return (convolution_call){
        .direction = call->direction,
        .shape = {call->shape.cin, call->shape.cout, 1, 1, 0},
        .x = back ? to : from,
        .y = back ? from : to,
        .weights = memory.weights,
        .terms = {1, 0},
    };
}

/* The same as a forward pass with packed weights, in both directions. */
static convolution_call packed_product_of(const tiling *t, int count, convolution_memory memory)
{
    return (convolution_call){
        .direction = CONVOLUTION_FORWARD,
        .shape = {t->from.c, t->to.c, 1, 1, 0},
        .x = {memory.columns, count, 1, 1, t->from.c},
        .y = {memory.scratch, count, 1, 1, t->to.c},
        .weights = memory.prepared ? memory.prepared : memory.weights,
    };
}

/* Bytes of the transformed weights, or of their gradient. The gradient may be summed in parts; the
 * first part is where the sum will be. */
static size_t weights_bytes(const device *dev, const convolution_call *call, const tiling *t)
{
    const convolution_call product = product_of(call, t, t->tiles, (convolution_memory){0});
    size_t products = (size_t)t->products;
    if (packs(dev, call) && call->direction != CONVOLUTION_BACKWARD_WEIGHTS)
        return products * implicit_gemm_packed_bytes(dev, t->from.c, t->to.c);
    int parts = packs(dev, call) ? 1 : tiled_gemm_parts(dev, &product, t->products);
    return (size_t)parts * products * (size_t)call->shape.cin * (size_t)call->shape.cout *
           sizeof(float);
}

/* Packed weights that serve many calls are kept; all others are transformed for each call. */
static status measure(device *dev, const convolution_call *call, convolution_bytes *bytes,
                      error *err)
{
    (void)err;
    tiling t = cut(call, side_of(call));
    bool gradient = call->direction == CONVOLUTION_BACKWARD_WEIGHTS;
    bool keeps = packs(dev, call) && !gradient && call->fixed;
    size_t weights = weights_bytes(dev, call, &t);
    size_t values = (size_t)t.products * most_tiles(dev, call, &t); /* of each channel */
    *bytes = (convolution_bytes){
        .columns = values * (size_t)t.from.c * factor_bytes(dev),
        .scratch = values * (size_t)t.to.c * (gradient ? factor_bytes(dev) : sizeof(float)),
        .weights = keeps ? 0 : weights,
        .prepared = keeps ? weights : 0,
        .sums = batchnorm_sums_bytes(runs_of(&t), call->shape.cout),
    };
    return STATUS_OK;
}

/* Estimated time, in multiply-adds of floats. A value that goes through memory between the
 * transforms and the products costs as much as so many of them, on the machines that were measured.
 * If factors are rounded, converting them costs more than their size saves, except in the weight
 * gradient, where both factors are small. */
static double cost_of(const device *dev, const convolution_call *call, int m)
{
    enum { FLOAT = 24, ROUNDED = 32, BOTH_ROUNDED = 16, ROUNDED_WEIGHT = 48 };
    bool gradient = call->direction == CONVOLUTION_BACKWARD_WEIGHTS;
    bool rounds = rounds_factors(dev);
    tiling t = cut(call, m);
    double weights = (double)call->shape.cin * call->shape.cout;
    double products = t.tiles * weights / dev->unit->steps;
    double moved = t.tiles * (double)(t.from.c + t.to.c) *
                   (!rounds    ? FLOAT
                    : gradient ? BOTH_ROUNDED
                               : ROUNDED);
    return t.products * (products + moved + weights * (rounds ? ROUNDED_WEIGHT : FLOAT));
}

static bool suits(const device *dev, const convolution_call *call)
{
    double direct = convolution_products(call) / dev->unit->steps;
    double two = cost_of(dev, call, 2), four = cost_of(dev, call, 4);
    return side_of(call) == 2 ? two < direct : four < two && four < direct;
}

/* On a CPU a work-item handles a whole row of channels, on a GPU one vector of it. */
static int width_of(const device *dev, int channels)
{
    return dev->info.type & CL_DEVICE_TYPE_CPU ? channels : dev->vec;
}

/* On a CPU each work-item is a group. If PoCL chooses, it makes groups of thousands of work-items,
 * and their private arrays together overflow a thread's stack. */
static launch_range items(const device *dev, int channels, int rows)
{
    size_t width = (size_t)width_of(dev, channels);
    return range_of_tiles(dev, divide_up((size_t)channels, width), (size_t)rows, 1);
}

static const char *name_of(int m, const char *two, const char *four)
{
    return m == 2 ? two : four;
}

#define NAME(m, kernel) name_of(m, "winograd2" kernel, "winograd4" kernel)
#define PROGRAM(m)      name_of(m, "winograd -DM=2", "winograd -DM=4")

/* Some of the tiles of a call. */
typedef struct part {
    int start, count;
} part;

/* Transforms the windows of tiles; they begin `pad` before their tiles in `map`. */
static status transform_map(device *dev, const tiling *t, part p, const char *kernel, tensor map,
                            int pad, cl_mem out, error *err)
{
    return LAUNCH(dev, PROGRAM(t->m), kernel, items(dev, map.c, p.count), err,
                  ARG_BUFFER(map.buffer), ARG_BUFFER(out), ARG_INT(p.start), ARG_INT(p.count),
                  ARG_INT(map.h), ARG_INT(map.w), ARG_INT(map.c), ARG_INT(t->to.h),
                  ARG_INT(t->to.w), ARG_INT(pad), ARG_INT(width_of(dev, map.c)));
}

static status transform_weights(device *dev, const convolution_call *c, int m, cl_mem out,
                                error *err)
{
    int cin = c->shape.cin, cout = c->shape.cout;
    return LAUNCH(dev, PROGRAM(m), NAME(m, "_weights"), items(dev, cout, cin), err,
                  ARG_BUFFER(c->weights), ARG_BUFFER(out), ARG_INT(cin), ARG_INT(cout),
                  ARG_INT(c->direction == CONVOLUTION_BACKWARD_DATA), ARG_INT(width_of(dev, cout)));
}

static status prepare(device *dev, const convolution_call *c, cl_mem prepared, error *err)
{
    enum { GROUP = 8, COLUMN_VECTORS = 2 }; /* as in the kernel */
    int m = side_of(c);
    tiling t = cut(c, m);
    size_t groups = divide_up((size_t)t.from.c, GROUP * (size_t)dev->unit->steps);
    size_t panels = divide_up((size_t)t.to.c, COLUMN_VECTORS * (size_t)dev->vec);
    return LAUNCH(dev, PROGRAM(m), NAME(m, "_pack"), range_of_tiles(dev, groups, panels, 1), err,
                  ARG_BUFFER(c->weights), ARG_BUFFER(prepared), ARG_INT(c->shape.cin),
                  ARG_INT(c->shape.cout), ARG_INT(c->direction == CONVOLUTION_BACKWARD_DATA));
}

static status transform_output(device *dev, const tiling *t, part p, const convolution_call *c,
                               cl_mem products, error *err)
{
    int run = c->sums ? RUN : 1;
    launch_range range = items(dev, t->to.c, (int)divide_up((size_t)p.count, (size_t)run));
    return LAUNCH(dev, PROGRAM(t->m), NAME(t->m, "_output"), range, err, ARG_BUFFER(products),
                  ARG_BUFFER(t->to.buffer), ARG_INT(p.start), ARG_INT(p.count), ARG_INT(t->to.h),
                  ARG_INT(t->to.w), ARG_INT(t->to.c), ARG_INT(c->accumulate),
                  ARG_INT(width_of(dev, t->to.c)), ARG_INT(run), ARG_INT(runs_of(t)),
                  ARG_ENDING(c));
}

static status transform_weights_gradient(device *dev, const convolution_call *c, int m, cl_mem sums,
                                         error *err)
{
    int cin = c->shape.cin, cout = c->shape.cout;
    return LAUNCH(dev, PROGRAM(m), NAME(m, "_weights_adjoint"), items(dev, cout, cin), err,
                  ARG_BUFFER(sums), ARG_BUFFER(c->weights), ARG_INT(cin), ARG_INT(cout),
                  ARG_TERMS(c->terms), ARG_INT(width_of(dev, cout)));
}

static status run_gradient(device *dev, const convolution_call *call, convolution_memory memory,
                           error *err)
{
    int m = side_of(call);
    tiling t = cut(call, m);
    const part all = {0, t.tiles};
    const convolution_call product = product_of(call, &t, t.tiles, memory);
    TRY(transform_map(dev, &t, all, NAME(m, "_input"), t.from, t.pad, memory.columns, err));
    TRY(transform_map(dev, &t, all, NAME(m, "_output_adjoint"), t.to, 0, memory.scratch, err));
    if (packs(dev, call))
        TRY(implicit_gemm_batch(dev, &product, t.products, false, err));
    else
        TRY(tiled_gemm_batch(dev, &product, t.products, memory.weights, err));
    return transform_weights_gradient(dev, call, m, memory.weights, err);
}

/* Runs a part of a forward pass or a data gradient. */
static status run_part(device *dev, const convolution_call *call, const tiling *t, part p,
                       convolution_memory memory, error *err)
{
    TRY(transform_map(dev, t, p, NAME(t->m, "_input"), t->from, t->pad, memory.columns, err));
    if (packs(dev, call)) {
        const convolution_call product = packed_product_of(t, p.count, memory);
        TRY(implicit_gemm_batch(dev, &product, t->products, true, err));
    } else {
        const convolution_call product = product_of(call, t, p.count, memory);
        TRY(tiled_gemm_batch(dev, &product, t->products, memory.weights, err));
    }
    return transform_output(dev, t, p, call, memory.scratch, err);
}

static status run(device *dev, const convolution_call *call, convolution_memory memory, error *err)
{
    tiling t = cut(call, side_of(call));
    if (call->direction == CONVOLUTION_BACKWARD_WEIGHTS)
        return run_gradient(dev, call, memory, err);
    if (!memory.prepared)
        TRY((packs(dev, call) ? prepare(dev, call, memory.weights, err)
                              : transform_weights(dev, call, t.m, memory.weights, err)));
    size_t parts = divide_up((size_t)t.tiles, most_tiles(dev, call, &t));
    int count = (int)(divide_up(divide_up((size_t)t.tiles, parts), RUN) * RUN);
    for (int start = 0; start < t.tiles; start += count) {
        const part p = {start, t.tiles - start < count ? t.tiles - start : count};
        TRY(run_part(dev, call, &t, p, memory, err));
    }
    return STATUS_OK;
}

static size_t sum_runs(const device *dev, const convolution_call *call)
{
    (void)dev;
    const tiling t = cut(call, side_of(call));
    return runs_of(&t);
}

#define WINOGRAD(tile)                                                                             \
    {                                                                                              \
        .name = "winograd" tile, .family = "winograd", .supports = supports, .suits = suits,       \
        .measure = measure, .prepare = prepare, .run = run, .finishes = true, .sum_runs = sum_runs \
    }
const convolution_algorithm winograd2 = WINOGRAD("2x2"), winograd4 = WINOGRAD("4x4");
