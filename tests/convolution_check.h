/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of convolution algorithms share. */
#pragma once

#include "ops/convolution.h"

#include <stdint.h>

typedef struct problem {
    convolution_shape s;
    int n, h, w, oh, ow;
} problem;

/* |got - want| <= absolute + relative * |want|. */
typedef struct tolerance {
    double relative, absolute;
} tolerance;
extern const tolerance convolution_tolerance; /* what plain fp32 sums keep */

/* y's shape for x's; the buffer is NULL. */
static inline tensor convolution_output(const convolution_shape *s, tensor x)
{
    return (tensor){NULL, x.n, (x.h + 2 * s->pad - s->kernel) / s->stride + 1,
                    (x.w + 2 * s->pad - s->kernel) / s->stride + 1, s->cout};
}

/* A problem by number: odd cases first, then random ones. kernel 0 draws 3, 5 or 7. */
problem convolution_problem(int index, int kernel);
/* Runs forward and both backward passes with random numbers and compares them with sums in double
 * precision, `within` and, for y and dx, the rounding of what is stored; and forward again with a
 * random ending and with statistics, where the algorithm has them, and the gradient by the weights
 * again with other terms. With accumulate the data gradient is added to what is there. */
void convolution_check(device *dev, const convolution_algorithm *algorithm, const problem *p,
                       uint64_t seed, bool accumulate, tolerance within);
/* The same by any tile. */
void convolution_check_by(device *dev, convolution_choice by, const problem *p, uint64_t seed,
                          bool accumulate, tolerance within);
/* The sums' own gradients against central differences. */
void convolution_check_reference(void);
