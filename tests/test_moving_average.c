/* SPDX-License-Identifier: Apache-2.0 */
/* The moving average of weights against its formula in double precision. */
#include "ops/moving_average.h"
#include "support.h"

#include <stdlib.h>

static const size_t counts[] = {1, 3, 16, 17, 1000};
enum { COUNTS = sizeof counts / sizeof counts[0], STEPS = 5 };

static void test_formula(void **dev)
{
    error err;
    for (int c = 0; c < COUNTS; c++) {
        size_t count = counts[c];
        float *start = support_random(count, 1, -1, 1);
        double *expected = support_widen(start, count);
        cl_mem average = support_buffer(*dev, count, start);
        for (int step = 0; step < STEPS; step++) {
            double share = 0.9 / (1 + 3 * step);
            float *value = support_random(count, 2 + (uint64_t)step, -1, 1);
            cl_mem buffer = support_buffer(*dev, count, value);
            for (size_t i = 0; i < count; i++)
                expected[i] += share * (value[i] - expected[i]);
            assert_ok(moving_average(*dev, count, buffer, average, (float)share, &err), &err);
            device_finish(*dev, &err);
            buffer_release(&buffer);
            free(value);
        }
        float *got = support_read_buffer(*dev, average, count);
        assert_close(got, expected, count, 1e-6, 1e-6);
        buffer_release(&average);
        free(got);
        free(expected);
        free(start);
    }
}

/* The average of a constant weight stays bit-identical to the weight. */
static void test_constant_weight(void **dev)
{
    error err;
    float *value = support_random(33, 7, -1, 1);
    cl_mem buffer = support_buffer(*dev, 33, value), average = support_buffer(*dev, 33, value);
    for (int step = 0; step < STEPS; step++)
        assert_ok(moving_average(*dev, 33, buffer, average, 0.3f, &err), &err);
    float *got = support_read_buffer(*dev, average, 33);
    assert_same_bits(got, value, 33);
    buffer_release(&average);
    buffer_release(&buffer);
    free(got);
    free(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_formula),
                                       cmocka_unit_test(test_constant_weight)};
    return cmocka_run_group_tests_name("moving average", tests, support_open_device,
                                       support_close_device);
}
