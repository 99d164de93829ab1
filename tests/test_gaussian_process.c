/* SPDX-License-Identifier: Apache-2.0 */
/* gaussian_process.c: predictions against scikit-learn 1.9's GaussianProcessRegressor with the same
 * terms (kernel a * Matern(lengths, nu=1.5), alpha = a * (1e-7 + noise), normalize_y), and what a
 * fit must find. */
#include "base/random.h"
#include "check.h"
#include "sweep/gaussian_process.h"

#include <math.h>

enum { COUNT = 6 };

static const double points[COUNT * 2] = {0.1,  0.2, 0.4,  0.9,  0.8,  0.3,
                                         0.55, 0.5, 0.95, 0.85, 0.25, 0.65};
static const double values[COUNT] = {3, -1, 2.5, 0.25, 4, -2};

static const gaussian_samples six = {COUNT, 2, points, values};

static void assert_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%.17g differs by more than %g from %.17g", got, tolerance, want);
}

static void test_predictions(void **state)
{
    (void)state;
    static const double at[4][2] = {{0.1, 0.2}, {0.5, 0.5}, {0, 1}, {0.7, 0.1}};
    static const struct {
        double lengths[2], amplitude, noise, means[4], deviations[4];
    } cases[] = {
        {{0.3, 0.3},
         1,
         0,
         {2.9999997268490146, -0.07678598439239326, 0.02321591360801145, 2.0238711178252915},
         {0.000691842309731953, 0.5121508092974485, 2.0425544617421023, 1.686963444934513}},
        {{0.2, 1.5},
         2.5,
         0.01,
         {2.942786359369557, -0.12340399162482774, 2.444371412731135, 1.5035905804050873},
         {0.34321303472591075, 1.0166033694657113, 2.668769705437354, 1.795405767337929}},
    };
    error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const gaussian_terms terms = {cases[i].lengths, cases[i].amplitude, cases[i].noise};
        gaussian_process *g;
        CHECK_OK(gaussian_process_condition(&six, &terms, &g, &err));
        for (size_t k = 0; k < 4; k++) {
            double mean, deviation;
            gaussian_process_predict(g, at[k], &mean, &deviation);
            assert_near(mean, cases[i].means[k], 1e-9);
            /* At a sample the variance is 1 - 0.9999999, which loses seven digits. */
            assert_near(deviation, cases[i].deviations[k], 1e-9);
        }
        gaussian_process_free(g);
    }
}

/* The values depend on one of two parameters. The fit must give that parameter the shorter length,
 * and predict the function between the samples. */
static void test_fit(void **state)
{
    (void)state;
    enum { SAMPLES = 30 };
    double x[SAMPLES * 2], y[SAMPLES], worst = 0;
    error err;
    gaussian_process *g;
    for (int i = 0; i < SAMPLES; i++) {
        x[2 * i] = random_uniform(1, RANDOM_TEST, (uint64_t)(2 * i));
        x[2 * i + 1] = random_uniform(1, RANDOM_TEST, (uint64_t)(2 * i + 1));
        y[i] = 100 + 7 * sin(6 * x[2 * i + 1]);
    }
    CHECK_OK(gaussian_process_fit(&(gaussian_samples){SAMPLES, 2, x, y}, &g, &err));
    gaussian_terms terms = gaussian_process_terms(g);
    assert_true(terms.lengths[1] < terms.lengths[0] / 2);
    for (int i = 1; i < 20; i++) {
        const double point[2] = {0.5, i / 20.0};
        double mean, deviation;
        gaussian_process_predict(g, point, &mean, &deviation);
        worst = fmax(worst, fabs(mean - 100 - 7 * sin(6 * point[1])));
    }
    assert_near(worst, 0, 0.5);
    gaussian_process_free(g);
}

