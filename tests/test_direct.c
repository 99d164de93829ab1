/* SPDX-License-Identifier: Apache-2.0 */
/* kernels/direct.cl with every vector width that a device may report; see convolution_check.h. */
#include "convolution_check.h"
#include "support.h"

enum { CASES = 24 };

static void check_all(device *dev)
{
    for (int i = 0; i < support_cases(CASES); i++) {
        problem p = convolution_problem(i, i % 3 == 2);
        convolution_check(dev, &direct_convolution, &p, 2000u + 1000u * (uint64_t)i, i % 2 == 1,
                          convolution_tolerance);
    }
}

/* Each width needs a device of its own, because programs are built once per device for its
 * width. */
static void test_widths(void **state)
{
    (void)state;
    for (int width = 1; width <= 16; width *= width == 1 ? 4 : 2) {
        void *opened;
        assert_int_equal(support_open_device(&opened), 0);
        device *dev = opened;
        dev->vec = width;
        check_all(dev);
        support_close_device(&opened);
    }
}

static void test_native_width(void **state)
{
    check_all(*state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_widths),
        support_small_tests(test_native_width),
    };
    return cmocka_run_group_tests_name("direct", tests, support_open_device, support_close_device);
}
