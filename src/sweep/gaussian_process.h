/* SPDX-License-Identifier: Apache-2.0 */
/* Regression by a Gaussian process: a smooth function through noisy values at points of the unit
 * cube, with what it does not know. Rasmussen and Williams, "Gaussian Processes for Machine
 * Learning" (2006), chapters 2 and 5. */
#pragma once

#include "base/error.h"

#include <stddef.h>

enum { GAUSSIAN_PROCESS_MOST = 100 }; /* points; the work grows with their cube */

typedef struct gaussian_process gaussian_process;

typedef struct gaussian_samples {
    size_t count, dimensions;
    const double *points; /* [count][dimensions] in [0, 1] */
    const double *values; /* [count] */
} gaussian_samples;

/* What a process supposes, of values that are shifted and scaled to mean 0 and variance 1. */
typedef struct gaussian_terms {
    const double *lengths; /* [dimensions] distance in which the function changes */
    double amplitude;      /* variance of the function */
    double noise;          /* variance of a value around it, as a share of the amplitude */
} gaussian_terms;

/* Finds the likeliest terms. The samples' count is from 1 to GAUSSIAN_PROCESS_MOST, all numbers are
 * finite. Fails only when memory is out. The same numbers give the same process. */
status gaussian_process_fit(const gaussian_samples *from, gaussian_process **fitted, error *err);

/* The same with terms that are given. */
status gaussian_process_condition(const gaussian_samples *from, const gaussian_terms *terms,
                                  gaussian_process **fitted, error *err);

void gaussian_process_free(gaussian_process *g);

/* Adds points[count][dimensions] as if each had just the value that is predicted there: the mean
 * stays as it is everywhere, the deviation near them shrinks. All points together are at most
 * GAUSSIAN_PROCESS_MOST. */
void gaussian_process_pretend(gaussian_process *g, const double *points, size_t count);

/* The terms in use; `lengths` lives as long as g. */
gaussian_terms gaussian_process_terms(const gaussian_process *g);

/* The function's mean and standard deviation at a point[dimensions], in the values' unit; the
 * noise of a value is not in it. */
void gaussian_process_predict(const gaussian_process *g, const double *point, double *mean,
                              double *deviation);
