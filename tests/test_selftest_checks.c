/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/selftest: the comparison notices every kind of fault, and each check passes on the
 * test's device. */
#include "selftest/check.h"
#include "support.h"

#include <math.h>

enum { COUNT = 5 };
static const double want[COUNT] = {1, -2, 0.5, 0, 1.5};

static deviation compare(const float got[COUNT], double bound)
{
    deviation found = deviation_none;
    deviation_add(&found, got, want, COUNT, bound);
    return found;
}

/* The error is relative to the largest value, wherever it is. */
static void test_error(void **state)
{
    (void)state;
    float got[COUNT] = {1, -2, 0.5f, 0, 1.5f};
    deviation same = compare(got, 0);
    assert_true(same.error == 0 && same.bound == 0 && deviation_within(&same));
    for (int i = 0; i < COUNT; i++) {
        float kept = got[i];
        got[i] += 0.25f;
        deviation exact = compare(got, 0.125), tight = compare(got, 0.124), none = compare(got, 0);
        assert_true(exact.error == 0.125 && deviation_within(&exact));
        assert_true(tight.error == 0.125 && !deviation_within(&tight));
        assert_false(deviation_within(&none));
        got[i] = kept;
    }
}

/* A single NaN, infinite or unwritten element is never within a bound. */
static void test_wrong_element(void **state)
{
    (void)state;
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < COUNT; i++)
        for (int b = 0; b < 3; b++) {
            float got[COUNT] = {1, -2, 0.5f, 0, 1.5f};
            got[i] = bad[b];
            deviation found = compare(got, 1e9);
            assert_true(b == 0 ? isnan(found.error) : isinf(found.error));
            assert_false(deviation_within(&found));
        }
}

/* A reference that is wrong itself, and a result that should be all zeros. */
static void test_odd_references(void **state)
{
    (void)state;
    const double nan[2] = {1, NAN}, zeros[2] = {0, 0};
    const float one[2] = {1, 1}, nothing[2] = {0, 0}, nearly[2] = {0, 1e-30f};
    deviation found = deviation_none;
    assert_false(deviation_within(&found));
    deviation_add(&found, one, nan, 2, 1);
    assert_true(isnan(found.error));
    found = deviation_none;
    deviation_add(&found, nothing, zeros, 2, 0.5);
    assert_true(found.error == 0 && deviation_within(&found));
    deviation_add(&found, nearly, zeros, 2, 0.5);
    assert_true(isinf(found.error) && !deviation_within(&found));
}

/* Of several results the one that is farthest beyond its bound is kept, in any order. */
static void test_worst_is_kept(void **state)
{
    (void)state;
    static const struct {
        float got;
        double bound;
    } results[] = {{1, 0}, {1.25f, 1}, {1.125f, 0.25}, {1.5f, 0.5}, {NAN, 1}};
    enum { RESULTS = sizeof results / sizeof results[0] };
    const double one = 1;
    for (int last = 1; last < RESULTS; last++)
        for (int first = 0; first <= last; first++) {
            deviation found = deviation_none;
            for (int i = 0; i <= last; i++) {
                int at = (first + i) % (last + 1);
                deviation_add(&found, &results[at].got, &one, 1, results[at].bound);
            }
            assert_true(found.bound == results[last].bound);
            assert_true(isnan(results[last].got) ? isnan(found.error)
                                                 : found.error == (double)results[last].got - 1);
        }
}

static void test_checks_pass(void **state)
{
    error err;
    for (const operation_check *c = operation_checks; c->name; c++) {
        deviation found;
        if (operation_check_run(c, *state, &found, &err) != STATUS_OK)
            fail_msg("%s: %s", c->name, err.message);
        if (!deviation_within(&found))
            fail_msg("%s: the error is %g, but at most %g is expected", c->name, found.error,
                     found.bound);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error),          cmocka_unit_test(test_wrong_element),
        cmocka_unit_test(test_odd_references), cmocka_unit_test(test_worst_is_kept),
        cmocka_unit_test(test_checks_pass),    support_half_test(test_checks_pass),
    };
    return cmocka_run_group_tests_name("selftest_checks", tests, support_open_device,
                                       support_close_device);
}
