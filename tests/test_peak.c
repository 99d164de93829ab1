/* SPDX-License-Identifier: Apache-2.0 */
/* kernels/peak.cl really does the work that is timed. */
#include "device/matrix_unit.h"
#include "ops/peak.h"
#include "support.h"

#include <stdlib.h>

/* Each step adds that many products to every sum. */
static void check_sums(device *dev, int products)
{
    error err;
    enum { ITEMS = 37, STEPS = 9 };
    float start[ITEMS];
    double want[ITEMS];
    for (int i = 0; i < ITEMS; i++) {
        start[i] = (float)i - 7;
        want[i] = start[i] + STEPS * products * 0.25;
    }
    cl_mem sums = support_buffer(dev, ITEMS, start);
    assert_ok(peak_multiply(dev, sums, ITEMS, STEPS, 0.5f, &err), &err);
    float *got = support_read_buffer(dev, sums, ITEMS);
    assert_close(got, want, ITEMS, 1e-6, 0);
    free(got);
    buffer_release(&sums);
}

static void test_multiply(void **state)
{
    const device *dev = *state;
    check_sums(*state, dev->unit->lanes * dev->unit->steps);
}

static void check_unit(device *dev, const char *name)
{
    if (!(dev->info.type & CL_DEVICE_TYPE_CPU))
        skip(); /* units of several steps are those of CPUs */
    dev->unit = matrix_unit_find(name);
    check_sums(dev, dev->unit->lanes * dev->unit->steps);
}

static void test_plain_unit(void **state)
{
    check_unit(*state, "plain bf16");
}

static void test_plain_tiles(void **state)
{
    check_unit(*state, "plain tiles");
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
    assert_string_equal(measured.unit, "fp32 FMA");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_multiply),
        cmocka_unit_test_setup_teardown(test_multiply, support_open_bf16_device,
                                        support_close_device),
        cmocka_unit_test_setup_teardown(test_plain_unit, support_open_bf16_device,
                                        support_close_device),
        cmocka_unit_test_setup_teardown(test_plain_tiles, support_open_bf16_device,
                                        support_close_device),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_measure),
    };
    return cmocka_run_group_tests_name("peak", tests, support_open_device, support_close_device);
}
