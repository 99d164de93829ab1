/* SPDX-License-Identifier: Apache-2.0 */
/* timing.c: medians, and how often the work is run. */
#include "support.h"
#include "tune/timing.h"

#include <math.h>
#include <time.h>

typedef struct work {
    int runs;
    long nanoseconds;
} work;

static status sleep_some(void *context, error *err)
{
    (void)err;
    work *w = context;
    const struct timespec pause = {0, w->nanoseconds};
    nanosleep(&pause, NULL);
    w->runs++;
    return STATUS_OK;
}

static status refuse(void *context, error *err)
{
    (void)context;
    return error_set(err, STATUS_FAILED, "no");
}

static void test_median(void **state)
{
    (void)state;
    double odd[] = {3, 1, 2}, even[] = {8, 1, 4, 2}, one[] = {5};
    assert_true(timing_median(odd, 3) == 2);
    assert_true(timing_median(even, 4) == 3);
    assert_true(timing_median(one, 1) == 5);
}

static void test_measure(void **state)
{
    error err;
    double seconds;
    work slow = {0, 15000000};
    assert_ok(timing_measure(*state, sleep_some, &slow, INFINITY, &seconds, &err), &err);
    assert_true(seconds >= 0.015 && seconds < 1);
    assert_int_equal(slow.runs, 1 + 3); /* the first, then three samples: more than 20 ms */
    work quick = {0, 100000};
    assert_ok(timing_measure(*state, sleep_some, &quick, INFINITY, &seconds, &err), &err);
    assert_true(seconds >= 1e-4 && seconds < 0.1);
    assert_true(quick.runs > 4);
}

static void test_much_slower_than_the_best(void **state)
{
    error err;
    double seconds;
    work slow = {0, 2000000};
    assert_ok(timing_measure(*state, sleep_some, &slow, 0.001, &seconds, &err), &err);
    assert_int_equal(slow.runs, 1);
    assert_true(seconds >= 0.002);
}

static void test_failure(void **state)
{
    error err;
    double seconds;
    assert_int_equal(timing_measure(*state, refuse, NULL, INFINITY, &seconds, &err), STATUS_FAILED);
    assert_string_equal(err.message, "no");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_median),
        cmocka_unit_test(test_measure),
        cmocka_unit_test(test_much_slower_than_the_best),
        cmocka_unit_test(test_failure),
    };
    return cmocka_run_group_tests_name("timing", tests, support_open_device, support_close_device);
}
