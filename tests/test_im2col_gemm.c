/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution by unrolled windows and a matrix product; see convolution_check.h. */
#include "convolution_check.h"
#include "ops/im2col.h"
#include "support.h"

enum { CASES = 24 };

static void test_im2col_gemm(void **state)
{
    for (int i = 0; i < support_cases(CASES); i++) {
        problem p = convolution_problem(i, 0);
        convolution_check(*state, &im2col_gemm, &p, 1000u * (uint64_t)i, i % 2 == 1,
                          convolution_tolerance);
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
        cmocka_unit_test(test_im2col_gemm),
    };
    return cmocka_run_group_tests_name("im2col_gemm", tests, support_open_device,
                                       support_close_device);
}
