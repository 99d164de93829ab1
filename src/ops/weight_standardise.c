/* SPDX-License-Identifier: Apache-2.0 */
/* Launches kernels/weight_standardise.cl; see weight_standardise.h. */
#include "ops/weight_standardise.h"
#include "device/kernel.h"

enum {
    SHORTEST_RUN = 64, /* rows; combining shorter runs costs more than they gain */
    MOST_RUNS = 32,
};

const float weight_standardise_epsilon = 1e-8f;

/* For floats, whatever the device's precision. */
static const char program[] = "weight_standardise:fp32";

static size_t run_of(int rows)
{
    size_t run = divide_up((size_t)rows, MOST_RUNS);
    return run > SHORTEST_RUN ? run : SHORTEST_RUN;
}

static size_t runs_of(int rows)
{
    return divide_up((size_t)rows, run_of(rows));
}

size_t weight_standardise_workspace(int rows, int c)
{
    return runs_of(rows) * 2 * (size_t)c * sizeof(float);
}

static launch_range tiles_of(const device *dev, const weight_standardise_layer *l)
{
    return range_of_tiles(dev, device_vectors(dev, (size_t)l->c), runs_of(l->rows), 1);
}

status weight_standardise_measure(device *dev, const weight_standardise_layer *l, cl_mem workspace,
                                  error *err)
{
    TRY(LAUNCH(dev, program, "weight_standardise_sums", tiles_of(dev, l), err,
               ARG_BUFFER(l->weights), ARG_BUFFER(workspace), ARG_INT(l->rows), ARG_INT(l->c),
               ARG_INT(run_of(l->rows))));
    return LAUNCH(dev, program, "weight_standardise_statistics",
                  range_of_tiles(dev, device_vectors(dev, (size_t)l->c), 1, 1), err,
                  ARG_BUFFER(workspace), ARG_BUFFER(l->mean), ARG_BUFFER(l->inverse_deviation),
                  ARG_INT(l->rows), ARG_INT(l->c), ARG_INT(run_of(l->rows)),
                  ARG_INT(runs_of(l->rows)), ARG_FLOAT(weight_standardise_epsilon));
}

status weight_standardise_apply(device *dev, const weight_standardise_layer *l, cl_mem standardised,
                                error *err)
{
    bool cpu = (dev->info.type & CL_DEVICE_TYPE_CPU) != 0;
    int width = cpu ? (int)device_vectors(dev, l->c) * dev->vec : dev->vec;
    return LAUNCH(
        dev, program, "weight_standardise_apply",
        range_of_tiles(dev, cpu ? 1 : device_vectors(dev, (size_t)l->c), runs_of(l->rows), 1), err,
        ARG_BUFFER(l->weights), ARG_BUFFER(l->mean), ARG_BUFFER(l->inverse_deviation),
        ARG_BUFFER(standardised), ARG_INT(l->rows), ARG_INT(l->c), ARG_INT(width),
        ARG_INT(run_of(l->rows)));
}

status weight_standardise_backward(device *dev, const weight_standardise_layer *l, cl_mem g,
                                   cl_mem dw, gradient_terms terms, cl_mem workspace, error *err)
{
    TRY(LAUNCH(dev, program, "weight_standardise_gradient_sums", tiles_of(dev, l), err,
               ARG_BUFFER(l->weights), ARG_BUFFER(l->mean), ARG_BUFFER(g), ARG_BUFFER(workspace),
               ARG_INT(l->rows), ARG_INT(l->c), ARG_INT(run_of(l->rows))));
    return LAUNCH(dev, program, "weight_standardise_gradient", tiles_of(dev, l), err,
                  ARG_BUFFER(l->weights), ARG_BUFFER(l->mean), ARG_BUFFER(l->inverse_deviation),
                  ARG_BUFFER(g), ARG_BUFFER(workspace), ARG_INT(runs_of(l->rows)), ARG_BUFFER(dw),
                  ARG_TERMS(terms), ARG_INT(l->rows), ARG_INT(l->c), ARG_INT(run_of(l->rows)));
}
