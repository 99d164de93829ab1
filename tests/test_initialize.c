/* SPDX-License-Identifier: Apache-2.0 */
/* The device's generator gives the same bits as base/random.h, and the numbers drawn with it have
 * the right moments. */
#include "ops/initialize.h"
#include "selftest/reference.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 400003 }; /* not a multiple of four */
static const uint64_t seed = 0x123456789abcdefu;

/* A uniform number is the middle of one of 2^24 equal steps, chosen by the upper bits of a word. */
static void test_words(void **state)
{
    enum { BLOCKS = 37 };
    error err;
    const uint32_t id = 0xfedcba98u;
    cl_mem values = support_buffer(*state, 4 * BLOCKS, NULL);
    assert_ok(initialize_uniform(*state, values, 4 * BLOCKS, seed, id, 1, &err), &err);
    float *got = support_read_buffer(*state, values, 4 * BLOCKS);
    for (uint32_t i = 0; i < 4 * BLOCKS; i++)
        assert_true(got[i] == 2 * reference_unit(seed, id, i) - 1);
    free(got);
    buffer_release(&values);
}

/* Mean, deviation, and fourth moment divided by deviation^4 (3 for a normal, 1.8 for a uniform
 * distribution). */
static void moments(const float *x, size_t count, double *mean, double *deviation, double *fourth)
{
    double sum = 0, second = 0, last = 0;
    for (size_t i = 0; i < count; i++)
        sum += x[i];
    *mean = sum / (double)count;
    for (size_t i = 0; i < count; i++) {
        double d = x[i] - *mean;
        second += d * d;
        last += d * d * d * d;
    }
    *deviation = sqrt(second / (double)count);
    *fourth = last / (double)count / pow(*deviation, 4);
}

static void test_moments(void **state)
{
    error err;
    double mean, deviation, fourth;
    cl_mem values = support_buffer(*state, MANY, NULL);
    assert_ok(initialize_normal(*state, values, MANY, seed, 5, 0.25f, &err), &err);
    float *x = support_read_buffer(*state, values, MANY);
    moments(x, MANY, &mean, &deviation, &fourth);
    /* Four standard errors of each. */
    assert_true(fabs(mean) < 4 * 0.25 / sqrt(MANY));
    assert_true(fabs(deviation - 0.25) < 4 * 0.25 / sqrt(2.0 * MANY));
    assert_true(fabs(fourth - 3) < 4 * sqrt(24.0 / MANY));
    free(x);

    assert_ok(initialize_uniform(*state, values, MANY, seed, 6, 0.5f, &err), &err);
    x = support_read_buffer(*state, values, MANY);
    moments(x, MANY, &mean, &deviation, &fourth);
    assert_true(fabs(mean) < 4 * deviation / sqrt(MANY));
    assert_true(fabs(deviation - 0.5 / sqrt(3)) < 1e-3);
    assert_true(fabs(fourth - 1.8) < 0.02);
    for (size_t i = 0; i < MANY; i++)
        assert_true(x[i] > -0.5f && x[i] < 0.5f);
    free(x);
    buffer_release(&values);
}

static void test_seed_and_id_decide(void **state)
{
    enum { COUNT = 101 };
    error err;
    cl_mem values = support_buffer(*state, COUNT, NULL);
    float *draws[4];
    const uint64_t seeds[] = {seed, seed, seed + 1, seed};
    const uint32_t ids[] = {1, 1, 1, 2};
    for (int i = 0; i < 4; i++) {
        assert_ok(initialize_normal(*state, values, COUNT, seeds[i], ids[i], 1.0f, &err), &err);
        draws[i] = support_read_buffer(*state, values, COUNT);
    }
    assert_same_bits(draws[0], draws[1], COUNT);
    assert_true(memcmp(draws[0], draws[2], COUNT * sizeof(float)) != 0);
    assert_true(memcmp(draws[0], draws[3], COUNT * sizeof(float)) != 0);
    for (int i = 0; i < 4; i++)
        free(draws[i]);
    assert_ok(initialize_constant(*state, values, COUNT, 1.0f, &err), &err);
    float *ones = support_read_buffer(*state, values, COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_true(ones[i] == 1.0f);
    free(ones);
    buffer_release(&values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_seed_and_id_decide),
    };
    return cmocka_run_group_tests_name("initialize", tests, support_open_device,
                                       support_close_device);
}
