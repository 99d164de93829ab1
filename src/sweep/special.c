/* SPDX-License-Identifier: Apache-2.0 */
/* The normal and beta distributions and their inverses; see special.h. */
#include "sweep/special.h"

#include <math.h>

double special_normal(double x)
{
    return 0.5 * erfc(-x / M_SQRT2);
}

/* Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.2.23; the error is below
 * 4.5e-4. */
static double estimate_upper_quantile(double p)
{
    double t = sqrt(-2 * log(p));
    return t - (2.515517 + t * (0.802853 + t * 0.010328)) /
                   (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
}

double special_normal_inverse(double p)
{
    /* Only the lower half is computed, where p keeps its digits; the upper half mirrors it. */
    if (p > 0.5)
        return -special_normal_inverse(1 - p);
    double x = -estimate_upper_quantile(p);
    /* Halley's method, which converges cubically: after two steps only rounding is left, and a
     * third step costs next to nothing. The second derivative of the probability is -x times the
     * first. */
    for (int step = 0; step < 3; step++) {
        double density = exp(-0.5 * x * x) / sqrt(2 * M_PI);
        double newton = (special_normal(x) - p) / density;
        x -= newton / (1 + 0.5 * x * newton);
    }
    return x;
}

/* The coefficient d_m of the continued fraction. */
static double beta_term(int m, double x, double a, double b)
{
    double k = m / 2; /* NOLINT(bugprone-integer-division): the same k for m = 2 k and 2 k + 1 */
    if (m % 2 == 0)
        return k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k));
    return -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1));
}

/* 1 + d_1 / (1 + d_2 / (1 + ...)) by the modified Lentz method (Thompson and Barnett, "Coulomb and
 * Bessel functions of complex arguments and order", J. Comput. Phys. 64, 1986). */
static double beta_fraction(double x, double a, double b)
{
    enum { MOST_TERMS = 20000 }; /* several times the square root of the largest a or b */
    const double tiny = 1e-300;
    double value = 1, c = 1, d = 0;
    for (int m = 1; m <= MOST_TERMS; m++) {
        double term = beta_term(m, x, a, b);
        d = 1 + term * d;
        d = 1 / (d == 0 ? tiny : d);
        c = 1 + term / c;
        c = c == 0 ? tiny : c;
        value *= c * d;
        if (fabs(c * d - 1) < 1e-16)
            break;
    }
    return value;
}

/* NIST Digital Library of Mathematical Functions, 8.17.22, which is fast for x below (a + 1) / (a +
 * b + 2); beyond that, 8.17.4, I_x(a, b) = 1 - I_{1-x}(b, a). */
double special_beta(double x, double a, double b)
{
    if (x <= 0 || x >= 1)
        return x > 0;
    double log_beta = lgamma(a) + lgamma(b) - lgamma(a + b);
    double front = exp(a * log(x) + b * log1p(-x) - log_beta);
    if (x > (a + 1) / (a + b + 2))
        return 1 - front / (b * beta_fraction(1 - x, b, a));
    return front / (a * beta_fraction(x, a, b));
}

/* Bisection of log(x / (1 - x)), a scale on which small x are as far apart as large ones. */
double special_beta_inverse(double p, double a, double b)
{
    if (p <= 0 || p >= 1)
        return p > 0;
    double low = -700, high = 700; /* the range of exp */
    for (;;) {
        double middle = 0.5 * (low + high);
        double x = 1 / (1 + exp(-middle));
        if (middle <= low || middle >= high)
            return x < 1e-304 ? 0 : x;
        if (special_beta(x, a, b) < p)
            low = middle;
        else
            high = middle;
    }
}
