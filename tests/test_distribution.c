/* SPDX-License-Identifier: Apache-2.0 */
/* distribution.c: values stay within their bounds, do not fall as the place grows, lead back to
 * their place, and have the distribution that the name says. */
#include "base/random.h"
#include "check.h"
#include "sweep/distribution.h"
#include "sweep/special.h"

#include <math.h>

enum { CASES = 40, STEPS = 200, SAMPLES = 20000 };

static double draw(uint64_t index)
{
    return random_uniform(31, RANDOM_TEST, index);
}

/* A distribution of this kind with random bounds. */
static distribution draw_distribution(distribution_kind kind, uint64_t number)
{
    static const double probabilities[] = {0.125, 0, 0.5, 0.375};
    const uint64_t at = number * 16;
    distribution d = {.kind = kind, .min = -3 + 6 * draw(at), .count = 1};
    d.max = d.min + 5 * draw(at + 1);
    d.mu = -2 + 4 * draw(at + 2);
    d.sigma = 0.1 + draw(at + 3);
    d.a = 0.3 + 4 * draw(at + 4);
    d.b = 0.3 + 4 * draw(at + 5);
    d.q = 0.05 + draw(at + 6);
    if (kind == DISTRIBUTION_LOG_UNIFORM_VALUES || kind == DISTRIBUTION_Q_LOG_UNIFORM_VALUES ||
        kind == DISTRIBUTION_INV_LOG_UNIFORM_VALUES) {
        d.min = 1e-3 + draw(at);
        d.max = d.min * (1 + 100 * draw(at + 1));
    }
    if (kind == DISTRIBUTION_INT_UNIFORM) {
        d.min = floor(d.min * 10);
        d.max = ceil(d.max * 10);
    }
    if (kind == DISTRIBUTION_CATEGORICAL)
        d.count = 1 + (size_t)(9 * draw(at + 7));
    if (kind == DISTRIBUTION_CATEGORICAL_W_PROBABILITIES) {
        d.count = 4;
        d.probabilities = probabilities;
    }
    return d;
}

/* The range of a distribution's values, by its definition. */
static void bounds_of(const distribution *d, double *low, double *high)
{
    *low = d->min;
    *high = d->max;
    switch (d->kind) {
    case DISTRIBUTION_LOG_UNIFORM:
    case DISTRIBUTION_Q_LOG_UNIFORM:
        *low = exp(d->min), *high = exp(d->max);
        break;
    case DISTRIBUTION_INV_LOG_UNIFORM:
        *low = exp(-d->max), *high = exp(-d->min);
        break;
    case DISTRIBUTION_NORMAL:
    case DISTRIBUTION_Q_NORMAL:
        *low = d->mu - 9 * d->sigma, *high = d->mu + 9 * d->sigma;
        break;
    case DISTRIBUTION_LOG_NORMAL:
    case DISTRIBUTION_Q_LOG_NORMAL:
        *low = exp(d->mu - 9 * d->sigma), *high = exp(d->mu + 9 * d->sigma);
        break;
    case DISTRIBUTION_BETA:
    case DISTRIBUTION_Q_BETA:
        *low = 0, *high = 1;
        break;
    default:
        if (distribution_forms[d->kind].family <= FAMILY_WEIGHTED)
            *low = 0, *high = (double)d->count - 1;
    }
    if (distribution_forms[d->kind].traits & STEPPED)
        *low -= 0.5000001 * d->q, *high += 0.5000001 * d->q;
}

/* Places that give the same value form an interval; the value's place is its middle. */
static void check_place(const distribution *d, double u, double value)
{
    bool in_steps = distribution_forms[d->kind].family <= FAMILY_WEIGHTED ||
                    distribution_forms[d->kind].traits & STEPPED ||
                    d->kind == DISTRIBUTION_INT_UNIFORM;
    double place = distribution_place(d, value);
    assert_true(place >= 0 && place <= 1);
    if (!in_steps && d->max > d->min) {
        if (fabs(place - u) > 1e-12)
            fail_msg("%s: place %.17g gives %.17g, whose place is %.17g",
                     distribution_forms[d->kind].name, u, value, place);
    }
    double again = distribution_value(d, place);
    if (fabs(again - value) > (in_steps ? 0 : 1e-9 * (1 + fabs(value))))
        fail_msg("%s: %.17g has place %.17g, which gives %.17g", distribution_forms[d->kind].name,
                 value, place, again);
}

static void check_distribution(const distribution *d)
{
    double low, high, last = -INFINITY;
    bounds_of(d, &low, &high);
    for (int i = 0; i <= STEPS; i++) {
        double u = i / (double)STEPS, value = distribution_value(d, u);
        double slack = 1e-12 * (1 + fabs(value));
        if (!(value >= low - slack && value <= high + slack))
            fail_msg("%s: %.17g at place %g is not in [%g, %g]", distribution_forms[d->kind].name,
                     value, u, low, high);
        assert_true(value >= last);
        last = value;
        if (i > 0 && i < STEPS)
            check_place(d, u, value);
    }
}

