/* SPDX-License-Identifier: Apache-2.0 */
/* Times kernels/peak.cl; see peak.h. */
#include "ops/peak.h"
#include "base/clock.h"
#include "device/buffer.h"
#include "device/kernel.h"
#include "device/matrix_unit.h"

/* Chains of a work-item: enough that no multiply-add waits for the previous one. Rows: of a tile,
 * if the unit has tiles. */
#define CHAINS                12
#define ROWS                  32
#define TEXT(number)          #number
#define PROGRAM(chains, rows) "peak -DCHAINS=" TEXT(chains) " -DROWS=" TEXT(rows)

enum {
    RUNS = 5,
    STEPS = 200000, /* of vectors of 8 floats; more of slower units, fewer of faster ones */
    ITEMS_A_UNIT = 64,
    COPY_BYTES = 128 << 20,
};

status peak_multiply(device *dev, cl_mem sums, size_t items, int steps, float factor, error *err)
{
    /* Tiles, so that on a CPU every core gets its share. */
    return LAUNCH(dev, PROGRAM(CHAINS, ROWS), "peak_multiply", range_of_tiles(dev, items, 1, 1),
                  err, ARG_BUFFER(sums), ARG_UINT(items), ARG_INT(steps), ARG_FLOAT(factor));
}

status peak_copy(device *dev, cl_mem from, cl_mem to, size_t count, error *err)
{
    return LAUNCH(dev, PROGRAM(CHAINS, ROWS), "peak_copy", range_1d(count / (size_t)dev->vec), err,
                  ARG_BUFFER(from), ARG_BUFFER(to), ARG_ULONG(count));
}

static double best_rate(double amount, double seconds, double best)
{
    return amount / seconds > best ? amount / seconds : best;
}

/* The unit whose products peak.cl knows: on GPUs it multiplies floats. */
static const matrix_unit *unit_of(const device *dev)
{
    bool cpu = dev->info.type & CL_DEVICE_TYPE_CPU;
    return cpu ? dev->unit : matrix_unit_for(dev, PRECISION_FP32);
}

static status measure_flops(device *dev, double *flops, error *err)
{
    cl_mem sums = NULL;
    /* A GPU hides latency with many work-items per unit; a CPU runs them one after the other. */
    bool cpu = dev->info.type & CL_DEVICE_TYPE_CPU;
    size_t items = (size_t)dev->info.compute_units * ITEMS_A_UNIT * (cpu ? 1 : 32);
    const matrix_unit *unit = unit_of(dev);
    int sums_a_step = unit->rows ? unit->rows * 2 * dev->vec : CHAINS * dev->vec;
    double flops_a_step = 2.0 * sums_a_step * unit->lanes * unit->steps;
    int steps = (int)(STEPS * (2.0 * CHAINS * 8 * unit->speed) / flops_a_step);
    if (!cpu)
        steps /= 800;
    double amount = flops_a_step * steps * (double)items;
    TRY(buffer_create(dev, items * sizeof(float), &sums, err));
    status result = buffer_zero(dev, sums, 0, items * sizeof(float), err);
    *flops = 0;
    for (int run = 0; result == STATUS_OK && run <= RUNS; run++) {
        double start = clock_now();
        result = peak_multiply(dev, sums, items, steps, 1, err);
        if (result == STATUS_OK)
            result = device_finish_promptly(dev, err);
        if (run > 0) /* the first run builds the kernel */
            *flops = best_rate(amount, clock_now() - start, *flops);
    }
    buffer_release(&sums);
    return result;
}

static status measure_copy(device *dev, double *bytes_second, error *err)
{
    cl_mem from = NULL, to = NULL;
    *bytes_second = 0;
    status result = buffer_create(dev, COPY_BYTES, &from, err);
    if (result == STATUS_OK)
        result = buffer_create(dev, COPY_BYTES, &to, err);
    if (result == STATUS_OK)
        result = buffer_zero(dev, from, 0, COPY_BYTES, err);
    for (int run = 0; result == STATUS_OK && run <= RUNS; run++) {
        double start = clock_now();
        result = peak_copy(dev, from, to, COPY_BYTES / sizeof(float), err);
        if (result == STATUS_OK)
            result = device_finish_promptly(dev, err);
        if (run > 0)
            *bytes_second = best_rate(2.0 * COPY_BYTES, clock_now() - start, *bytes_second);
    }
    buffer_release(&from);
    buffer_release(&to);
    return result;
}

status peak_measure(device *dev, peak *measured, error *err)
{
    measured->unit = unit_of(dev)->name;
    TRY(measure_flops(dev, &measured->flops, err));
    return measure_copy(dev, &measured->bytes_second, err);
}

status peak_measure_again(device *dev, peak *measured, error *err)
{
    peak again;
    TRY(peak_measure(dev, &again, err));
    if (again.flops > measured->flops)
        measured->flops = again.flops;
    if (again.bytes_second > measured->bytes_second)
        measured->bytes_second = again.bytes_second;
    return STATUS_OK;
}
