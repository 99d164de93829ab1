/* SPDX-License-Identifier: Apache-2.0 */
/* Probability functions that C's library lacks. */
#pragma once

/* The standard normal distribution: the probability below x. */
double special_normal(double x);
/* Its inverse, for p in (0, 1). */
double special_normal_inverse(double p);

/* The beta distribution: the probability below x, which is the regularised incomplete beta function
 * I_x(a, b). a and b are above 0 and at most 1e6. x below 0 counts as 0, above 1 as 1. */
double special_beta(double x, double a, double b);
/* Its inverse, for p in [0, 1]; results below 1e-304 are 0. */
double special_beta_inverse(double p, double a, double b);
