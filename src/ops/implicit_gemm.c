/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions whose matrices are gathered while they are multiplied; kernels/implicit_gemm.cl,
 * which is made for devices that run one work-item on one core. */
#include "ops/implicit_gemm.h"
#include "device/kernel.h"
#include "ops/batchnorm.h"

/* As in the kernel. */
enum { MAX_TILES = 18, MAX_PANELS = 8, COLUMN_VECTORS = 2 };

static int rows_of_tile(const device *dev)
{
    return dev->vec == 16 ? 8 : 6;
}

static bool supports(const device *dev, const convolution_call *call)
{
    (void)call;
    return dev->info.type & CL_DEVICE_TYPE_CPU;
}

/* The most sums that a call, or one for fewer images, makes: one for each tile. */
static status measure(device *dev, const convolution_call *call, convolution_bytes *bytes,
                      error *err)
{
    (void)err;
    size_t tiles = divide_up(tensor_pixels(call->y), (size_t)rows_of_tile(dev));
    *bytes = (convolution_bytes){.sums = batchnorm_sums_bytes(tiles, call->shape.cout)};
    return STATUS_OK;
}

/* Tiles of a block and blocks of the result. */
typedef struct blocking {
    size_t tiles, panels, rows, columns;
} blocking;

/* Blocks as large as they may be, since a factor's chunk is copied once per block, but enough of
 * them that every core has `share`. `repeats` blocks of each place run at the same time. */
static blocking block(const device *dev, size_t rows, size_t columns, size_t repeats, size_t share)
{
    const size_t wanted = share * (size_t)dev->info.compute_units;
    size_t row_tiles = divide_up(rows, (size_t)rows_of_tile(dev));
    size_t column_tiles = divide_up(columns, COLUMN_VECTORS * (size_t)dev->vec);
    blocking b = {MAX_TILES, MAX_PANELS, 0, 0};
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
    return block(dev, tensor_pixels(c->y), (size_t)c->shape.cout, batch, SHARE);
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
    blocking b = block(dev, rows, (size_t)c->shape.cin, classes * batch, SHARE);
    return LAUNCH(dev, program, "implicit_gemm_backward_data", blocks(&b, classes, batch), err,
                  ARG_BUFFER(c->y.buffer), ARG_BUFFER(c->weights), ARG_BUFFER(c->x.buffer),
                  ARG_SHAPES(c), ARG_INT(b.tiles), ARG_INT(b.panels), ARG_INT(c->accumulate));
}

/* Blocks are alike and long here, and each reads its rows of x and columns of dy from memory: one
 * for each core. */
static status backward_weights(device *dev, const char *program, const convolution_call *c,
                               size_t batch, error *err)
{
    size_t taps = (size_t)(c->shape.kernel * c->shape.kernel) * batch;
    blocking b = block(dev, (size_t)c->shape.cin, (size_t)c->shape.cout, taps, 1);
    return LAUNCH(dev, program, "implicit_gemm_backward_weights", blocks(&b, 1, taps), err,
                  ARG_BUFFER(c->x.buffer), ARG_BUFFER(c->y.buffer), ARG_BUFFER(c->weights),
                  ARG_SHAPES(c), ARG_INT(b.tiles), ARG_INT(b.panels), ARG_TERMS(c->terms));
}

static size_t sum_runs(const device *dev, const convolution_call *call)
{
    return block_forward(dev, call, 1).rows;
}

static status run_batch(device *dev, const char *program, const convolution_call *call,
                        size_t batch, error *err)
{
    switch (call->direction) {
    case CONVOLUTION_FORWARD:
        return forward(dev, program, call, batch, err);
    case CONVOLUTION_BACKWARD_DATA:
        return backward_data(dev, program, call, batch, err);
    default:
        return backward_weights(dev, program, call, batch, err);
    }
}

status implicit_gemm_batch(device *dev, const convolution_call *call, int batch, error *err)
{
    bool half = dev->precision == PRECISION_FP16;
    return run_batch(dev, half ? "implicit_gemm:fp32" : "implicit_gemm", call, (size_t)batch, err);
}

static status run(device *dev, const convolution_call *call, convolution_memory memory, error *err)
{
    (void)memory;
    return run_batch(dev, "implicit_gemm", call, 1, err);
}

const convolution_algorithm implicit_gemm = {.name = "implicit_gemm",
                                             .family = "gemm",
                                             .supports = supports,
                                             .measure = measure,
                                             .run = run,
                                             .finishes = true,
                                             .sum_runs = sum_runs};
