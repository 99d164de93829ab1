/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of probability that C's library lacks. */
#pragma once

/* The share of the standard normal distribution below x. */
double special_normal(double x);
/* Its inverse, for p in (0, 1). */
double special_normal_inverse(double p);

/* The share of the beta distribution below x: the regularised incomplete beta function I_x(a, b),
 * for a and b above 0, at most 1e6. x below 0 is as 0 and above 1 as 1. */
double special_beta(double x, double a, double b);
/* Its inverse, for p in [0, 1]; below 1e-304 it is 0. */
double special_beta_inverse(double p, double a, double b);
