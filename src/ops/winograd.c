/* SPDX-License-Identifier: Apache-2.0 */
/* 3x3 convolutions of stride 1 by Winograd's minimal filtering, kernels/winograd.cl: transforms,
 * and between them one matrix product for each element of a tile's window. Tiles of 4x4 results
 * need a quarter of the multiplications of the direct method and have about 10 times its rounding
 * error; tiles of 2x2 need four ninths and have about twice its rounding error. For a
 * map of 2x2 pixels, which has no neighbours, the direct method needs 16 products; a product with
 * Toeplitz matrices needs 9 and has the same rounding error, or three times that if its factors are
 * rounded to bfloat16. tests/test_winograd.c states the errors. */
#include "device/kernel.h"
#include "device/matrix_unit.h"
#include "ops/batchnorm.h"
#include "ops/implicit_gemm.h"
#include "ops/tiled_gemm.h"

#include <limits.h>

/* A tile and its kernels. */
typedef struct filter {
    const convolution_algorithm *algorithm;
    const char *program;
    const char *input, *output, *output_adjoint, *weights, *weights_adjoint, *pack;
    int m;             /* side of a tile of results */
    int points;        /* side of a transformed window */
    bool closed;       /* the tile is the whole map, and reads nothing outside of it */
    bool keeps_digits; /* enough for factors that are rounded to bfloat16 after the transform */
} filter;

#define KERNELS(prefix)                                                                            \
    .input = prefix "_input", .output = prefix "_output",                                          \
    .output_adjoint = prefix "_output_adjoint", .weights = prefix "_weights",                      \
    .weights_adjoint = prefix "_weights_adjoint", .pack = prefix "_pack"

static const filter filters[] = {
    {&winograd2, "winograd -DM=2", KERNELS("winograd2"), 2, 4, false, true},
    {&winograd4, "winograd -DM=4", KERNELS("winograd4"), 4, 6, false, false},
    {&toeplitz2, "winograd -DM=2 -DCLOSED=1", KERNELS("toeplitz2"), 2, 3, true, false},
};

static const filter *filter_of(const convolution_call *call)
{
    const filter *f = filters;
    while (f->algorithm != call->by.algorithm)
        f++;
    return f;
}

/* How a call is divided into tiles. */
typedef struct tiling {
    const filter *filter;
    int products; /* the square of points */
    tensor from;  /* what windows are read from: x, or dy for the data gradient */
    tensor to;    /* what tiles cover: y, or dx for the data gradient */
    int tiles, pad;
} tiling;

static int tiles_along(int length, int m)
{
    return (int)divide_up((size_t)length, (size_t)m);
}

