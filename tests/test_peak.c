/* SPDX-License-Identifier: Apache-2.0 */
/* kernels/peak.cl really does the work that is timed. */
#include "ops/peak.h"
#include "support.h"

#include <stdlib.h>

static void test_multiply(void **state)
{
    error err;
    enum { ITEMS = 37 };
    float start[ITEMS];
    double want[ITEMS];
    for (int i = 0; i < ITEMS; i++) {
        start[i] = (float)i - 7;
        want[i] = start[i];
        for (int step = 0; step < 9; step++)
            want[i] = want[i] * 0.5 + 2;
        want[i] *= 12; /* one per chain */
    }
    cl_mem sums = support_buffer(*state, ITEMS, start);
    assert_ok(peak_multiply(*state, sums, ITEMS, 9, 0.5f, 2.0f, &err), &err);
    float *got = support_read_buffer(*state, sums, ITEMS);
    assert_close(got, want, ITEMS, 1e-6, 0);
    free(got);
    buffer_release(&sums);
}

static void test_copy(void **state)
{
    error err;
    size_t count = 5 * (size_t)((device *)*state)->vec;
    float *values = support_random(count, 1, -1, 1);
    cl_mem from = support_buffer(*state, count, values), to = support_buffer(*state, count, NULL);
    assert_ok(peak_copy(*state, from, to, count, &err), &err);
    float *got = support_read_buffer(*state, to, count);
    assert_same_bits(got, values, count);
    free(got);
    free(values);
    buffer_release(&from);
    buffer_release(&to);
}

static void test_measure(void **state)
{
    error err;
    peak measured;
    assert_ok(peak_measure(*state, &measured, &err), &err);
    assert_true(measured.flops > 1e8);
    assert_true(measured.bytes_second > 1e7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_multiply),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_measure),
    };
    return cmocka_run_group_tests_name("peak", tests, support_open_device, support_close_device);
}
