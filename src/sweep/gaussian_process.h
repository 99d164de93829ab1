/* SPDX-License-Identifier: Apache-2.0 */
/* Gaussian process regression: a smooth function through noisy values at points of the unit cube,
 * and how uncertain it is. Rasmussen and Williams, "Gaussian Processes for Machine Learning"
 * (2006), chapters 2 and 5. */
#pragma once

#include "base/error.h"

#include <stddef.h>

enum { GAUSSIAN_PROCESS_MOST = 100 }; /* points; the time grows with the cube of their number */

typedef struct gaussian_process gaussian_process;

typedef struct gaussian_samples {
    size_t count, dimensions;
    const double *points; /* [count][dimensions] in [0, 1] */
    const double *values; /* [count] */
} gaussian_samples;

/* What a process assumes about values that are shifted and scaled to mean 0 and variance 1. */
typedef struct gaussian_terms {
    const double *lengths; /* [dimensions] distances over which the function changes */
    double amplitude;      /* variance of the function */
    double noise;          /* variance of a value around the function, as a share of the
                            * amplitude */
} gaussian_terms;

/* Finds the most likely terms. from->count is 1 to GAUSSIAN_PROCESS_MOST, and all numbers are
 * finite. Fails only if memory is out. The same numbers give the same process. Free it with
 * gaussian_process_free. */
status gaussian_process_fit(const gaussian_samples *from, gaussian_process **fitted, error *err);

/* The same with given terms. */
status gaussian_process_condition(const gaussian_samples *from, const gaussian_terms *terms,
                                  gaussian_process **fitted, error *err);

void gaussian_process_free(gaussian_process *g);

/* Adds points[count][dimensions] as if each had exactly the value that is predicted there: the mean
 * stays the same everywhere, and the deviation near the points shrinks. All points together are at
 * most GAUSSIAN_PROCESS_MOST. */
void gaussian_process_pretend(gaussian_process *g, const double *points, size_t count);

/* The terms in use; `lengths` is valid as long as g. */
gaussian_terms gaussian_process_terms(const gaussian_process *g);

/* The function's mean and standard deviation at point[dimensions], in the unit of the values,
 * without the noise of a value. */
void gaussian_process_predict(const gaussian_process *g, const double *point, double *mean,
                              double *deviation);