static void test_every_kind(void **state)
{
    (void)state;
    for (int kind = 0; kind < DISTRIBUTION_COUNT; kind++)
        for (uint64_t i = 0; i < CASES; i++) {
            distribution d = draw_distribution((distribution_kind)kind, (uint64_t)kind * CASES + i);
            check_distribution(&d);
        }
}

/* A value's place is the middle of the places that give it. */
static void test_places(void **state)
{
    (void)state;
    static const double weights[] = {0.25, 0.25, 0.5};
    const struct {
        distribution d;
        double value, place;
    } cases[] = {
        {{.kind = DISTRIBUTION_CATEGORICAL, .count = 4}, 1, 0.375},
        {{.kind = DISTRIBUTION_CATEGORICAL_W_PROBABILITIES, .count = 3, .probabilities = weights},
         1,
         0.375},
        {{.kind = DISTRIBUTION_INT_UNIFORM, .min = 2, .max = 5}, 3, 0.375},
        {{.kind = DISTRIBUTION_Q_UNIFORM, .min = 0, .max = 8, .q = 2}, 4, 0.5},
        {{.kind = DISTRIBUTION_Q_UNIFORM, .min = 0, .max = 8, .q = 2}, 8, 0.9375},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_true(fabs(distribution_place(&cases[i].d, cases[i].value) - cases[i].place) < 1e-15);
    /* A value begins where the previous one ends. */
    assert_true(distribution_value(&cases[1].d, 0.25) == 1);
}

/* Values against closed forms. */
static void test_quantiles(void **state)
{
    (void)state;
    const double minus = -0.67448975019608174; /* first quartile of the normal distribution */
    static const double thirds[] = {0.25, 0.25, 0.5};
    const struct {
        distribution d;
        double u, value;
    } cases[] = {
        {{.kind = DISTRIBUTION_CONSTANT, .count = 1}, 0.9, 0},
        {{.kind = DISTRIBUTION_CATEGORICAL, .count = 4}, 0.25, 1},
        {{.kind = DISTRIBUTION_CATEGORICAL, .count = 4}, 1, 3},
        {{.kind = DISTRIBUTION_CATEGORICAL_W_PROBABILITIES, .count = 3, .probabilities = thirds},
         0.49,
         1},
        {{.kind = DISTRIBUTION_CATEGORICAL_W_PROBABILITIES, .count = 3, .probabilities = thirds},
         0.51,
         2},
        {{.kind = DISTRIBUTION_INT_UNIFORM, .min = 2, .max = 5}, 0.3, 3},
        {{.kind = DISTRIBUTION_UNIFORM, .min = 2, .max = 6}, 0.25, 3},
        {{.kind = DISTRIBUTION_Q_UNIFORM, .min = 2, .max = 6, .q = 2}, 0.3, 4},
        {{.kind = DISTRIBUTION_LOG_UNIFORM, .min = -4, .max = -2}, 0.5, exp(-3)},
        {{.kind = DISTRIBUTION_Q_LOG_UNIFORM, .min = 0, .max = 2, .q = 0.5}, 0.5, 2.5},
        {{.kind = DISTRIBUTION_INV_LOG_UNIFORM, .min = 2, .max = 6}, 0.25, exp(-5)},
        {{.kind = DISTRIBUTION_LOG_UNIFORM_VALUES, .min = 0.001, .max = 0.1}, 0.5, 0.01},
        {{.kind = DISTRIBUTION_Q_LOG_UNIFORM_VALUES, .min = 1, .max = 256, .q = 8}, 0.5, 16},
        {{.kind = DISTRIBUTION_INV_LOG_UNIFORM_VALUES, .min = 0.001, .max = 0.1},
         0.25,
         pow(10, -2.5)},
        {{.kind = DISTRIBUTION_NORMAL, .mu = 3, .sigma = 2}, 0.25, 3 + 2 * minus},
        {{.kind = DISTRIBUTION_Q_NORMAL, .mu = 3, .sigma = 2, .q = 1}, 0.25, 2},
        {{.kind = DISTRIBUTION_LOG_NORMAL, .mu = 1, .sigma = 2}, 0.25, exp(1 + 2 * minus)},
        {{.kind = DISTRIBUTION_Q_LOG_NORMAL, .mu = 1, .sigma = 2, .q = 0.25}, 0.25, 0.75},
        {{.kind = DISTRIBUTION_BETA, .a = 3, .b = 1}, 0.125, 0.5},
        {{.kind = DISTRIBUTION_BETA, .a = 1, .b = 1}, 0.3, 0.3},
        {{.kind = DISTRIBUTION_Q_BETA, .a = 3, .b = 1, .q = 0.2}, 0.125, 0.6},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double got = distribution_value(&cases[i].d, cases[i].u);
        if (!(fabs(got - cases[i].value) <= 1e-13 * (1 + fabs(cases[i].value))))
            fail_msg("%s at place %g is %.17g, expected %.17g",
                     distribution_forms[cases[i].d.kind].name, cases[i].u, got, cases[i].value);
    }
}

/* The closed form of the cumulative distribution, for one distribution of each smooth kind. */
static double share_below(distribution_kind kind, double x)
{
    switch (kind) {
    case DISTRIBUTION_UNIFORM:
        return (x - 1) / 2;
    case DISTRIBUTION_LOG_UNIFORM:
        return (log(x) - 1) / 2;
    case DISTRIBUTION_INV_LOG_UNIFORM:
        return (3 - log(1 / x)) / 2;
    case DISTRIBUTION_LOG_UNIFORM_VALUES:
    case DISTRIBUTION_INV_LOG_UNIFORM_VALUES:
        return log(x) / log(3);
    case DISTRIBUTION_NORMAL:
        return 0.5 * (1 + erf((x - 1) / 2 / sqrt(2)));
    case DISTRIBUTION_LOG_NORMAL:
        return 0.5 * (1 + erf((log(x) - 1) / 2 / sqrt(2)));
    default: /* beta(2, 2) */
        return x * x * (3 - 2 * x);
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov-Smirnov test of samples against the closed form. By chance, the distance exceeds 1.95
 * / sqrt(n) once in a thousand times; the seed is fixed. */
static void test_samples(void **state)
{
    (void)state;
    static const distribution_kind kinds[] = {DISTRIBUTION_UNIFORM,
                                              DISTRIBUTION_LOG_UNIFORM,
                                              DISTRIBUTION_INV_LOG_UNIFORM,
                                              DISTRIBUTION_LOG_UNIFORM_VALUES,
                                              DISTRIBUTION_INV_LOG_UNIFORM_VALUES,
                                              DISTRIBUTION_NORMAL,
                                              DISTRIBUTION_LOG_NORMAL,
                                              DISTRIBUTION_BETA};
    static double values[SAMPLES];
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        distribution d = {
            .kind = kinds[k], .min = 1, .max = 3, .mu = 1, .sigma = 2, .a = 2, .b = 2};
        double worst = 0;
        for (uint64_t i = 0; i < SAMPLES; i++)
            values[i] = distribution_value(&d, draw(1u << 20 | i));
        qsort(values, SAMPLES, sizeof values[0], compare);
        for (int i = 0; i < SAMPLES; i++)
            worst = fmax(worst, fabs(share_below(d.kind, values[i]) - (i + 0.5) / SAMPLES));
        if (worst > 1.95 / sqrt(SAMPLES))
            fail_msg("%s is off by %g", distribution_forms[d.kind].name, worst);
    }
}

static void test_sizes(void **state)
{
    (void)state;
    const struct {
        distribution d;
        uint64_t size;
    } cases[] = {
        {{.kind = DISTRIBUTION_CONSTANT, .count = 1}, 1},
        {{.kind = DISTRIBUTION_CATEGORICAL, .count = 7}, 7},
        {{.kind = DISTRIBUTION_INT_UNIFORM, .min = -2, .max = 2}, 5},
        {{.kind = DISTRIBUTION_Q_UNIFORM, .min = 0, .max = 1, .q = 0.1}, 11},
        {{.kind = DISTRIBUTION_Q_UNIFORM, .min = 0.5, .max = 2.5, .q = 1}, 3},
        {{.kind = DISTRIBUTION_Q_UNIFORM, .min = 1, .max = 1, .q = 0.25}, 1},
        {{.kind = DISTRIBUTION_Q_LOG_UNIFORM, .min = 0, .max = log(10), .q = 1}, 10},
        {{.kind = DISTRIBUTION_Q_LOG_UNIFORM_VALUES, .min = 16, .max = 64, .q = 16}, 4},
        {{.kind = DISTRIBUTION_Q_UNIFORM, .min = 0, .max = 1e30, .q = 1e-3}, UINT64_MAX},
        {{.kind = DISTRIBUTION_UNIFORM, .min = 1, .max = 2}, 0},
        {{.kind = DISTRIBUTION_Q_NORMAL, .sigma = 1, .q = 1}, 0},
        {{.kind = DISTRIBUTION_Q_BETA, .a = 1, .b = 1, .q = 0.5}, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const distribution *d = &cases[i].d;
        assert_true(distribution_size(d) == cases[i].size);
        for (uint64_t n = 0; n < cases[i].size && n < 100; n++) {
            double value = distribution_nth(d, n);
            double again = distribution_value(d, distribution_place(d, value));
            if (cases[i].size < 100 && again != value)
                fail_msg("%s: %.17g became %.17g", distribution_forms[d->kind].name, value, again);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind), cmocka_unit_test(test_places),
        cmocka_unit_test(test_quantiles),  cmocka_unit_test(test_samples),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests_name("distribution", tests, NULL, NULL);
}
