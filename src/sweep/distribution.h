/* SPDX-License-Identifier: Apache-2.0 */
/* How a parameter of a sweep is distributed. Every value is found from its place u in [0, 1], the
 * cumulative distribution, and back, so that samplers work on a cube. The definitions are those of
 * wandb's documentation, "Sweep configuration options". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The names of wandb's sweep files, with '_' as there. */
typedef enum distribution_kind {
    DISTRIBUTION_CONSTANT,
    DISTRIBUTION_CATEGORICAL, /* all values alike */
    DISTRIBUTION_CATEGORICAL_W_PROBABILITIES,
    DISTRIBUTION_INT_UNIFORM, /* min, min + 1, ... max, all alike */
    DISTRIBUTION_UNIFORM,
    DISTRIBUTION_Q_UNIFORM,
    DISTRIBUTION_LOG_UNIFORM, /* bounds are exponents of e */
    DISTRIBUTION_Q_LOG_UNIFORM,
    DISTRIBUTION_INV_LOG_UNIFORM,        /* log(1 / x) is uniform in [min, max] */
    DISTRIBUTION_LOG_UNIFORM_VALUES,     /* bounds are values, above 0 */
    DISTRIBUTION_Q_LOG_UNIFORM_VALUES,   /* likewise */
    DISTRIBUTION_INV_LOG_UNIFORM_VALUES, /* log(1 / x) is uniform in [log(1 / max), log(1 / min)],
                                            which is log_uniform_values once more */
    DISTRIBUTION_NORMAL,
    DISTRIBUTION_Q_NORMAL,
    DISTRIBUTION_LOG_NORMAL, /* log(x) is normal */
    DISTRIBUTION_Q_LOG_NORMAL,
    DISTRIBUTION_BETA,
    DISTRIBUTION_Q_BETA,
    DISTRIBUTION_COUNT,
} distribution_kind;

const char *distribution_name(distribution_kind kind);

typedef struct distribution {
    distribution_kind kind;
    double min, max;             /* min <= max */
    double mu, sigma;            /* normal; sigma > 0 */
    double a, b;                 /* beta; both > 0 */
    double q;                    /* step of the q_ kinds, > 0 */
    size_t count;                /* values of the categorical kinds, 1 for a constant */
    const double *probabilities; /* [count] of categorical_w_probabilities; sum 1 */
} distribution;

/* The kinds whose value is the index of a text: a constant and the categorical ones. */
bool distribution_is_listed(distribution_kind kind);
/* The q_ kinds: their values are those of another kind, rounded: round(x / q) * q. */
bool distribution_is_stepped(distribution_kind kind);
/* The normal ones, which end nowhere, at least on one side. */
bool distribution_is_endless(distribution_kind kind);

/* The value at u; of the categorical kinds and of a constant, the index of the value. Never falls
 * as u rises. Endless kinds end where u is 2^-53 from 0 or 1, about 8.2 sigma from the middle. */
double distribution_value(const distribution *d, double u);
/* The place of a value (or index): in the middle of what distribution_value maps to it. */
double distribution_place(const distribution *d, double value);

/* How many values there are, UINT64_MAX when that or more; 0 of the kinds that have no end or no
 * steps, and of q_beta, some of whose values can be so unlikely that no place tells them apart. */
uint64_t distribution_size(const distribution *d);
/* Of those, from 0, the one by that number, in rising order. */
double distribution_nth(const distribution *d, uint64_t number);
