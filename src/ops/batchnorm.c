/* SPDX-License-Identifier: Apache-2.0 */
/* Launches kernels/batchnorm.cl; see batchnorm.h. */
#include "ops/batchnorm.h"
#include "device/buffer.h"
#include "device/kernel.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
    CPU_ITEMS = 64,         /* tiles wanted per compute unit: smaller ones stay in cache better */
    CPU_VECTORS = 8,        /* the narrowest tile of a CPU, in vectors */
    CPU_GROUP = 4,          /* rows that a CPU sums at a time, at least */
    CPU_CACHED = 64,        /* vectors in such a group of rows, where they are narrow */
    CPU_PASS_FLOATS = 8192, /* in a tile where nothing is summed */
    GPU_ITEMS = 512,        /* as CPU_ITEMS; it takes many threads to keep the memory busy */
    GPU_PASS_RUN = 4,       /* pixels in a tile where nothing is summed */
    SHORTEST_RUN = 16,      /* below this the second stage costs more than the first gains */
    MOST_RUNS = 256,        /* the second stage walks over them one by one */
};

/* How the work is cut into tiles; see the kernels. */
typedef struct tiling {
    int pixels, width;
    int run, runs, group;
    int pass_run;
    launch_range sums;     /* tiles of `run` pixels */
    launch_range pass;     /* tiles of `pass_run` pixels */
    launch_range channels; /* vectors */
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
    size_t parts = cpu ? 1 : vectors; /* of a row */
    size_t runs = at_most(divide_up(wanted, parts), MOST_RUNS);
    size_t run = at_least(divide_up(pixels, runs), SHORTEST_RUN);
    runs = divide_up(pixels, run);
    if (cpu) /* few pixels: cut the rows as well */
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
        .sums = RANGE_2D(parts, runs),
        .pass = RANGE_2D(parts, divide_up(pixels, pass_run)),
        .channels = RANGE_1D(vectors),
    };
}

size_t batchnorm_sums_bytes(size_t runs, int channels)
{
    return runs * (2 * (size_t)channels * sizeof(float) + sizeof(cl_int));
}

