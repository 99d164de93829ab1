/* SPDX-License-Identifier: Apache-2.0 */
/* sampler.c, method grid: each point of the product once, in order, and then the end. */
#include "check.h"
#include "sweep/sampler.h"

#include <math.h>

enum { A = 3, B = 4, C = 5, POINTS = A * B * C };

static sweep_parameter parameters[] = {
    {.name = "a", .form = {.kind = DISTRIBUTION_CATEGORICAL, .count = A}},
    {.name = "b", .form = {.kind = DISTRIBUTION_INT_UNIFORM, .min = -1, .max = 2}},
    {.name = "constant", .form = {.kind = DISTRIBUTION_CONSTANT, .count = 1}},
    {.name = "c", .form = {.kind = DISTRIBUTION_Q_UNIFORM, .min = 0.1, .max = 0.5, .q = 0.1}},
};

static const sweep_file file = {
    .method = SWEEP_GRID, .parameters = parameters, .parameter_count = 4};

static bool next(const sweep_file *of, size_t count, uint64_t seed, double *places)
{
    error err;
    const sweep_trials tried = {.count = count};
    sampler_advice advice;
    CHECK_OK(sampler_next(of, &tried, seed, places, &advice, &err));
    return !advice.exhausted;
}

static double value(size_t parameter, const double *places)
{
    return distribution_value(&parameters[parameter].form, places[parameter]);
}

static void test_product(void **state)
{
    (void)state;
    for (size_t i = 0; i < POINTS; i++) {
        double places[4];
        assert_true(next(&file, i, i, places));
        assert_true(value(0, places) == (double)(i / (B * C)));
        assert_true(value(1, places) == (double)(i / C % B) - 1);
        assert_true(value(2, places) == 0);
        assert_true(fabs(value(3, places) - 0.1 * (double)(i % C + 1)) < 1e-12);
    }
}

static void test_end(void **state)
{
    (void)state;
    double places[4] = {7, 7, 7, 7};
    assert_false(next(&file, POINTS, 0, places));
    assert_false(next(&file, SIZE_MAX, 0, places));
    for (int i = 0; i < 4; i++)
        assert_true(places[i] == 7);
}

/* More points than 64 bits can count do not overflow. */
static void test_vast(void **state)
{
    (void)state;
    static sweep_parameter many[3];
    double places[3];
    for (int i = 0; i < 3; i++)
        many[i].form = (distribution){.kind = DISTRIBUTION_INT_UNIFORM, .min = -1e15, .max = 1e15};
    const sweep_file vast = {.method = SWEEP_GRID, .parameters = many, .parameter_count = 3};
    assert_true(next(&vast, 123456789, 0, places));
    assert_true(distribution_value(&many[2].form, places[2]) == -1e15 + 123456789);
    assert_true(distribution_value(&many[0].form, places[0]) == -1e15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_product),
        cmocka_unit_test(test_end),
        cmocka_unit_test(test_vast),
    };
    return cmocka_run_group_tests_name("grid", tests, NULL, NULL);
}
