/* SPDX-License-Identifier: Apache-2.0 */
/* sampler.c, method random: points are uniform and independent, and depend only on seed, trial and
 * parameter. */
#include "check.h"
#include "sweep/sampler.h"

#include <math.h>

enum { PARAMETERS = 3, TRIALS = 4000 };

static void next(size_t parameters, size_t trial, uint64_t seed, double *places)
{
    static sweep_parameter any[PARAMETERS];
    error err;
    const sweep_trials tried = {.count = trial};
    sampler_advice advice;
    const sweep_file file = {
        .method = SWEEP_RANDOM, .parameters = any, .parameter_count = parameters};
    CHECK_OK(sampler_next(&file, &tried, seed, places, &advice, &err));
    assert_false(advice.exhausted);
}

static void test_uniform(void **state)
{
    (void)state;
    double mean[PARAMETERS] = {0}, square[PARAMETERS] = {0}, product = 0;
    for (size_t i = 0; i < TRIALS; i++) {
        double places[PARAMETERS];
        next(PARAMETERS, i, 11, places);
        for (int j = 0; j < PARAMETERS; j++) {
            assert_true(places[j] >= 0 && places[j] < 1);
            mean[j] += places[j] / TRIALS;
            square[j] += places[j] * places[j] / TRIALS;
        }
        product += places[0] * places[1] / TRIALS;
    }
    /* Within four standard deviations of each mean. */
    for (int j = 0; j < PARAMETERS; j++) {
        assert_true(fabs(mean[j] - 0.5) < 4 * sqrt(1.0 / 12 / TRIALS));
        assert_true(fabs(square[j] - 1.0 / 3) < 4 * sqrt(4.0 / 45 / TRIALS));
    }
    assert_true(fabs(product - 0.25) < 4 * sqrt(7.0 / 144 / TRIALS));
}

static void test_determinism(void **state)
{
    (void)state;
    double once[PARAMETERS], again[PARAMETERS], fewer[PARAMETERS], other[PARAMETERS];
    next(PARAMETERS, 5, 1, once);
    next(PARAMETERS, 6, 1, other);
    assert_true(once[0] != other[0]);
    next(PARAMETERS, 5, 2, other);
    assert_true(once[0] != other[0]);
    next(PARAMETERS, 5, 1, again);
    assert_memory_equal(once, again, sizeof once);
    next(1, 5, 1, fewer);
    assert_true(fewer[0] == once[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_determinism),
    };
    return cmocka_run_group_tests_name("random_search", tests, NULL, NULL);
}
