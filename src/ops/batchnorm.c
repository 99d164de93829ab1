/* SPDX-License-Identifier: Apache-2.0 */
/* Launches kernels/batchnorm.cl; see batchnorm.h. */
#include "ops/batchnorm.h"
#include "device/kernel.h"

enum {
    CPU_ITEMS = 64,         /* tiles per compute unit, about; smaller tiles stay in cache better */
    CPU_VECTORS = 8,        /* the narrowest tile of a CPU, in vectors */
    CPU_GROUP = 4,          /* least number of rows that a CPU sums at a time */
    CPU_CACHED = 64,        /* vectors in such a group of rows, if the rows are narrow */
    CPU_PASS_FLOATS = 8192, /* floats in a tile of a pass that sums nothing */
    GPU_ITEMS = 512,        /* like CPU_ITEMS; many threads keep the memory busy */
    GPU_PASS_RUN = 4,       /* pixels in a tile of a pass that sums nothing */
    SHORTEST_RUN = 16,      /* pixels; shorter runs cost stage two more than stage one gains */
    MOST_RUNS = 256,        /* the second stage adds the runs one by one */
};

/* How the work is divided into tiles; see the kernels. */
typedef struct tiling {
    int pixels, width;
    int run, runs, group;
    int pass_run;
    launch_range sums; /* tiles of `run` pixels */
    launch_range pass; /* tiles of `pass_run` pixels */
} tiling;