static tiling cut(const convolution_call *call, const filter *f)
{
    bool back = call->direction == CONVOLUTION_BACKWARD_DATA;
    const int m = f->m;
    tiling t = {.filter = f,
                .products = f->points * f->points,
                .from = back ? call->y : call->x,
                .to = back ? call->x : call->y,
                .pad = f->closed ? 0
                       : back    ? 2 - call->shape.pad
                                 : call->shape.pad};
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
    const filter *f = filter_of(call);
    bool is_closed = s->pad == 1 && call->x.h == f->m && call->x.w == f->m;
    return s->kernel == 3 && s->stride == 1 && s->pad <= 2 && (is_closed || !f->closed) &&
           (f->keeps_digits || !rounds_factors(dev)) &&
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
    tiling t = cut(call, filter_of(call));
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

/* Estimated time, in multiply-adds of floats. The constants are the cost of a value that
 * goes through memory between the transforms and the products, on the machines that were measured.
 * If factors are rounded, converting them costs more than their size saves, except in the weight
 * gradient, where both factors are small. */
static double cost_of(const device *dev, const convolution_call *call, const filter *f)
{
    enum { FLOAT = 24, ROUNDED = 32, BOTH_ROUNDED = 16, ROUNDED_WEIGHT = 48 };
    bool gradient = call->direction == CONVOLUTION_BACKWARD_WEIGHTS;
    bool rounds = rounds_factors(dev);
    tiling t = cut(call, f);
    double weights = (double)call->shape.cin * call->shape.cout;
    double products = t.tiles * weights / dev->unit->speed;
    double moved = t.tiles * (double)(t.from.c + t.to.c) *
                   (!rounds    ? FLOAT
                    : gradient ? BOTH_ROUNDED
                               : ROUNDED);
    double prepared =
        packs(dev, call) && call->fixed ? 0 : weights * (rounds ? ROUNDED_WEIGHT : FLOAT);
    return t.products * (products + moved + prepared);
}

/* Whether it is the fastest of the filters, and faster than the direct method. */
static bool suits(const device *dev, const convolution_call *call)
{
    double own = cost_of(dev, call, filter_of(call));
    convolution_call other = *call;
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        other.by.algorithm = filters[i].algorithm;
        if (supports(dev, &other) && cost_of(dev, call, &filters[i]) < own)
            return false;
    }
    return own < convolution_products(call) / dev->unit->speed;
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

/* Some of the tiles of a call. */
typedef struct part {
    int start, count;
} part;

/* Transforms the windows of tiles; they begin `pad` before their tiles in `map`. */
static status transform_map(device *dev, const tiling *t, part p, const char *kernel, tensor map,
                            int pad, cl_mem out, error *err)
{
    return LAUNCH(dev, t->filter->program, kernel, items(dev, map.c, p.count), err,
                  ARG_BUFFER(map.buffer), ARG_BUFFER(out), ARG_INT(p.start), ARG_INT(p.count),
                  ARG_INT(map.h), ARG_INT(map.w), ARG_INT(map.c), ARG_INT(t->to.h),
                  ARG_INT(t->to.w), ARG_INT(pad), ARG_INT(width_of(dev, map.c)));
}

static status transform_weights(device *dev, const convolution_call *c, cl_mem out, error *err)
{
    int cin = c->shape.cin, cout = c->shape.cout;
    const filter *f = filter_of(c);
    return LAUNCH(dev, f->program, f->weights, items(dev, cout, cin), err, ARG_BUFFER(c->weights),
                  ARG_BUFFER(out), ARG_INT(cin), ARG_INT(cout),
                  ARG_INT(c->direction == CONVOLUTION_BACKWARD_DATA), ARG_INT(width_of(dev, cout)));
}

static status prepare(device *dev, const convolution_call *c, cl_mem prepared, error *err)
{
    enum { GROUP = 16, COLUMN_VECTORS = 2 }; /* as in the kernel */
    const filter *f = filter_of(c);
    tiling t = cut(c, f);
    size_t groups = divide_up((size_t)t.from.c, GROUP * (size_t)dev->unit->steps);
    size_t panels = divide_up((size_t)t.to.c, COLUMN_VECTORS * (size_t)dev->vec);
    return LAUNCH(dev, f->program, f->pack, range_of_tiles(dev, groups, panels, 1), err,
                  ARG_BUFFER(c->weights), ARG_BUFFER(prepared), ARG_INT(c->shape.cin),
                  ARG_INT(c->shape.cout), ARG_INT(c->direction == CONVOLUTION_BACKWARD_DATA));
}

static status transform_output(device *dev, const tiling *t, part p, const convolution_call *c,
                               cl_mem products, error *err)
{
    int run = c->sums ? RUN : 1;
    launch_range range = items(dev, t->to.c, (int)divide_up((size_t)p.count, (size_t)run));
    return LAUNCH(dev, t->filter->program, t->filter->output, range, err, ARG_BUFFER(products),
                  ARG_BUFFER(t->to.buffer), ARG_INT(p.start), ARG_INT(p.count), ARG_INT(t->to.h),
                  ARG_INT(t->to.w), ARG_INT(t->to.c), ARG_INT(c->accumulate),
                  ARG_INT(width_of(dev, t->to.c)), ARG_INT(run), ARG_INT(runs_of(t)),
                  ARG_ENDING(c));
}

static status transform_weights_gradient(device *dev, const convolution_call *c, cl_mem sums,
                                         error *err)
{
    int cin = c->shape.cin, cout = c->shape.cout;
    const filter *f = filter_of(c);
    return LAUNCH(dev, f->program, f->weights_adjoint, items(dev, cout, cin), err, ARG_BUFFER(sums),
                  ARG_BUFFER(c->weights), ARG_INT(cin), ARG_INT(cout), ARG_TERMS(c->terms),
                  ARG_INT(width_of(dev, cout)));
}

static status run_gradient(device *dev, const convolution_call *call, convolution_memory memory,
                           error *err)
{
    const filter *f = filter_of(call);
    tiling t = cut(call, f);
    const part all = {0, t.tiles};
    const convolution_call product = product_of(call, &t, t.tiles, memory);
    TRY(transform_map(dev, &t, all, f->input, t.from, t.pad, memory.columns, err));
    TRY(transform_map(dev, &t, all, f->output_adjoint, t.to, 0, memory.scratch, err));
    if (packs(dev, call))
        TRY(implicit_gemm_batch(dev, &product, t.products, false, err));
    else
        TRY(tiled_gemm_batch(dev, &product, t.products, memory.weights, err));
    return transform_weights_gradient(dev, call, memory.weights, err);
}

/* Runs a part of a forward pass or a data gradient. */
static status run_part(device *dev, const convolution_call *call, const tiling *t, part p,
                       convolution_memory memory, error *err)
{
    TRY(transform_map(dev, t, p, t->filter->input, t->from, t->pad, memory.columns, err));
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
    tiling t = cut(call, filter_of(call));
    if (call->direction == CONVOLUTION_BACKWARD_WEIGHTS)
        return run_gradient(dev, call, memory, err);
    if (!memory.prepared)
        TRY((packs(dev, call) ? prepare(dev, call, memory.weights, err)
                              : transform_weights(dev, call, memory.weights, err)));
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
    const tiling t = cut(call, filter_of(call));
    return runs_of(&t);
}

#define FILTER(label)                                                                              \
    {                                                                                              \
        .name = label, .family = "winograd", .supports = supports, .suits = suits,                 \
        .measure = measure, .prepare = prepare, .run = run, .finishes = true, .sum_runs = sum_runs \
    }
const convolution_algorithm winograd2 = FILTER("winograd2x2"), winograd4 = FILTER("winograd4x4"),
                            toeplitz2 = FILTER("toeplitz2x2");
