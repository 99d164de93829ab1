/* SPDX-License-Identifier: Apache-2.0 */
/* How a parameter of a sweep is distributed. A value is computed from its place u in [0, 1], which
 * is its cumulative probability, and the place from the value, so that samplers work on a cube. The
 * definitions are those of wandb's documentation, "Sweep configuration options". */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* A row: the kind; its name in wandb's sweep files; its family, which says how values are drawn;
 * and its traits, which say what is then done to them. */
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
    FAMILY_CATEGORICAL, /* all values are equally likely */
    FAMILY_WEIGHTED,    /* up to this family, a value is the index of a text */
    FAMILY_WHOLE,       /* min, min + 1, ... max, equally likely */
    FAMILY_UNIFORM,
    FAMILY_NORMAL, /* unbounded */
    FAMILY_BETA,
};

enum distribution_trait {
    EXPONENTIAL = 1, /* e to the power of the drawn value */
    STEPPED = 2,     /* then round(x / q) * q */
    NEGATED = 4,   /* min and max bound the negated exponent: log(1 / x) is uniform between them */
    OF_VALUES = 8, /* min and max are values above 0, not exponents; log(x) and log(1 / x) are then
                    * both uniform */
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
    double mu, sigma;            /* mean and standard deviation of the normal kinds; sigma > 0 */
    double a, b;                 /* of the beta kinds; both > 0 */
    double q;                    /* step of the q_ kinds, > 0 */
    size_t count;                /* values of the categorical kinds, 1 for a constant */
    const double *probabilities; /* [count] of categorical_w_probabilities; sum 1 */
} distribution;

/* The value at u in [0, 1]; for the categorical kinds and a constant, the index of the value. It
 * never falls as u rises. The normal kinds are cut off 2^-53 away from u = 0 and u = 1, about 8.2
 * sigma from the mean. */
double distribution_value(const distribution *d, double u);
/* The place of a value (or index): the middle of the places that distribution_value maps to it. */
double distribution_place(const distribution *d, double value);

/* Number of values; UINT64_MAX if there are that many or more. 0 for kinds without ends or steps,
 * and for q_beta, some of whose values can be so unlikely that no place tells them apart. */
uint64_t distribution_size(const distribution *d);
/* Value `number` of them, counted from 0 in rising order. */
double distribution_nth(const distribution *d, uint64_t number);
