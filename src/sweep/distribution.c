/* SPDX-License-Identifier: Apache-2.0 */
/* From places to values and back; see distribution.h. */
#include "sweep/distribution.h"
#include "sweep/special.h"

#include <math.h>

static const char *const names[DISTRIBUTION_COUNT] = {
    [DISTRIBUTION_CONSTANT] = "constant",
    [DISTRIBUTION_CATEGORICAL] = "categorical",
    [DISTRIBUTION_CATEGORICAL_W_PROBABILITIES] = "categorical_w_probabilities",
    [DISTRIBUTION_INT_UNIFORM] = "int_uniform",
    [DISTRIBUTION_UNIFORM] = "uniform",
    [DISTRIBUTION_Q_UNIFORM] = "q_uniform",
    [DISTRIBUTION_LOG_UNIFORM] = "log_uniform",
    [DISTRIBUTION_Q_LOG_UNIFORM] = "q_log_uniform",
    [DISTRIBUTION_INV_LOG_UNIFORM] = "inv_log_uniform",
    [DISTRIBUTION_LOG_UNIFORM_VALUES] = "log_uniform_values",
    [DISTRIBUTION_Q_LOG_UNIFORM_VALUES] = "q_log_uniform_values",
    [DISTRIBUTION_INV_LOG_UNIFORM_VALUES] = "inv_log_uniform_values",
    [DISTRIBUTION_NORMAL] = "normal",
    [DISTRIBUTION_Q_NORMAL] = "q_normal",
    [DISTRIBUTION_LOG_NORMAL] = "log_normal",
    [DISTRIBUTION_Q_LOG_NORMAL] = "q_log_normal",
    [DISTRIBUTION_BETA] = "beta",
    [DISTRIBUTION_Q_BETA] = "q_beta",
};

/* The kind whose values a q_ kind rounds, which stands before it; of the others, itself. */
static distribution_kind smooth_kind(distribution_kind kind)
{
    return distribution_is_stepped(kind) ? kind - 1 : kind;
}

const char *distribution_name(distribution_kind kind)
{
    return names[kind];
}

bool distribution_is_listed(distribution_kind kind)
{
    return kind <= DISTRIBUTION_CATEGORICAL_W_PROBABILITIES;
}

bool distribution_is_stepped(distribution_kind kind)
{
    return names[kind][0] == 'q';
}

bool distribution_is_endless(distribution_kind kind)
{
    return kind >= DISTRIBUTION_NORMAL && kind < DISTRIBUTION_BETA;
}

/* ---- The kinds without steps ---- */

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

/* Exact at both ends. */
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

/* What a q_ kind rounds; and of the others, the value itself. */
static double smooth_value(const distribution *d, double u)
{
    switch (smooth_kind(d->kind)) {
    case DISTRIBUTION_UNIFORM:
        return between(d->min, d->max, u);
    case DISTRIBUTION_LOG_UNIFORM:
        return exp(between(d->min, d->max, u));
    case DISTRIBUTION_INV_LOG_UNIFORM:
        return exp(between(-d->max, -d->min, u));
    case DISTRIBUTION_LOG_UNIFORM_VALUES:
    case DISTRIBUTION_INV_LOG_UNIFORM_VALUES:
        return clamp(exp(between(log(d->min), log(d->max), u)), d->min, d->max);
    case DISTRIBUTION_NORMAL:
        return normal_value(d, u);
    case DISTRIBUTION_LOG_NORMAL:
        return exp(normal_value(d, u));
    default: /* beta */
        return special_beta_inverse(u, d->a, d->b);
    }
}

/* The share below x: the inverse of smooth_value. */
static double smooth_place(const distribution *d, double x)
{
    double exponent = x > 0 ? log(x) : -INFINITY;
    switch (smooth_kind(d->kind)) {
    case DISTRIBUTION_UNIFORM:
        return share_below(d->min, d->max, x);
    case DISTRIBUTION_LOG_UNIFORM:
        return share_below(d->min, d->max, exponent);
    case DISTRIBUTION_INV_LOG_UNIFORM:
        return share_below(-d->max, -d->min, exponent);
    case DISTRIBUTION_LOG_UNIFORM_VALUES:
    case DISTRIBUTION_INV_LOG_UNIFORM_VALUES:
        return share_below(log(d->min), log(d->max), exponent);
    case DISTRIBUTION_NORMAL:
        return special_normal((x - d->mu) / d->sigma);
    case DISTRIBUTION_LOG_NORMAL:
        return special_normal((exponent - d->mu) / d->sigma);
    default: /* beta */
        return special_beta(x, d->a, d->b);
    }
}

/* ---- All kinds ---- */

/* The first value whose share, with all before it, is above u; one without a share never is. */
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
    return value == 0 ? 0 : value; /* no -0 */
}

double distribution_value(const distribution *d, double u)
{
    u = clamp(u, 0, 1);
    switch (d->kind) {
    case DISTRIBUTION_CONSTANT:
        return 0;
    case DISTRIBUTION_CATEGORICAL:
        return even_value((double)d->count, u);
    case DISTRIBUTION_CATEGORICAL_W_PROBABILITIES:
        return weighted_value(d, u);
    case DISTRIBUTION_INT_UNIFORM:
        return d->min + even_value(d->max - d->min + 1, u);
    default:
        return distribution_is_stepped(d->kind) ? stepped(d, smooth_value(d, u))
                                                : smooth_value(d, u);
    }
}

double distribution_place(const distribution *d, double value)
{
    switch (d->kind) {
    case DISTRIBUTION_CONSTANT:
        return 0.5;
    case DISTRIBUTION_CATEGORICAL:
        return clamp((value + 0.5) / (double)d->count, 0, 1);
    case DISTRIBUTION_CATEGORICAL_W_PROBABILITIES:
        return weighted_place(d, value);
    case DISTRIBUTION_INT_UNIFORM:
        return clamp((value - d->min + 0.5) / (d->max - d->min + 1), 0, 1);
    default:
        break;
    }
    if (!distribution_is_stepped(d->kind))
        return smooth_place(d, value);
    double low = smooth_place(d, value - 0.5 * d->q), high = smooth_place(d, value + 0.5 * d->q);
    return 0.5 * (low + high);
}

uint64_t distribution_size(const distribution *d)
{
    double count;
    if (distribution_is_listed(d->kind))
        return d->count;
    if (d->kind == DISTRIBUTION_INT_UNIFORM)
        count = d->max - d->min + 1;
    else if (distribution_is_stepped(d->kind) && !distribution_is_endless(d->kind) &&
             d->kind != DISTRIBUTION_Q_BETA)
        count = round((distribution_value(d, 1) - distribution_value(d, 0)) / d->q) + 1;
    else
        return 0;
    return count < 0x1p64 ? (uint64_t)count : UINT64_MAX;
}

double distribution_nth(const distribution *d, uint64_t number)
{
    if (distribution_is_listed(d->kind))
        return (double)number;
    double first = distribution_value(d, 0);
    if (d->kind == DISTRIBUTION_INT_UNIFORM)
        return first + (double)number;
    return stepped(d, first + (double)number * d->q);
}
