/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/ops/tensor.c. */
#include "support.h"

#include <stdlib.h>

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

/* Halves on the device, floats on the host: values that a half can represent are unchanged, others
 * are rounded. */
static void test_write_and_read_halves(void **state)
{
    device *dev = *state;
    error err;
    tensor t;
    const float values[] = {1, -0.5f, 65504, 0x1p-24f, 1 + 0x1p-10f, 1 + 0x1p-11f, 1 + 0x1.8p-10f};
    const float want[] = {1, -0.5f, 65504, 0x1p-24f, 1 + 0x1p-10f, 1, 1 + 0x1p-9f};
    float back[7];
    assert_ok(tensor_create(dev, 1, 1, 1, 7, &t, &err), &err);
    assert_int_equal(tensor_bytes(dev, t), 14);
    assert_ok(tensor_write(dev, t, values, &err), &err);
    assert_ok(tensor_read(dev, t, back, &err), &err);
    assert_same_bits(back, want, 7);
    tensor_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_write_and_read),
        support_half_test(test_write_and_read_halves),
    };
    return cmocka_run_group_tests_name("tensor", tests, support_open_device, support_close_device);
}
