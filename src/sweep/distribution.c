/* SPDX-License-Identifier: Apache-2.0 */
/* From places to values and back; see distribution.h. */
#include "sweep/distribution.h"
#include "sweep/special.h"

#include <math.h>

#define DISTRIBUTION_FORM(kind, name, family, traits) {name, FAMILY_##family, traits},
const distribution_form distribution_forms[] = {DISTRIBUTIONS(DISTRIBUTION_FORM)};

/* ---- The kinds without steps ---- */

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

/* Linear interpolation, exact at both ends. */
static double between(double low, double high, double u)
{
    return clamp(low * (1 - u) + high * u, low, high);
}

/* The share of [low, high] below x. */
static double share_below(double low, double high, double x)
{
    return high > low ? clamp((x - low) / (high - low), 0, 1) : x < low ? 0 : x > high ? 1 : 0.5;
}

static double normal_value(const distribution *d, double u)
{
    const double least = 0x1p-53;
    return d->mu + d->sigma * special_normal_inverse(clamp(u, least, 1 - least));
}

/* The bounds between which a value of a uniform kind, or its logarithm, is uniform. */
static void find_bounds(const distribution *d, double *low, double *high)
{
    const unsigned traits = distribution_forms[d->kind].traits;
    *low = traits & NEGATED ? -d->max : traits & OF_VALUES ? log(d->min) : d->min;
    *high = traits & NEGATED ? -d->min : traits & OF_VALUES ? log(d->max) : d->max;
}

/* The value, before a q_ kind rounds it. */
static double smooth_value(const distribution *d, double u)
{
    const distribution_form *kind = &distribution_forms[d->kind];
    double low, high, x;
    if (kind->family == FAMILY_BETA)
        return special_beta_inverse(u, d->a, d->b);
    find_bounds(d, &low, &high);
    x = kind->family == FAMILY_NORMAL ? normal_value(d, u) : between(low, high, u);
    x = kind->traits & EXPONENTIAL ? exp(x) : x;
    return kind->traits & OF_VALUES ? clamp(x, d->min, d->max) : x;
}

/* The probability below x: the inverse of smooth_value. */
static double smooth_place(const distribution *d, double x)
{
    const distribution_form *kind = &distribution_forms[d->kind];
    double low, high;
    if (kind->family == FAMILY_BETA)
        return special_beta(x, d->a, d->b);
    if (kind->traits & EXPONENTIAL)
        x = x > 0 ? log(x) : -INFINITY;
    find_bounds(d, &low, &high);
    return kind->family == FAMILY_NORMAL ? special_normal((x - d->mu) / d->sigma)
                                         : share_below(low, high, x);
}

/* ---- All kinds ---- */

/* The first value whose probability, added to those before it, is above u. A value with probability
 * 0 is never chosen. */
static double weighted_value(const distribution *d, double u)
{
    double sum = 0;
    size_t found = 0;
    for (size_t i = 0; i < d->count; i++) {
        if (d->probabilities[i] == 0)
            continue;
        found = i;
        sum += d->probabilities[i];
        if (u < sum)
            break;
    }
    return (double)found;
}

static double weighted_place(const distribution *d, double value)
{
    double sum = 0;
    for (size_t i = 0; i < d->count && (double)i < value; i++)
        sum += d->probabilities[i];
    size_t index = (size_t)clamp(value, 0, (double)(d->count - 1));
    return clamp(sum + 0.5 * d->probabilities[index], 0, 1);
}

static double even_value(double count, double u)
{
    return clamp(floor(u * count), 0, count - 1);
}

static double stepped(const distribution *d, double x)
{
    double value = round(x / d->q) * d->q;
    return value == 0 ? 0 : value; /* not -0 */
}

double distribution_value(const distribution *d, double u)
{
    const distribution_form *kind = &distribution_forms[d->kind];
    u = clamp(u, 0, 1);
    switch (kind->family) {
    case FAMILY_CONSTANT:
        return 0;
    case FAMILY_CATEGORICAL:
        return even_value((double)d->count, u);
    case FAMILY_WEIGHTED:
        return weighted_value(d, u);
    case FAMILY_WHOLE:
        return d->min + even_value(d->max - d->min + 1, u);
    default:
        return kind->traits & STEPPED ? stepped(d, smooth_value(d, u)) : smooth_value(d, u);
    }
}

double distribution_place(const distribution *d, double value)
{
    const distribution_form *kind = &distribution_forms[d->kind];
    switch (kind->family) {
    case FAMILY_CONSTANT:
        return 0.5;
    case FAMILY_CATEGORICAL:
        return clamp((value + 0.5) / (double)d->count, 0, 1);
    case FAMILY_WEIGHTED:
        return weighted_place(d, value);
    case FAMILY_WHOLE:
        return clamp((value - d->min + 0.5) / (d->max - d->min + 1), 0, 1);
    default:
        break;
    }
    if (!(kind->traits & STEPPED))
        return smooth_place(d, value);
    double low = smooth_place(d, value - 0.5 * d->q), high = smooth_place(d, value + 0.5 * d->q);
    return 0.5 * (low + high);
}

uint64_t distribution_size(const distribution *d)
{
    const distribution_form *kind = &distribution_forms[d->kind];
    double count;
    if (kind->family <= FAMILY_WEIGHTED)
        return d->count;
    if (kind->family == FAMILY_WHOLE)
        count = d->max - d->min + 1;
    else if (kind->traits & STEPPED && kind->family == FAMILY_UNIFORM)
        count = round((distribution_value(d, 1) - distribution_value(d, 0)) / d->q) + 1;
    else
        return 0;
    return count < 0x1p64 ? (uint64_t)count : UINT64_MAX;
}

double distribution_nth(const distribution *d, uint64_t number)
{
    const enum distribution_family family = distribution_forms[d->kind].family;
    if (family <= FAMILY_WEIGHTED)
        return (double)number;
    double first = distribution_value(d, 0);
    if (family == FAMILY_WHOLE)
        return first + (double)number;
    return stepped(d, first + (double)number * d->q);
}
