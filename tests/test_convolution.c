/* kernels/im2col.cl and the product on it, as a convolution; see convolution_check.h. */
#include "convolution_check.h"
#include "ops/im2col.h"
#include "support.h"

enum { CASES = 24 };

static void test_reference_by_differences(void **state)
{
    (void)state;
    convolution_check_reference();
}

static void test_convolution(void **state)
{
    for (int i = 0; i < CASES; i++) {
        problem p = convolution_problem(i, 0);
        convolution_check(*state, &p, 1000u * (uint64_t)i, i % 2 == 1);
    }
}

static void test_unused_taps_are_left_out(void **state)
{
    (void)state;
    window_shape one = window_of(1, 1, 3, 1, 1);
    assert_int_equal(one.rows * one.taps, 1);
    assert_int_equal(one.ky0, 1);
    window_shape two = window_of(2, 2, 3, 2, 1);
    assert_int_equal(two.rows * two.taps, 4);
    window_shape all = window_of(8, 8, 3, 1, 1);
    assert_int_equal(all.rows * all.taps, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unused_taps_are_left_out),
        cmocka_unit_test(test_reference_by_differences),
        cmocka_unit_test(test_convolution),
    };
    return cmocka_run_group_tests_name("convolution", tests, support_open_device,
                                       support_close_device);
}
