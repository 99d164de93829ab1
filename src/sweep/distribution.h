/* How a parameter of a sweep is distributed. Every value is found from its place u in [0, 1], the
 * cumulative distribution, and back, so that samplers work on a cube. */
#ifndef HCNN_SWEEP_DISTRIBUTION_H
#define HCNN_SWEEP_DISTRIBUTION_H

#include <stddef.h>

/* The names of wandb's sweep files, with '_' as there. */
typedef enum distribution_kind {
    DISTRIBUTION_CONSTANT,
    DISTRIBUTION_CATEGORICAL, /* all values alike */
    DISTRIBUTION_CATEGORICAL_W_PROBABILITIES,
    DISTRIBUTION_INT_UNIFORM,
    DISTRIBUTION_UNIFORM,
    DISTRIBUTION_Q_UNIFORM,
    DISTRIBUTION_LOG_UNIFORM, /* bounds are exponents of e */
    DISTRIBUTION_Q_LOG_UNIFORM,
    DISTRIBUTION_INV_LOG_UNIFORM,
    DISTRIBUTION_LOG_UNIFORM_VALUES, /* bounds are values */
    DISTRIBUTION_Q_LOG_UNIFORM_VALUES,
    DISTRIBUTION_INV_LOG_UNIFORM_VALUES,
    DISTRIBUTION_NORMAL,
    DISTRIBUTION_Q_NORMAL,
    DISTRIBUTION_LOG_NORMAL,
    DISTRIBUTION_Q_LOG_NORMAL,
    DISTRIBUTION_BETA,
    DISTRIBUTION_Q_BETA,
    DISTRIBUTION_COUNT,
} distribution_kind;

const char *distribution_name(distribution_kind kind);

typedef struct distribution {
    distribution_kind kind;
    double min, max;
    double mu, sigma;            /* normal */
    double a, b;                 /* beta */
    double q;                    /* step of the q_ kinds */
    size_t count;                /* values of the categorical kinds, 1 for a constant */
    const double *probabilities; /* [count] of categorical_w_probabilities; sum 1 */
} distribution;

/* The value at u; of the categorical kinds and of a constant, the index of the value. */
double distribution_value(const distribution *d, double u);
/* The place of a value (or index): in the middle of what distribution_value maps to it. */
double distribution_place(const distribution *d, double value);

#endif
