/* SPDX-License-Identifier: Apache-2.0 */
/* histogram.c: every value is in its bucket, the sums are right, and values that are not finite are
 * left out. */
#include "check.h"
#include "track/histogram.h"

#include <float.h>
#include <math.h>

enum { VALUES = 1000 };

static histogram h; /* too large for the stack */

/* One value: its bucket lies between two limits that differ by a factor of 1.1. */
static void test_one(void **state)
{
    (void)state;
    const float value = 1.5f;
    histogram_of(&value, 1, &h);
    assert_int_equal(h.buckets, 1);
    assert_true(h.counts[0] == 1);
    assert_true(h.limits[0] > 1.5 && h.limits[0] <= 1.5 * 1.1);
    /* The limit is 1e-12 * 1.1^n for a whole n. */
    double power = log(h.limits[0] / 1e-12) / log(1.1);
    assert_true(fabs(power - round(power)) < 1e-9);
    assert_true(h.min == 1.5 && h.max == 1.5 && h.count == 1);
    assert_true(h.sum == 1.5 && h.sum_squares == 2.25);
}

/* A value on a limit belongs to the bucket above it; 0 does too. */
static void test_limits(void **state)
{
    (void)state;
    const float values[] = {0, -1e-13f, 1e-13f, 2e-12f};
    histogram_of(values, 4, &h);
    assert_true(h.limits[0] == 0);
    assert_true(h.counts[0] == 1); /* -1e-13 */
    assert_true(h.limits[1] == 1e-12);
    assert_true(h.counts[1] == 2); /* 0 and 1e-13 */
    assert_true(h.counts[h.buckets - 1] == 1);
}

static void test_extremes(void **state)
{
    (void)state;
    const float values[] = {-FLT_MAX, FLT_MAX, FLT_TRUE_MIN};
    histogram_of(values, 3, &h);
    assert_true(h.buckets <= HISTOGRAM_MOST);
    assert_true(h.counts[0] == 1 && h.counts[h.buckets - 1] == 1);
    assert_true(h.limits[h.buckets - 1] == DBL_MAX);
    assert_true(h.limits[0] < -9e19 && h.limits[0] > -1.1e20);
    assert_true(h.count == 3 && isfinite(h.sum_squares));
}

/* Against the number of values below each limit. */
static void test_many(void **state)
{
    (void)state;
    float values[VALUES];
    double sum = 0, below = 0;
    for (int i = 0; i < VALUES; i++) {
        values[i] = (float)(sin(i * 12.9898) * exp(sin(i * 78.233) * 20));
        sum += (double)values[i];
    }
    histogram_of(values, VALUES, &h);
    for (size_t b = 0; b < h.buckets; b++) {
        int want = 0;
        for (int i = 0; i < VALUES; i++)
            want += (double)values[i] < h.limits[b];
        below += h.counts[b];
        assert_true(below == want);
        assert_true(b == 0 || h.limits[b - 1] < h.limits[b]);
    }
    assert_true(below == VALUES && h.count == VALUES);
    assert_true(h.counts[0] > 0 && h.counts[h.buckets - 1] > 0);
    assert_true(h.sum == sum);
}

static void test_not_finite(void **state)
{
    (void)state;
    const float values[] = {NAN, INFINITY, 3, -INFINITY, -2};
    histogram_of(values, 5, &h);
    assert_true(h.count == 2 && h.sum == 1 && h.min == -2 && h.max == 3);
    histogram_of(values, 2, &h);
    assert_true(h.count == 0 && h.min == 0 && h.max == 0 && h.buckets == 0);
    histogram_of(NULL, 0, &h);
    assert_true(h.buckets == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one),        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_extremes),   cmocka_unit_test(test_many),
        cmocka_unit_test(test_not_finite),
    };
    return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
