/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of convolution algorithms, shared by their tests. */
#pragma once

#include "ops/convolution.h"

#include <stdint.h>

typedef struct problem {
    convolution_shape s;
    int n, h, w, oh, ow;
} problem;

/* A result is right if |got - want| <= absolute + relative * |want|. */
typedef struct tolerance {
    double relative, absolute;
} tolerance;
extern const tolerance convolution_tolerance; /* error of plain fp32 sums */

/* A problem by its number: the first are odd cases, the others random. A kernel of 0 draws 3, 5 or
 * 7. */
problem convolution_problem(int index, int kernel);
/* Runs the forward pass and both backward passes with random numbers and compares them with sums in
 * double precision, `within` the tolerance plus, for y and dx, the rounding of stored activations.
 * If the algorithm supports it, runs the forward pass again with a random finish and with
 * statistics. Runs the weight gradient again with other terms. With accumulate, the data gradient
 * is added to the values before. */
void convolution_check(device *dev, const convolution_algorithm *algorithm, const problem *p,
                       uint64_t seed, bool accumulate, tolerance within);
/* The same with any tile. */
void convolution_check_by(device *dev, convolution_choice by, const problem *p, uint64_t seed,
                          bool accumulate, tolerance within);
/* Checks the reference's own gradients against central differences. */
void convolution_check_reference(void);
