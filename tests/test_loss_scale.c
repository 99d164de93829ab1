/* SPDX-License-Identifier: Apache-2.0 */
/* train/loss_scale.c: an overflow halves the scale two steps later, an interval without overflow
 * doubles it. */
#include "check.h"
#include "train/loss_scale.h"

/* Runs the steps first to last; only step `bad` overflows (0: none). */
static void run(loss_scale *s, uint64_t first, uint64_t last, uint64_t bad)
{
    error err;
    for (uint64_t step = first; step <= last; step++) {
        CHECK_OK(loss_scale_advance(s, step, &err));
        s->overflowed[step % 2] = step == bad;
    }
}

static void test_growth(void **state)
{
    (void)state;
    loss_scale s = loss_scale_start();
    double start = s.scale;
    run(&s, 1, LOSS_SCALE_INTERVAL + 1, 0);
    assert_true(s.scale == start);
    run(&s, LOSS_SCALE_INTERVAL + 2, LOSS_SCALE_INTERVAL + 2, 0);
    assert_true(s.scale == 2 * start);
    assert_int_equal(s.good_steps, 0);
    run(&s, LOSS_SCALE_INTERVAL + 3, 2 * LOSS_SCALE_INTERVAL + 2, 0);
    assert_true(s.scale == 4 * start);
}

static void test_backoff(void **state)
{
    (void)state;
    loss_scale s = loss_scale_start();
    double start = s.scale;
    run(&s, 1, 10, 10);
    assert_true(s.scale == start && s.good_steps == 8);
    run(&s, 11, 11, 0); /* counts step 9 */
    assert_true(s.scale == start && s.good_steps == 9);
    run(&s, 12, 12, 0);
    assert_true(s.scale == start / 2 && s.good_steps == 0);
    run(&s, 13, 20, 0);
    assert_true(s.scale == start / 2 && s.good_steps == 8);
}

/* The first two steps have no steps before them to count. */
static void test_first_steps(void **state)
{
    (void)state;
    error err;
    loss_scale s = loss_scale_start();
    double start = s.scale;
    s.overflowed[0] = s.overflowed[1] = true;
    CHECK_OK(loss_scale_advance(&s, 1, &err));
    CHECK_OK(loss_scale_advance(&s, 2, &err));
    assert_true(s.scale == start && s.good_steps == 0);
}

/* If steps overflow at any scale, the run fails. */
static void test_overflow_at_any_scale(void **state)
{
    (void)state;
    error err;
    loss_scale s = loss_scale_start();
    s.overflowed[0] = s.overflowed[1] = true;
    uint64_t step = 3;
    while (loss_scale_advance(&s, step, &err) == STATUS_OK)
        assert_true(step++ < 1000);
    assert_true(s.scale < 1 && s.scale > 0);
    assert_non_null(strstr(err.message, "--precision fp32"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_backoff),
        cmocka_unit_test(test_first_steps),
        cmocka_unit_test(test_overflow_at_any_scale),
    };
    return cmocka_run_group_tests_name("loss_scale", tests, NULL, NULL);
}
