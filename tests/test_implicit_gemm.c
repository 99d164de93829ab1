/* SPDX-License-Identifier: Apache-2.0 */
/* kernels/implicit_gemm.cl with every vector width that a CPU may report; see
 * convolution_check.h. */
#include "convolution_check.h"
#include "support.h"

enum { CASES = 24 };

/* Uses a device of its own, because programs are built once per device for its width. */
static void check_width(int width, int (*open_device)(void **), int cases)
{
    void *state;
    assert_int_equal(open_device(&state), 0);
    device *dev = state;
    dev->vec = width;
    for (int i = 0; i < support_cases(cases); i++) {
        problem p = convolution_problem(i, i % 3 == 2);
        convolution_check(dev, &implicit_gemm, &p, 3000u + 1000u * (uint64_t)i, i % 2 == 1,
                          convolution_tolerance);
    }
    support_close_device(&state);
}

static void test_native_width(void **state)
{
    for (int i = 0; i < support_cases(CASES); i++) {
        problem p = convolution_problem(i, i % 3 == 2);
        convolution_check(*state, &implicit_gemm, &p, 1000u * (uint64_t)i, i % 2 == 1,
                          convolution_tolerance);
        p = convolution_problem(i, 1);
        convolution_check(*state, &implicit_gemm, &p, 1000u * (uint64_t)i, i % 2 == 1,
                          convolution_tolerance);
    }
}

/* A weight gradient summed over fifty chunks: the terms apply to the whole sum. */
static void test_many_chunks(void **state)
{
    const problem p = {{5, 20, 1, 1, 0}, 8, 40, 40, 40, 40};
    convolution_check(*state, &implicit_gemm, &p, 77, false, convolution_tolerance);
}

static void test_widths(void **state)
{
    (void)state;
    for (int width = 1; width <= 16; width *= width == 1 ? 4 : 2)
        check_width(width, support_open_device, CASES);
}

static void test_widths_small(void **state)
{
    (void)state;
    for (int width = 1; width <= 16; width *= width == 1 ? 4 : 2) {
        check_width(width, support_open_bf16_device, CASES / 2);
        check_width(width, support_open_fp16_device, CASES / 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_native_width),
        cmocka_unit_test(test_many_chunks),
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_widths_small),
    };
    return cmocka_run_group_tests_name("implicit_gemm", tests, support_open_device,
                                       support_close_device);
}
