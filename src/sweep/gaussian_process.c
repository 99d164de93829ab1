/* SPDX-License-Identifier: Apache-2.0 */
/* Gaussian process regression with a Matern kernel; see gaussian_process.h. Equation numbers are
 * those of Rasmussen and Williams. */
#include "sweep/gaussian_process.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Added to the diagonal, so that points close to each other do not make the matrix singular. If it
 * is singular even so, ten times as much is tried. */
static const double NUGGET = 1e-7;
enum { NUGGET_TRIES = 7 };

/* Bounds of the terms. */
static const double SHORTEST = 0.02, LONGEST = 20;
static const double LEAST_NOISE = 1e-8, MOST_NOISE = 1;
static const double LEAST_AMPLITUDE = 0.05, MOST_AMPLITUDE = 20;

/* The search moves the logarithms of the terms by steps of FIRST_STEP, which are halved down to
 * LAST_STEP. */
static const double FIRST_STEP = 1.2, LAST_STEP = 0.1;
enum { MOST_LIKELIHOODS = 150 };

/* The prior: the logarithms of the terms are normal around these values, with these standard
 * deviations. Few points say little about many lengths, and without a prior they would choose
 * extremes. */
static const double USUAL_LENGTH = 0.5, LENGTH_SPREAD = 1;
static const double USUAL_NOISE = 1e-4, NOISE_SPREAD = 3;

struct gaussian_process {
    size_t dimensions, count;
    double mean, scale; /* of the values */
    double amplitude, noise;
    double likelihood; /* its logarithm, up to a constant */
    /* Each array has room for GAUSSIAN_PROCESS_MOST points. */
    double values[GAUSSIAN_PROCESS_MOST];  /* [count] standardised */
    double weights[GAUSSIAN_PROCESS_MOST]; /* [count] the inverse of the matrix times the values */
    /* [count][count] lower triangle: the Cholesky factor of the matrix */
    double factor[GAUSSIAN_PROCESS_MOST * GAUSSIAN_PROCESS_MOST];
    double *points;   /* [count][dimensions], stored after the lengths */
    double lengths[]; /* [dimensions] */
};

void gaussian_process_free(gaussian_process *g)
{
    free(g);
}

gaussian_terms gaussian_process_terms(const gaussian_process *g)
{
    return (gaussian_terms){.lengths = g->lengths, .amplitude = g->amplitude, .noise = g->noise};
}

static void standardise(gaussian_process *g, const double *values)
{
    double n = (double)g->count, sum = 0, squares = 0;
    for (size_t i = 0; i < g->count; i++)
        sum += values[i] / n;
    g->mean = sum;
    for (size_t i = 0; i < g->count; i++)
        squares += (values[i] - g->mean) * (values[i] - g->mean) / n;
    g->scale = squares > 0 && isfinite(squares) ? sqrt(squares) : 1;
    for (size_t i = 0; i < g->count; i++)
        g->values[i] = (values[i] - g->mean) / g->scale;
}

static status create(const gaussian_samples *from, gaussian_process **made, error *err)
{
    size_t dimensions = from->dimensions;
    gaussian_process *g =
        calloc(1, sizeof *g + (GAUSSIAN_PROCESS_MOST + 1) * dimensions * sizeof *g->lengths);
    *made = g;
    TRY(got_memory(g, err, "the model of a sweep"));
    g->dimensions = dimensions;
    g->count = from->count;
    g->points = g->lengths + dimensions;
    memcpy(g->points, from->points, from->count * dimensions * sizeof *from->points);
    standardise(g, from->values);
    return STATUS_OK;
}

/* The Matern kernel with nu = 3/2, equation 4.17, of the distance measured in lengths. */
static double correlate(const gaussian_process *g, const double *a, const double *b)
{
    double squares = 0;
    for (size_t k = 0; k < g->dimensions; k++) {
        double d = (a[k] - b[k]) / g->lengths[k];
        squares += d * d;
    }
    double r = sqrt(3 * squares);
    return (1 + r) * exp(-r);
}

static void fill_matrix(gaussian_process *g, double diagonal)
{
    size_t n = g->count;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++)
            g->factor[i * n + j] =
                correlate(g, g->points + i * g->dimensions, g->points + j * g->dimensions);
        g->factor[i * n + i] = 1 + diagonal;
    }
}

/* Cholesky decomposition in place; false if the matrix is not positive definite. */
static bool decompose(double *a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = a[i * n + j];
            for (size_t k = 0; k < j; k++)
                sum -= a[i * n + k] * a[j * n + k];
            if (i == j && !(sum > 0))
                return false;
            a[i * n + j] = i == j ? sqrt(sum) : sum / a[j * n + j];
        }
    return true;
}

static void solve_lower(const double *factor, size_t n, double *x)
{
    for (size_t i = 0; i < n; i++) {
        double sum = x[i];
        for (size_t k = 0; k < i; k++)
            sum -= factor[i * n + k] * x[k];
        x[i] = sum / factor[i * n + i];
    }
}

static void solve_upper(const double *factor, size_t n, double *x)
{
    for (size_t i = n; i-- > 0;) {
        x[i] /= factor[i * n + i];
        for (size_t k = 0; k < i; k++)
            x[k] -= factor[i * n + k] * x[i];
    }
}

/* Computes the factor for the current lengths and noise; false if there is none. */
static bool factorise(gaussian_process *g)
{
    double nugget = NUGGET;
    for (int i = 0; i < NUGGET_TRIES; i++, nugget *= 10) {
        fill_matrix(g, nugget + g->noise);
        if (decompose(g->factor, g->count))
            return true;
    }
    return false;
}

static double log_prior(double value, double usual, double spread)
{
    double z = log(value / usual) / spread;
    return -z * z / 2;
}

