/* SPDX-License-Identifier: Apache-2.0 */
/* The units with which devices multiply, as a table. Kernels that know several units are compiled
 * with the definitions of one; kernels/matrix_unit.cl has the code of those of CPUs. */
#pragma once

#include "device/device.h"

typedef struct matrix_unit {
    const char *name;                 /* for people: "NVIDIA tf32 mma" */
    enum precision precision;         /* what it rounds factors to */
    int steps;                        /* of a sum, that one lane of its vectors contains */
    int lanes;                        /* that factors have a multiple of */
    int rows;                         /* of its tile of sums; 0: of any tile of vector registers */
    int speed;                        /* in multiply-adds, relative to the fp32 FMA */
    const char *definitions;          /* as in the name of a program (device/program.h) */
    bool (*is_in)(const device *dev); /* judged by what the device reports */
} matrix_unit;

/* The unit that multiplies in the precision on this device: the precision's own or, if the device
 * has none of those, the fp32 FMA, which never rounds factors. device.unit is that of the device's
 * own precision. */
const matrix_unit *matrix_unit_for(const device *dev, enum precision p);
/* Whether the device has a unit of its own for the precision. */
bool matrix_unit_has(const device *dev, enum precision p);
/* The unit of that name, or NULL. */
const matrix_unit *matrix_unit_find(const char *name);
/* The precision of the device's fastest unit. */
enum precision matrix_unit_best_precision(const device *dev);
