/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/ops/tensor.c. */
#include "ops/bias.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void test_sizes(void **state)
{
    (void)state;
    tensor t = {NULL, 2, 3, 5, 7};
    assert_int_equal(tensor_pixels(t), 30);
    assert_int_equal(tensor_size(t), 210);
    /* More elements than an int can count. */
    tensor large = {NULL, 1 << 10, 1 << 10, 1 << 10, 1 << 6};
    assert_true(tensor_size(large) == (size_t)1 << 36);
}

static void test_write_and_read(void **state)
{
    device *dev = *state;
    error err;
    tensor t;
    assert_ok(tensor_create(dev, 2, 3, 5, 7, &t, &err), &err);
    assert_int_equal(t.n, 2);
    assert_int_equal(t.h, 3);
    assert_int_equal(t.w, 5);
    assert_int_equal(t.c, 7);
    float *values = support_random(tensor_size(t), 1, -1, 1);
    assert_ok(tensor_write(dev, t, values, &err), &err);
    float *back = support_memory(tensor_size(t), sizeof *back);
    assert_ok(tensor_read(dev, t, back, &err), &err);
    assert_same_bits(back, values, tensor_size(t));
    free(back);
    free(values);
    tensor_release(&t);
    assert_null(t.buffer);
    tensor_release(&t);
}

enum { FEW = 7 };

/* Two bytes on the device, floats on the host. */
static void check_stored(device *dev, const float values[FEW], const float want[FEW])
{
    error err;
    tensor t;
    float back[FEW];
    assert_ok(tensor_create(dev, 1, 1, 1, FEW, &t, &err), &err);
    assert_int_equal(tensor_bytes(dev, t), 2 * FEW);
    assert_ok(tensor_write(dev, t, values, &err), &err);
    assert_ok(tensor_read(dev, t, back, &err), &err);
    assert_same_bits(back, want, FEW);
    for (int i = 0; i < FEW; i++)
        assert_true(tensor_stored(dev, values[i]) == want[i]);
    tensor_release(&t);
}

/* Values that can be represented are unchanged, others are rounded. */
static void test_write_and_read_halves(void **state)
{
    const float values[FEW] = {
        1, -0.5f, 65504, 0x1p-24f, 1 + 0x1p-10f, 1 + 0x1p-11f, 1 + 0x1.8p-10f};
    const float want[FEW] = {1, -0.5f, 65504, 0x1p-24f, 1 + 0x1p-10f, 1, 1 + 0x1p-9f};
    check_stored(*state, values, want);
}

static void test_write_and_read_bfloat16(void **state)
{
    const float values[FEW] = {1,           -0.5f,       0x1.fep+127f, 0x1p-133f,
                               1 + 0x1p-7f, 1 + 0x1p-8f, 1 + 0x1.8p-7f};
    const float want[FEW] = {1, -0.5f, 0x1.fep+127f, 0x1p-133f, 1 + 0x1p-7f, 1, 1 + 0x1p-6f};
    check_stored(*state, values, want);
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* A kernel rounds like the host, in whole vectors and in the part of one at the end of a row, which
 * is shorter than a vector: numbers next to and at the midpoints of what can be stored, numbers
 * that become infinite, and NaNs whose fraction is at one end of its bits. */
static void test_kernels_round_alike(void **state)
{
    device *dev = *state;
    error err;
    enum { ROW = 83 };
    float values[ROW], *got;
    for (uint32_t i = 0; i < ROW; i++)
        values[i] = float_of(0x3f800000u + 0x1000u * (i / 3) + (i % 3 - 1));
    const float special[] = {INFINITY,
                             -INFINITY,
                             float_of(0x7f800001u),
                             float_of(0xffffffffu),
                             0x1.ffp+127f,
                             0x1.fep+127f,
                             65519,
                             65520};
    enum { SPECIAL = sizeof special / sizeof special[0] };
    memcpy(values + 3, special, sizeof special);
    memcpy(values + ROW - SPECIAL, special, sizeof special);
    const float zeros[ROW] = {0};
    tensor y = support_tensor(dev, 1, 1, 1, ROW, zeros);
    cl_mem added = support_buffer(dev, ROW, values);
    assert_ok(bias_forward(dev, y, added, &err), &err);
    got = support_read(dev, y);
    for (int i = 0; i < ROW; i++)
        if (isnan(values[i]))
            assert_true(isnan(got[i]));
        else
            assert_true(got[i] == tensor_stored(dev, values[i]));
    free(got);
    tensor_release(&y);
    buffer_release(&added);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_write_and_read),
        support_fp16_test(test_write_and_read_halves),
        support_bf16_test(test_write_and_read_bfloat16),
        support_small_tests(test_kernels_round_alike),
    };
    return cmocka_run_group_tests_name("tensor", tests, support_open_device, support_close_device);
}