static size_t at_least(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t at_most(size_t a, size_t b)
{
    return a < b ? a : b;
}

static tiling make_tiling(const device *dev, tensor x)
{
    bool cpu = (dev->info.type & CL_DEVICE_TYPE_CPU) != 0;
    size_t pixels = tensor_pixels(x), vectors = device_vectors(dev, x.c);
    size_t wanted = (size_t)dev->info.compute_units * (cpu ? CPU_ITEMS : GPU_ITEMS);
    size_t parts = cpu ? 1 : vectors; /* parts of a row */
    size_t runs = at_most(divide_up(wanted, parts), MOST_RUNS);
    size_t run = at_least(divide_up(pixels, runs), SHORTEST_RUN);
    runs = divide_up(pixels, run);
    if (cpu) /* if there are few pixels, divide the rows as well */
        parts = at_most(divide_up(wanted, runs), divide_up(vectors, CPU_VECTORS));
    size_t width = divide_up(vectors, parts);
    parts = divide_up(vectors, width);
    size_t pass_run = cpu ? divide_up(CPU_PASS_FLOATS, (size_t)x.c) : GPU_PASS_RUN;
    return (tiling){
        .pixels = (int)pixels,
        .width = (int)width * dev->vec,
        .run = (int)run,
        .runs = (int)runs,
        .group = (int)(cpu ? at_least(CPU_CACHED / width, CPU_GROUP) : run),
        .pass_run = (int)pass_run,
        .sums = range_of_tiles(dev, parts, runs, 1),
        .pass = range_of_tiles(dev, parts, divide_up(pixels, pass_run), 1),
    };
}

size_t batchnorm_sums_bytes(size_t runs, int channels)
{
    return runs * (2 * (size_t)channels * sizeof(float) + sizeof(cl_int));
}

size_t batchnorm_workspace(const device *dev, tensor x)
{
    return batchnorm_sums_bytes(at_least((size_t)make_tiling(dev, x).runs, 2), x.c);
}

static const float momentum = 0.1f;
const float batchnorm_epsilon = 1e-5f;

static status normalise(device *dev, const tiling *t, tensor x, cl_mem mean, cl_mem inverse,
                        const batchnorm_layer *layer, tensor residual, bool relu, tensor y,
                        error *err)
{
    return LAUNCH(dev, "batchnorm", "batchnorm_normalise", t->pass, err, ARG_BUFFER(x.buffer),
                  ARG_BUFFER(mean), ARG_BUFFER(inverse), ARG_BUFFER(layer->gamma),
                  ARG_BUFFER(layer->beta), ARG_BUFFER(residual.buffer), ARG_INT(relu),
                  ARG_BUFFER(y.buffer), ARG_INT(t->pixels), ARG_INT(x.c), ARG_INT(t->width),
                  ARG_INT(t->pass_run));
}

status batchnorm_sum(device *dev, tensor x, cl_mem workspace, batchnorm_sums *made, error *err)
{
    tiling t = make_tiling(dev, x);
    *made = (batchnorm_sums){workspace, (size_t)t.runs};
    return LAUNCH(dev, "batchnorm", "batchnorm_sums", t.sums, err, ARG_BUFFER(x.buffer),
                  ARG_BUFFER(workspace), ARG_INT(t.pixels), ARG_INT(x.c), ARG_INT(t.width),
                  ARG_INT(t.run), ARG_INT(t.group));
}

/* One work-item per vector of channels. */
static launch_range channels_of(const device *dev, int channels)
{
    return range_of_tiles(dev, device_vectors(dev, channels), 1, 1);
}

status batchnorm_merge(device *dev, batchnorm_sums sums, int channels, cl_mem merged, error *err)
{
    return LAUNCH(dev, "batchnorm", "batchnorm_merge", channels_of(dev, channels), err,
                  ARG_BUFFER(sums.buffer), ARG_INT(sums.runs), ARG_BUFFER(merged),
                  ARG_INT(channels));
}

status batchnorm_forward(device *dev, tensor x, const batchnorm_layer *layer, batchnorm_sums sums,
                         tensor residual, bool relu, tensor y, error *err)
{
    tiling t = make_tiling(dev, x);
    TRY(LAUNCH(dev, "batchnorm", "batchnorm_statistics", channels_of(dev, x.c), err,
               ARG_BUFFER(sums.buffer), ARG_INT(sums.runs), ARG_BUFFER(layer->mean),
               ARG_BUFFER(layer->inverse_deviation), ARG_BUFFER(layer->running_mean),
               ARG_BUFFER(layer->running_variance), ARG_INT(x.c), ARG_FLOAT(momentum),
               ARG_FLOAT(batchnorm_epsilon)));
    return normalise(dev, &t, x, layer->mean, layer->inverse_deviation, layer, residual, relu, y,
                     err);
}

status batchnorm_fold(device *dev, const batchnorm_layer *layer, int channels, cl_mem scale,
                      cl_mem shift, error *err)
{
    return LAUNCH(dev, "batchnorm", "batchnorm_fold", channels_of(dev, channels), err,
                  ARG_BUFFER(layer->running_mean), ARG_BUFFER(layer->running_variance),
                  ARG_BUFFER(layer->gamma), ARG_BUFFER(layer->beta), ARG_BUFFER(scale),
                  ARG_BUFFER(shift), ARG_INT(channels), ARG_FLOAT(batchnorm_epsilon));
}

status batchnorm_evaluate(device *dev, tensor x, const batchnorm_layer *layer, tensor residual,
                          bool relu, tensor y, cl_mem workspace, error *err)
{
    tiling t = make_tiling(dev, x);
    TRY(LAUNCH(dev, "batchnorm", "batchnorm_inverse", channels_of(dev, x.c), err,
               ARG_BUFFER(layer->running_variance), ARG_BUFFER(workspace), ARG_INT(x.c),
               ARG_FLOAT(batchnorm_epsilon)));
    return normalise(dev, &t, x, layer->running_mean, workspace, layer, residual, relu, y, err);
}

status batchnorm_gradient_sums(device *dev, tensor x, const batchnorm_layer *layer, bool relu,
                               tensor y, tensor dy, const batchnorm_gradients *gradients,
                               bool whole, cl_mem workspace, error *err)
{
    tiling t = make_tiling(dev, x);
    TRY(LAUNCH(dev, "batchnorm", "batchnorm_gradient_sums", t.sums, err, ARG_BUFFER(x.buffer),
               ARG_BUFFER(layer->mean), ARG_BUFFER(relu ? y.buffer : NULL), ARG_BUFFER(dy.buffer),
               ARG_BUFFER(workspace), ARG_INT(t.pixels), ARG_INT(x.c), ARG_INT(t.width),
               ARG_INT(t.run), ARG_INT(t.group)));
    return LAUNCH(dev, "batchnorm", "batchnorm_gradient_parameters", channels_of(dev, x.c), err,
                  ARG_BUFFER(workspace), ARG_BUFFER(layer->gamma),
                  ARG_BUFFER(layer->inverse_deviation), ARG_BUFFER(gradients->gamma),
                  ARG_BUFFER(gradients->beta), ARG_TERMS(gradients->terms),
                  ARG_INT(whole ? t.pixels : 1), ARG_INT(x.c), ARG_INT(t.runs));
}

status batchnorm_gradient_means(device *dev, const batchnorm_layer *layer, int parts, int pixels,
                                int channels, cl_mem workspace, error *err)
{
    return LAUNCH(dev, "batchnorm", "batchnorm_gradient_means", channels_of(dev, channels), err,
                  ARG_BUFFER(workspace), ARG_INT(parts), ARG_BUFFER(layer->gamma),
                  ARG_BUFFER(layer->inverse_deviation), ARG_INT(pixels), ARG_INT(channels));
}

status batchnorm_backward(device *dev, tensor x, const batchnorm_layer *layer, bool relu, tensor y,
                          tensor dy, const batchnorm_gradients *gradients, cl_mem workspace,
                          error *err)
{
    tiling t = make_tiling(dev, x);
    if (!gradients->x.buffer && !gradients->residual.buffer)
        return STATUS_OK;
    return LAUNCH(dev, "batchnorm", "batchnorm_gradient", t.pass, err, ARG_BUFFER(x.buffer),
                  ARG_BUFFER(layer->mean), ARG_BUFFER(relu ? y.buffer : NULL),
                  ARG_BUFFER(dy.buffer), ARG_BUFFER(workspace), ARG_BUFFER(gradients->x.buffer),
                  ARG_INT(gradients->accumulate_x), ARG_BUFFER(gradients->residual.buffer),
                  ARG_INT(gradients->accumulate_residual), ARG_INT(t.pixels), ARG_INT(x.c),
                  ARG_INT(t.width), ARG_INT(t.pass_run));
}