/* Computes the logarithm of the marginal likelihood, equation 2.30, plus that of the prior. Sets
 * the amplitude to the most likely one, which has a closed form. */
static void measure_likelihood(gaussian_process *g)
{
    size_t n = g->count;
    double squares = 0, logarithms = 0;
    g->likelihood = -INFINITY;
    if (!factorise(g))
        return;
    memcpy(g->weights, g->values, n * sizeof *g->weights);
    solve_lower(g->factor, n, g->weights);
    for (size_t i = 0; i < n; i++) {
        squares += g->weights[i] * g->weights[i];
        logarithms += log(g->factor[i * n + i]);
    }
    g->amplitude = fmin(fmax(squares / (double)n, LEAST_AMPLITUDE), MOST_AMPLITUDE);
    g->likelihood = -squares / (2 * g->amplitude) - logarithms - (double)n / 2 * log(g->amplitude) +
                    log_prior(g->noise, USUAL_NOISE, NOISE_SPREAD);
    for (size_t k = 0; k < g->dimensions; k++)
        g->likelihood += log_prior(g->lengths[k], USUAL_LENGTH, LENGTH_SPREAD);
}

/* Term number `place` of the search: first the noise, then the lengths. */
static double *term_at(gaussian_process *g, size_t place)
{
    return place == 0 ? &g->noise : &g->lengths[place - 1];
}

/* Multiplies a term, within its bounds, if that makes the values more likely; returns whether it
 * did. */
static bool try_factor(gaussian_process *g, size_t place, double factor)
{
    double *term = term_at(g, place), before = *term, likelihood = g->likelihood;
    double low = place == 0 ? LEAST_NOISE : SHORTEST, high = place == 0 ? MOST_NOISE : LONGEST;
    *term = fmin(fmax(before * factor, low), high);
    if (*term == before)
        return false;
    measure_likelihood(g);
    if (g->likelihood > likelihood)
        return true;
    *term = before;
    g->likelihood = likelihood;
    return false;
}

/* Compass search: a step along each term in turn, and shorter steps once none helps. */
static void climb(gaussian_process *g)
{
    int left = MOST_LIKELIHOODS;
    for (double step = FIRST_STEP; step > LAST_STEP && left > 0;) {
        bool better = false;
        for (size_t k = 0; k <= g->dimensions; k++) {
            bool moved = try_factor(g, k, exp(step)) || try_factor(g, k, exp(-step));
            better |= moved;
            left -= 2;
        }
        step = better ? step : step / 2;
    }
}

/* All starts are isotropic: one length for all dimensions. */
static void start(gaussian_process *g, double length, double noise)
{
    g->noise = noise;
    for (size_t k = 0; k < g->dimensions; k++)
        g->lengths[k] = length;
    measure_likelihood(g);
}

static void find_terms(gaussian_process *g)
{
    static const double lengths[] = {0.1, 0.3, 1, 3}, noises[] = {1e-6, 1e-2};
    double best = -INFINITY, length = 1, noise = 1e-2;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (size_t j = 0; j < sizeof noises / sizeof *noises; j++) {
            start(g, lengths[i], noises[j]);
            if (g->likelihood > best) {
                best = g->likelihood;
                length = lengths[i];
                noise = noises[j];
            }
        }
    start(g, length, noise);
    climb(g);
}

/* Computes the factor and the weights for the current terms; equation 2.25. */
static void finish(gaussian_process *g)
{
    if (!factorise(g)) { /* with this much noise there always is one */
        g->noise = MOST_NOISE;
        factorise(g);
    }
    memcpy(g->weights, g->values, g->count * sizeof *g->weights);
    solve_lower(g->factor, g->count, g->weights);
    solve_upper(g->factor, g->count, g->weights);
}

status gaussian_process_fit(const gaussian_samples *from, gaussian_process **fitted, error *err)
{
    TRY(create(from, fitted, err));
    find_terms(*fitted);
    measure_likelihood(*fitted);
    finish(*fitted);
    return STATUS_OK;
}

status gaussian_process_condition(const gaussian_samples *from, const gaussian_terms *terms,
                                  gaussian_process **fitted, error *err)
{
    TRY(create(from, fitted, err));
    memcpy((*fitted)->lengths, terms->lengths, from->dimensions * sizeof *terms->lengths);
    (*fitted)->amplitude = terms->amplitude;
    (*fitted)->noise = terms->noise;
    finish(*fitted);
    return STATUS_OK;
}

/* Equations 2.25 and 2.26. */
void gaussian_process_predict(const gaussian_process *g, const double *point, double *mean,
                              double *deviation)
{
    double k[GAUSSIAN_PROCESS_MOST], sum = 0, squares = 0;
    for (size_t i = 0; i < g->count; i++) {
        k[i] = correlate(g, point, g->points + i * g->dimensions);
        sum += k[i] * g->weights[i];
    }
    solve_lower(g->factor, g->count, k);
    for (size_t i = 0; i < g->count; i++)
        squares += k[i] * k[i];
    *mean = g->mean + g->scale * sum;
    *deviation = g->scale * sqrt(g->amplitude * fmax(1 - squares, 0));
}

void gaussian_process_pretend(gaussian_process *g, const double *points, size_t count)
{
    double deviation;
    for (size_t i = 0; i < count; i++) {
        const double *point = points + i * g->dimensions;
        double mean;
        gaussian_process_predict(g, point, &mean, &deviation);
        g->values[g->count + i] = (mean - g->mean) / g->scale;
        memcpy(g->points + (g->count + i) * g->dimensions, point, g->dimensions * sizeof *point);
    }
    g->count += count;
    finish(g);
}
