/* SPDX-License-Identifier: Apache-2.0 */
/* The 1x1 algorithms with and without a stride; see convolution_check.h. */
#include "convolution_check.h"
#include "support.h"

enum { CASES = 24 };

static void test_conv1x1(void **state)
{
    for (int i = 0; i < support_cases(CASES); i++) {
        problem p = convolution_problem(i, 1);
        convolution_check(*state, &conv1x1_gemm, &p, 7000u + 1000u * (uint64_t)i, i % 2 == 1,
                          convolution_tolerance);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_conv1x1)};
    return cmocka_run_group_tests_name("conv1x1", tests, support_open_device, support_close_device);
}
