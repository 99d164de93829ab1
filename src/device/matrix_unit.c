/* SPDX-License-Identifier: Apache-2.0 */
/* The table of units; see matrix_unit.h. */
#include "device/matrix_unit.h"

/* NVIDIA's tensor cores multiply tf32 from compute capability 8.0 on. */
static bool has_nvidia_tf32(const device *dev)
{
    return dev->info.nv_capability >= 80;
}

static bool has_fma(const device *dev)
{
    (void)dev;
    return true;
}

/* The fastest first. Every device has the last. */
static const matrix_unit units[] = {
    {"NVIDIA tf32 mma", PRECISION_TF32, " -DNV_PTX", has_nvidia_tf32},
    {"fp32 FMA", PRECISION_FP32, "", has_fma},
};
enum { COUNT = sizeof units / sizeof units[0] };

const matrix_unit *matrix_unit_for(const device *dev, enum precision p)
{
    int i = 0;
    while (i < COUNT - 1 && !(units[i].precision == p && units[i].is_in(dev)))
        i++;
    return &units[i];
}

enum precision matrix_unit_best_precision(const device *dev)
{
    int i = 0;
    while (!units[i].is_in(dev))
        i++;
    return units[i].precision;
}