/* A line with noise of 0.5: the fit must find noise of about that size. */
static void test_noise(void **state)
{
    (void)state;
    enum { SAMPLES = 100 };
    double x[SAMPLES], y[SAMPLES];
    error err;
    gaussian_process *g;
    for (int i = 0; i < SAMPLES; i++) {
        uint32_t words[4];
        random_block(2, RANDOM_TEST, (uint64_t)i, words);
        x[i] = words[0] / 4294967296.0;
        double normal = sqrt(-2 * log((words[1] + 1.0) / 4294967297.0)) *
                        cos(2 * acos(-1) * (words[2] / 4294967296.0));
        y[i] = 4 * x[i] + 0.5 * normal;
    }
    CHECK_OK(gaussian_process_fit(&(gaussian_samples){SAMPLES, 1, x, y}, &g, &err));
    gaussian_terms terms = gaussian_process_terms(g);
    double mean = 0, variance = 0;
    for (int i = 0; i < SAMPLES; i++)
        mean += y[i] / SAMPLES;
    for (int i = 0; i < SAMPLES; i++)
        variance += (y[i] - mean) * (y[i] - mean) / SAMPLES;
    assert_near(sqrt(terms.noise * terms.amplitude * variance), 0.5, 0.1);
    gaussian_process_free(g);
}

static void test_pretend(void **state)
{
    (void)state;
    static const double pretended[2] = {0.7, 0.1}, elsewhere[2] = {0.3, 0.2};
    double mean, deviation, before[2], after;
    error err;
    gaussian_process *g;
    CHECK_OK(gaussian_process_fit(&six, &g, &err));
    gaussian_process_predict(g, elsewhere, &before[0], &deviation);
    gaussian_process_predict(g, pretended, &mean, &before[1]);
    gaussian_process_pretend(g, pretended, 1);
    gaussian_process_predict(g, elsewhere, &mean, &deviation);
    assert_near(mean, before[0], 1e-6);
    gaussian_process_predict(g, pretended, &mean, &after);
    assert_true(after < before[1] / 2);
    gaussian_process_free(g);
}

/* Repeated points, equal values, values far apart, and no parameter: all predictions are finite. */
static void test_hard_cases(void **state)
{
    (void)state;
    double x[GAUSSIAN_PROCESS_MOST * 2], y[GAUSSIAN_PROCESS_MOST], mean, deviation;
    error err;
    for (int kind = 0; kind < 4; kind++) {
        gaussian_process *g;
        for (int i = 0; i < GAUSSIAN_PROCESS_MOST; i++) {
            x[2 * i] = x[2 * i + 1] = kind == 0 ? 0.5 : i / 100.0;
            y[i] = kind == 1 ? 3 : kind == 2 ? (i % 2 ? 1e300 : -1e300) : i % 7;
        }
        const gaussian_samples from = {GAUSSIAN_PROCESS_MOST, kind == 3 ? 0 : 2, x, y};
        CHECK_OK(gaussian_process_fit(&from, &g, &err));
        gaussian_process_predict(g, x, &mean, &deviation);
        assert_true(isfinite(mean) && isfinite(deviation));
        if (kind == 1)
            assert_near(mean, 3, 1e-12);
        gaussian_process_free(g);
    }
}

/* Negative noise gives a matrix without a Cholesky factor, as rounding might; noise is then
 * added. */
static void test_nugget(void **state)
{
    (void)state;
    static const double x[3] = {0.5, 0.5, 0.5}, y[3] = {1, 2, 3}, length = 1;
    const gaussian_samples from = {3, 1, x, y};
    const gaussian_terms terms = {&length, 1, -5e-6};
    double mean, deviation;
    error err;
    gaussian_process *g;
    CHECK_OK(gaussian_process_condition(&from, &terms, &g, &err));
    assert_true(gaussian_process_terms(g).noise < 0);
    gaussian_process_predict(g, x, &mean, &deviation);
    assert_near(mean, 2, 1e-6);
    assert_near(deviation, 0, 0.01);
    gaussian_process_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_predictions), cmocka_unit_test(test_fit),
        cmocka_unit_test(test_noise),       cmocka_unit_test(test_pretend),
        cmocka_unit_test(test_hard_cases),  cmocka_unit_test(test_nugget),
    };
    return cmocka_run_group_tests_name("gaussian_process", tests, NULL, NULL);
}
