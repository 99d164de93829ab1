/* SPDX-License-Identifier: Apache-2.0 */
/* How a parameter of a sweep is distributed. Every value is found from its place u in [0, 1], the
 * cumulative distribution, and back, so that samplers work on a cube. The definitions are those of
 * wandb's documentation, "Sweep configuration options". */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The names of wandb's sweep files, with '_' as there; how a kind's values are drawn; and what is
 * done to what is drawn. */
#define DISTRIBUTIONS(KIND)                                                                        \
    KIND(CONSTANT, "constant", CONSTANT, 0)                                                        \
    KIND(CATEGORICAL, "categorical", CATEGORICAL, 0)                                               \
    KIND(CATEGORICAL_W_PROBABILITIES, "categorical_w_probabilities", WEIGHTED, 0)                  \
    KIND(INT_UNIFORM, "int_uniform", WHOLE, 0)                                                     \
    KIND(UNIFORM, "uniform", UNIFORM, 0)                                                           \
    KIND(Q_UNIFORM, "q_uniform", UNIFORM, STEPPED)                                                 \
    KIND(LOG_UNIFORM, "log_uniform", UNIFORM, EXPONENTIAL)                                         \
    KIND(Q_LOG_UNIFORM, "q_log_uniform", UNIFORM, EXPONENTIAL | STEPPED)                           \
    KIND(INV_LOG_UNIFORM, "inv_log_uniform", UNIFORM, EXPONENTIAL | NEGATED)                       \
    KIND(LOG_UNIFORM_VALUES, "log_uniform_values", UNIFORM, EXPONENTIAL | OF_VALUES)               \
    KIND(Q_LOG_UNIFORM_VALUES, "q_log_uniform_values", UNIFORM, EXPONENTIAL | OF_VALUES | STEPPED) \
    KIND(INV_LOG_UNIFORM_VALUES, "inv_log_uniform_values", UNIFORM, EXPONENTIAL | OF_VALUES)       \
    KIND(NORMAL, "normal", NORMAL, 0)                                                              \
    KIND(Q_NORMAL, "q_normal", NORMAL, STEPPED)                                                    \
    KIND(LOG_NORMAL, "log_normal", NORMAL, EXPONENTIAL)                                            \
    KIND(Q_LOG_NORMAL, "q_log_normal", NORMAL, EXPONENTIAL | STEPPED)                              \
    KIND(BETA, "beta", BETA, 0)                                                                    \
    KIND(Q_BETA, "q_beta", BETA, STEPPED)

#define DISTRIBUTION_KIND(kind, ...) DISTRIBUTION_##kind,
typedef enum distribution_kind {
    DISTRIBUTIONS(DISTRIBUTION_KIND) DISTRIBUTION_COUNT
} distribution_kind;

enum distribution_family {
    FAMILY_CONSTANT,
    FAMILY_CATEGORICAL, /* all values alike */
    FAMILY_WEIGHTED,    /* up to here a value is the index of a text */
    FAMILY_WHOLE,       /* min, min + 1, ... max, all alike */
    FAMILY_UNIFORM,
    FAMILY_NORMAL, /* ends nowhere */
    FAMILY_BETA,
};

enum distribution_trait {
    EXPONENTIAL = 1, /* e to the power of it */
    STEPPED = 2,     /* after that, round(x / q) * q */
    NEGATED = 4,   /* min and max are of the negated exponent: log(1 / x) is uniform between them */
    OF_VALUES = 8, /* min and max are values, above 0, not exponents; log(1 / x) is then uniform
                      where log(x) is */
};

typedef struct distribution_form {
    const char *name;
    enum distribution_family family;
    unsigned traits;
} distribution_form;

extern const distribution_form distribution_forms[DISTRIBUTION_COUNT];

typedef struct distribution {
    distribution_kind kind;
    double min, max;             /* min <= max */
    double mu, sigma;            /* normal; sigma > 0 */
    double a, b;                 /* beta; both > 0 */
    double q;                    /* step of the q_ kinds, > 0 */
    size_t count;                /* values of the categorical kinds, 1 for a constant */
    const double *probabilities; /* [count] of categorical_w_probabilities; sum 1 */
} distribution;

/* The value at u; of the categorical kinds and of a constant, the index of the value. Never falls
 * as u rises. The normal kinds end where u is 2^-53 from 0 or 1, about 8.2 sigma from the middle.
 */
double distribution_value(const distribution *d, double u);
/* The place of a value (or index): in the middle of what distribution_value maps to it. */
double distribution_place(const distribution *d, double value);

/* How many values there are, UINT64_MAX when that or more; 0 of the kinds that have no end or no
 * steps, and of q_beta, some of whose values can be so unlikely that no place tells them apart. */
uint64_t distribution_size(const distribution *d);
/* Of those, from 0, the one by that number, in rising order. */
double distribution_nth(const distribution *d, uint64_t number);