size_t batchnorm_workspace(const device *dev, tensor x, const batchnorm_exchange *sync)
{
    size_t runs = (size_t)make_tiling(dev, x).runs + 1;
    return batchnorm_sums_bytes(at_least(runs, sync ? (size_t)sync->ranks : 0), x.c);
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

static status sum_runs(device *dev, const tiling *t, tensor x, cl_mem workspace, error *err)
{
    return LAUNCH(dev, "batchnorm", "batchnorm_sums", t->sums, err, ARG_BUFFER(x.buffer),
                  ARG_BUFFER(workspace), ARG_INT(t->pixels), ARG_INT(x.c), ARG_INT(t->width),
                  ARG_INT(t->run), ARG_INT(t->group));
}

/* A rank's message: its two sums of each channel and, as bits, the pixels that they are of. */
static size_t message_floats(int channels)
{
    return 2 * (size_t)channels + 1;
}

/* The ranks' messages in the form of batchnorm_sums. */
static status pack_runs(const float *messages, int ranks, int channels, float *runs, error *err)
{
    size_t floats = message_floats(channels), sums = floats - 1;
    float *counts = runs + (size_t)ranks * sums;
    int64_t pixels = 0;
    for (int r = 0; r < ranks; r++, messages += floats, runs += sums) {
        cl_int count;
        memcpy(runs, messages, sums * sizeof *runs);
        memcpy(counts + r, messages + sums, sizeof count);
        memcpy(&count, messages + sums, sizeof count);
        pixels += count;
    }
    return pixels <= INT_MAX ? STATUS_OK
                             : error_set(err, STATUS_FAILED,
                                         "batch normalisation over %lld pixels in %d ranks, at "
                                         "most %d can be counted: take smaller batches",
                                         (long long)pixels, ranks, INT_MAX);
}

/* Makes the rank's run, [2][c] at `offset` bytes of the workspace, those of all ranks, from its
 * beginning on. */
static status exchange_runs(device *dev, const batchnorm_exchange *sync, int pixels, int channels,
                            cl_mem workspace, size_t offset, error *err)
{
    size_t floats = message_floats(channels), sums = floats - 1, ranks = (size_t)sync->ranks;
    float *mine = malloc((1 + 2 * ranks) * floats * sizeof *mine);
    if (!mine)
        return error_memory(err, "the sums of a batch normalisation");
    float *all = mine + floats, *runs = all + ranks * floats;
    const cl_int count = pixels;
    memcpy(mine + sums, &count, sizeof count);
    status result = buffer_read(dev, workspace, offset, mine, sums * sizeof *mine, err);
    if (result == STATUS_OK)
        result = sync->gather(sync->context, mine, floats, all, err);
    if (result == STATUS_OK)
        result = pack_runs(all, sync->ranks, channels, runs, err);
    if (result == STATUS_OK)
        result = buffer_write(dev, workspace, 0, runs, batchnorm_sums_bytes(ranks, channels), err);
    free(mine);
    return result;
}

/* The sums become those of all ranks, one run each. */
static status share_sums(device *dev, const batchnorm_exchange *sync, const tiling *t, int channels,
                         batchnorm_sums *sums, cl_mem workspace, error *err)
{
    TRY(LAUNCH(dev, "batchnorm", "batchnorm_merge", t->channels, err, ARG_BUFFER(sums->buffer),
               ARG_INT(sums->runs), ARG_BUFFER(workspace), ARG_INT(channels)));
    *sums = (batchnorm_sums){workspace, (size_t)sync->ranks};
    return exchange_runs(dev, sync, t->pixels, channels, workspace, 0, err);
}

status batchnorm_forward(device *dev, tensor x, const batchnorm_layer *layer, batchnorm_sums sums,
                         tensor residual, bool relu, tensor y, const batchnorm_exchange *sync,
                         cl_mem workspace, error *err)
{
    tiling t = make_tiling(dev, x);
    if (sums.runs == 0) {
        TRY(sum_runs(dev, &t, x, workspace, err));
        sums = (batchnorm_sums){workspace, (size_t)t.runs};
    }
    if (sync)
        TRY(share_sums(dev, sync, &t, x.c, &sums, workspace, err));
    TRY(LAUNCH(dev, "batchnorm", "batchnorm_statistics", t.channels, err, ARG_BUFFER(sums.buffer),
               ARG_INT(sums.runs), ARG_BUFFER(layer->mean), ARG_BUFFER(layer->inverse_deviation),
               ARG_BUFFER(layer->running_mean), ARG_BUFFER(layer->running_variance), ARG_INT(x.c),
               ARG_FLOAT(momentum), ARG_FLOAT(batchnorm_epsilon)));
    return normalise(dev, &t, x, layer->mean, layer->inverse_deviation, layer, residual, relu, y,
                     err);
}

status batchnorm_fold(device *dev, const batchnorm_layer *layer, int channels, cl_mem scale,
                      cl_mem shift, error *err)
{
    return LAUNCH(dev, "batchnorm", "batchnorm_fold", RANGE_1D(device_vectors(dev, channels)), err,
                  ARG_BUFFER(layer->running_mean), ARG_BUFFER(layer->running_variance),
                  ARG_BUFFER(layer->gamma), ARG_BUFFER(layer->beta), ARG_BUFFER(scale),
                  ARG_BUFFER(shift), ARG_INT(channels), ARG_FLOAT(batchnorm_epsilon));
}

status batchnorm_evaluate(device *dev, tensor x, const batchnorm_layer *layer, tensor residual,
                          bool relu, tensor y, cl_mem workspace, error *err)
{
    tiling t = make_tiling(dev, x);
    TRY(LAUNCH(dev, "batchnorm", "batchnorm_inverse", t.channels, err,
               ARG_BUFFER(layer->running_variance), ARG_BUFFER(workspace), ARG_INT(x.c),
               ARG_FLOAT(batchnorm_epsilon)));
    return normalise(dev, &t, x, layer->running_mean, workspace, layer, residual, relu, y, err);
}

/* The sums behind the partials become the means of all ranks, at the workspace's beginning. */
static status share_gradient_sums(device *dev, const batchnorm_exchange *sync, const tiling *t,
                                  int channels, cl_mem workspace, error *err)
{
    size_t behind = 2 * (size_t)channels * (size_t)t->runs * sizeof(float);
    TRY(exchange_runs(dev, sync, t->pixels, channels, workspace, behind, err));
    return LAUNCH(dev, "batchnorm", "batchnorm_gradient_means", t->channels, err,
                  ARG_BUFFER(workspace), ARG_INT(sync->ranks), ARG_INT(channels));
}

status batchnorm_backward(device *dev, tensor x, const batchnorm_layer *layer, bool relu, tensor y,
                          tensor dy, const batchnorm_gradients *gradients,
                          const batchnorm_exchange *sync, cl_mem workspace, error *err)
{
    tiling t = make_tiling(dev, x);
    cl_mem mask = relu ? y.buffer : NULL;
    bool shared = sync && gradients->x.buffer;
    TRY(LAUNCH(dev, "batchnorm", "batchnorm_gradient_sums", t.sums, err, ARG_BUFFER(x.buffer),
               ARG_BUFFER(layer->mean), ARG_BUFFER(mask), ARG_BUFFER(dy.buffer),
               ARG_BUFFER(workspace), ARG_INT(t.pixels), ARG_INT(x.c), ARG_INT(t.width),
               ARG_INT(t.run), ARG_INT(t.group)));
    TRY(LAUNCH(dev, "batchnorm", "batchnorm_gradient_parameters", t.channels, err,
               ARG_BUFFER(workspace), ARG_BUFFER(layer->inverse_deviation),
               ARG_BUFFER(gradients->gamma), ARG_BUFFER(gradients->beta),
               ARG_INT(shared ? 1 : t.pixels), ARG_INT(x.c), ARG_INT(t.runs)));
    if (!gradients->x.buffer && !gradients->residual.buffer)
        return STATUS_OK;
    if (shared)
        TRY(share_gradient_sums(dev, sync, &t, x.c, workspace, err));
    return LAUNCH(dev, "batchnorm", "batchnorm_gradient", t.pass, err, ARG_BUFFER(x.buffer),
                  ARG_BUFFER(layer->mean), ARG_BUFFER(layer->inverse_deviation),
                  ARG_BUFFER(layer->gamma), ARG_BUFFER(mask), ARG_BUFFER(dy.buffer),
                  ARG_BUFFER(workspace), ARG_INT(shared ? 0 : t.runs),
                  ARG_BUFFER(gradients->x.buffer), ARG_INT(gradients->accumulate_x),
                  ARG_BUFFER(gradients->residual.buffer), ARG_INT(gradients->accumulate_residual),
                  ARG_INT(t.pixels), ARG_INT(x.c), ARG_INT(t.width), ARG_INT(t.pass_run));
}
