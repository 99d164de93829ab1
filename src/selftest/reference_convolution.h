/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions in double precision, for checks and tests. */
#pragma once

#include "ops/convolution.h"

/* The shape of y for an x; its buffer is NULL. */
tensor reference_convolution_output(const convolution_shape *s, tensor x);

/* Results of a convolution, each added to what is there; NULL: not computed. `y` is the forward
 * pass of x and w; `dx` and `dw` are the gradients for dy. The layouts are those of
 * ops/convolution.h; the buffers of the call are not used. */
typedef struct reference_convolution {
    const float *x, *w, *dy; /* NULL if no result needs it */
    double *y, *dx, *dw;
} reference_convolution;
void reference_convolution_add(const convolution_shape *s, tensor x,
                               const reference_convolution *r);

/* Combines the `runs` runs of a batch's statistics (batchnorm_sums in ops/batchnorm.h, with the
 * counts at their end) into the mean and the sum of squared deviations of each channel, [c] each.
 * Returns the number of pixels; 0 if a run is empty. */
size_t reference_combine_runs(const float *sums, size_t runs, size_t c, double *mean,
                              double *squares);
