/* SPDX-License-Identifier: Apache-2.0 */
/* Launches kernels/group_norm.cl; see group_norm.h. */
#include "ops/group_norm.h"
#include "device/kernel.h"

enum {
    CPU_ITEMS = 8,          /* tiles per compute unit, about */
    CPU_ROWS = 4,           /* pixels that a CPU sums at a time */
    CPU_PASS_FLOATS = 8192, /* floats in a tile of a pass that sums nothing */
    GPU_ITEMS = 512,        /* like CPU_ITEMS; many threads keep the memory busy */
    GPU_PASS_RUN = 4,       /* pixels in a tile of a pass that sums nothing */
    SHORTEST_RUN = 16,      /* pixels; shorter runs cost stage two more than stage one gains */
    MOST_RUNS = 64,         /* the second stage adds the runs one by one */
};

const float group_norm_epsilon = 1e-5f;

/* How the work is divided into tiles; see the kernels. */
typedef struct tiling {
    int pixels, width;
    int run, runs, rows;
    int pass_run;
    launch_range sums;     /* tiles of `run` pixels */
    launch_range pass;     /* tiles of `pass_run` pixels */
    launch_range channels; /* vectors of channels */
} tiling;

static size_t clamp(size_t value, size_t least, size_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* The tiling follows from the shape of one image, so that a short batch is summed like a full
 * one. */
static tiling make_tiling(const device *dev, tensor x)
{
    bool cpu = (dev->info.type & CL_DEVICE_TYPE_CPU) != 0;
    size_t pixels = (size_t)x.h * (size_t)x.w, vectors = device_vectors(dev, x.c);
    size_t parts = cpu ? 1 : vectors; /* parts of a row */
    size_t wanted = (size_t)dev->info.compute_units * (cpu ? CPU_ITEMS : GPU_ITEMS);
    size_t run = divide_up(pixels, clamp(divide_up(wanted, parts), 1, MOST_RUNS));
    run = clamp(run, SHORTEST_RUN, pixels > SHORTEST_RUN ? pixels : SHORTEST_RUN);
    size_t runs = divide_up(pixels, run);
    size_t pass_run = cpu ? divide_up(CPU_PASS_FLOATS, (size_t)x.c) : GPU_PASS_RUN;
    return (tiling){
        .pixels = (int)pixels,
        .width = (int)divide_up(vectors, parts) * dev->vec,
        .run = (int)run,
        .runs = (int)runs,
        .rows = (int)(cpu ? CPU_ROWS : run),
        .pass_run = (int)pass_run,
        .sums = range_of_tiles(dev, parts, runs, (size_t)x.n),
        .pass = range_of_tiles(dev, parts, divide_up(pixels, pass_run), (size_t)x.n),
        .channels = range_of_tiles(dev, vectors, 1, 1),
    };
}

size_t group_norm_workspace(const device *dev, tensor x)
{
    size_t runs = (size_t)make_tiling(dev, x).runs;
    return (size_t)x.n * (runs + 1) * 2 * (size_t)x.c * sizeof(float);
}

status group_norm_forward(device *dev, tensor x, const group_norm_layer *layer, bool relu, tensor y,
                          cl_mem workspace, error *err)
{
    tiling t = make_tiling(dev, x);
    launch_range groups = range_of_tiles(dev, (size_t)layer->groups, (size_t)x.n, 1);
    TRY(LAUNCH(dev, "group_norm", "group_norm_sums", t.sums, err, ARG_BUFFER(x.buffer),
               ARG_BUFFER(workspace), ARG_INT(t.pixels), ARG_INT(x.c), ARG_INT(t.width),
               ARG_INT(t.run), ARG_INT(t.rows)));
    TRY(LAUNCH(dev, "group_norm", "group_norm_statistics", groups, err, ARG_BUFFER(workspace),
               ARG_BUFFER(layer->mean), ARG_BUFFER(layer->inverse_deviation), ARG_INT(t.pixels),
               ARG_INT(x.c), ARG_INT(x.c / layer->groups), ARG_INT(t.run), ARG_INT(t.runs),
               ARG_FLOAT(group_norm_epsilon)));
    return LAUNCH(dev, "group_norm", "group_norm_normalise", t.pass, err, ARG_BUFFER(x.buffer),
                  ARG_BUFFER(layer->mean), ARG_BUFFER(layer->inverse_deviation),
                  ARG_BUFFER(layer->gamma), ARG_BUFFER(layer->beta), ARG_INT(relu),
                  ARG_BUFFER(y.buffer), ARG_INT(t.pixels), ARG_INT(x.c), ARG_INT(t.width),
                  ARG_INT(t.pass_run));
}

/* The data gradient, from the sums in the workspace. */
static status backward_input(device *dev, const tiling *t, tensor x, const group_norm_layer *layer,
                             cl_mem mask, tensor dy, const group_norm_gradients *gradients,
                             cl_mem workspace, error *err)
{
    TRY(LAUNCH(dev, "group_norm", "group_norm_gradient_means",
               range_of_tiles(dev, (size_t)layer->groups, (size_t)x.n, 1), err,
               ARG_BUFFER(workspace), ARG_BUFFER(layer->gamma),
               ARG_BUFFER(layer->inverse_deviation), ARG_INT(t->pixels), ARG_INT(x.c),
               ARG_INT(x.c / layer->groups), ARG_INT(t->runs)));
    return LAUNCH(dev, "group_norm", "group_norm_gradient", t->pass, err, ARG_BUFFER(x.buffer),
                  ARG_BUFFER(layer->mean), ARG_BUFFER(layer->inverse_deviation),
                  ARG_BUFFER(layer->gamma), ARG_BUFFER(mask), ARG_BUFFER(dy.buffer),
                  ARG_BUFFER(workspace), ARG_INT(t->runs), ARG_BUFFER(gradients->x.buffer),
                  ARG_INT(gradients->accumulate_x), ARG_INT(t->pixels), ARG_INT(x.c),
                  ARG_INT(t->width), ARG_INT(t->pass_run));
}

/* The data gradient comes first, because it needs gamma as it was in the forward pass. */
status group_norm_backward(device *dev, tensor x, const group_norm_layer *layer, bool relu,
                           tensor y, tensor dy, const group_norm_gradients *gradients,
                           cl_mem workspace, error *err)
{
    tiling t = make_tiling(dev, x);
    cl_mem mask = relu ? y.buffer : NULL;
    TRY(LAUNCH(dev, "group_norm", "group_norm_gradient_sums", t.sums, err, ARG_BUFFER(x.buffer),
               ARG_BUFFER(layer->mean), ARG_BUFFER(mask), ARG_BUFFER(dy.buffer),
               ARG_BUFFER(workspace), ARG_INT(t.pixels), ARG_INT(x.c), ARG_INT(t.width),
               ARG_INT(t.run), ARG_INT(t.rows)));
    if (gradients->x.buffer)
        TRY(backward_input(dev, &t, x, layer, mask, dy, gradients, workspace, err));
    if (!gradients->gamma && !gradients->beta)
        return STATUS_OK;
    return LAUNCH(dev, "group_norm", "group_norm_gradient_parameters", t.channels, err,
                  ARG_BUFFER(workspace), ARG_BUFFER(layer->inverse_deviation),
                  ARG_BUFFER(gradients->gamma), ARG_BUFFER(gradients->beta),
                  ARG_TERMS(gradients->terms), ARG_INT(x.n), ARG_INT(x.c), ARG_INT(t.runs));
}
