/* SPDX-License-Identifier: Apache-2.0 */
/* search_space.c: places rounded to their bins, and points by number. */
#include "check.h"
#include "sweep/search_space.h"

#include <math.h>

static const double probabilities[] = {0.5, 0, 0.125, 0.375};

static sweep_parameter parameters[] = {
    {.form = {.kind = DISTRIBUTION_CATEGORICAL, .count = 4}},
    {.form = {.kind = DISTRIBUTION_CATEGORICAL_W_PROBABILITIES,
              .count = 4,
              .probabilities = probabilities}},
    {.form = {.kind = DISTRIBUTION_INT_UNIFORM, .min = -1, .max = 3}},
    {.form = {.kind = DISTRIBUTION_CONSTANT, .count = 1}},
    {.form = {.kind = DISTRIBUTION_NORMAL, .sigma = 1}},
};
enum { COUNTED = 4, PARAMETERS = 5 };

static void test_places(void **state)
{
    (void)state;
    assert_true(space_place(&parameters[0], 0) == 0.125);
    assert_true(space_place(&parameters[0], 0.25) == 0.375);
    assert_true(space_place(&parameters[0], 1) == 0.875);
    assert_true(space_place(&parameters[0], NAN) == 0.125);
    assert_true(space_place(&parameters[0], 7) == 0.875);
    assert_true(space_place(&parameters[1], 0.1) == 0.25);
    assert_true(space_place(&parameters[1], 0.5) == 0.5625); /* never one of probability 0 */
    assert_true(space_place(&parameters[1], 1) == 0.8125);
    assert_true(fabs(space_place(&parameters[2], 0.3) - 0.3) < 1e-15);
    assert_true(space_place(&parameters[3], 0.9) == 0.5);
    assert_true(space_place(&parameters[4], 0.3) == 0.3);
    assert_true(space_place(&parameters[4], 0) > 0 && space_place(&parameters[4], 1) < 1);
}

/* All points differ, and the middle of a bin stays where it is. */
static void test_points(void **state)
{
    (void)state;
    const sweep_file file = {.parameters = parameters, .parameter_count = COUNTED};
    double points[60][COUNTED];
    assert_int_equal(space_size(&file), 4 * 3 * 5);
    for (size_t i = 0; i < 60; i++) {
        space_point(&file, i, points[i]);
        for (size_t k = 0; k < COUNTED; k++)
            assert_true(fabs(space_place(&parameters[k], points[i][k]) - points[i][k]) < 1e-15);
        for (size_t k = 0; k < i; k++)
            assert_false(space_same(&file, points[i], points[k]));
        assert_true(space_same(&file, points[i], points[i]));
    }
}

/* For stepped distributions with ends, every value is a point: the middle of the places that are
 * rounded to it. */
static void test_stepped(void **state)
{
    (void)state;
    static sweep_parameter stepped[] = {
        {.form = {.kind = DISTRIBUTION_Q_UNIFORM, .min = 8, .max = 17, .q = 4}},
        {.form = {.kind = DISTRIBUTION_Q_LOG_UNIFORM_VALUES, .min = 0.1, .max = 1, .q = 0.25}},
        {.form = {.kind = DISTRIBUTION_Q_LOG_UNIFORM, .min = 0, .max = 2, .q = 1}},
        {.form = {.kind = DISTRIBUTION_Q_NORMAL, .sigma = 1, .q = 1}},
        {.form = {.kind = DISTRIBUTION_Q_BETA, .a = 2, .b = 2, .q = 0.5}},
    };
    static const size_t sizes[] = {3, 5, 7, 0, 0};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(space_values(&stepped[i]), sizes[i]);
        for (double u = 0; u <= 1; u += 1.0 / 512) {
            double place = space_place(&stepped[i], u);
            double edge = fmin(fmax(u, 1e-6), 1 - 1e-6);
            assert_true(distribution_value(&stepped[i].form, place) ==
                        distribution_value(&stepped[i].form, edge));
            assert_true(fabs(space_place(&stepped[i], place) - place) < 1e-12);
        }
    }
    const sweep_file file = {.parameters = stepped, .parameter_count = 3};
    double points[105][3];
    assert_int_equal(space_size(&file), 105);
    for (size_t i = 0; i < 105; i++) {
        space_point(&file, i, points[i]);
        for (size_t k = 0; k < i; k++)
            assert_false(space_same(&file, points[i], points[k]));
        for (size_t k = 0; k < 3; k++)
            assert_true(fabs(space_place(&stepped[k], points[i][k]) - points[i][k]) < 1e-12);
    }
}

static void test_sizes(void **state)
{
    (void)state;
    const sweep_file endless = {.parameters = parameters, .parameter_count = PARAMETERS};
    assert_int_equal(space_size(&endless), 0);
    sweep_parameter large[8];
    for (size_t i = 0; i < 8; i++)
        large[i] = (sweep_parameter){
            .form = {.kind = DISTRIBUTION_INT_UNIFORM, .min = 1, .max = 100000000}};
    const sweep_file overflowing = {.parameters = large, .parameter_count = 8};
    assert_int_equal(space_size(&overflowing), 0);
    large[0].form.max = 1e18;
    assert_int_equal(space_values(&large[0]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_points),
        cmocka_unit_test(test_stepped),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests_name("search_space", tests, NULL, NULL);
}
