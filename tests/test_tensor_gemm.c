/* SPDX-License-Identifier: Apache-2.0 */
/* kernels/tensor_gemm.cl with its instructions emulated, which works on any device; see
 * convolution_check.h. The PTX itself is tested by the self-test wherever it runs. */
#include "convolution_check.h"
#include "ops/convolver.h"
#include "ops/tensor_gemm.h"
#include "support.h"

#include <stdlib.h>
#include <string.h>

enum { CASES = 14 };

/* Factors up to 1 are rounded by up to 2^-11. Sums of up to a few thousand products stay well below
 * this tolerance; a product in the wrong place does not. */
static const tolerance tf32_tolerance = {1e-3, 3e-2};

static const problem several_tiles = {{70, 75, 3, 1, 1}, 2, 12, 13, 12, 13};

/* Few units get large tiles, many units get small tiles and sums in parts. */
static void check_with_units(device *dev, unsigned units)
{
    dev->info.compute_units = units;
    for (int i = 0; i < support_cases(CASES); i++) {
        problem p = convolution_problem(i, i % 3 == 2);
        convolution_check(dev, &tensor_gemm, &p, 4000u + 1000u * (uint64_t)i, i % 2 == 1,
                          tf32_tolerance);
    }
    convolution_check(dev, &tensor_gemm, &several_tiles, 1, true, tf32_tolerance);
}

static void test_tensor_gemm(void **state)
{
    device *dev = *state;
    const device_info info = dev->info;
    check_with_units(dev, 1);
    check_with_units(dev, 1000);
    dev->info = info;
}

/* For a single pixel and channel, y = x * 1 is x rounded to ten bits, to the nearest value, with
 * ties away from zero. */
static void test_rounding(void **state)
{
    static const float values[] = {
        1.0f,          1.0f + 0x1p-11f, 1.0f + 0x1.ffep-12f, -1.0f - 0x1p-11f, -1.0f - 0x1.8p-10f,
        0x1.ffep-100f, 0x1.fffp+5f};
    static const float rounded[] = {
        1.0f, 1.0f + 0x1p-10f, 1.0f, -1.0f - 0x1p-10f, -1.0f - 0x1p-9f, 0x1p-99f, 0x1p+6f};
    enum { COUNT = sizeof values / sizeof values[0] };
    device *dev = *state;
    error err;
    const float one = 1;
    convolution_call call = {.shape = {1, 1, 1, 1, 0},
                             .x = support_tensor(dev, COUNT, 1, 1, 1, values),
                             .y = support_tensor(dev, COUNT, 1, 1, 1, NULL),
                             .weights = support_buffer(dev, 1, &one)};
    assert_ok(tensor_gemm.run(dev, &call, (convolution_memory){0}, &err), &err);
    float *got = support_read(dev, call.y);
    assert_same_bits(got, rounded, COUNT);
    free(got);
    tensor_release(&call.x);
    tensor_release(&call.y);
    buffer_release(&call.weights);
}

/* Available in tf32 alone. Whatever rounds nothing is available there, too, and the self-test calls
 * it by the name that it has in fp32. */
static void test_only_tf32(void **state)
{
    device *dev = *state;
    const convolution_choice tensor = {&tensor_gemm, 0}, direct = {&direct_convolution, 0};
    const convolution_call call = {.shape = {8, 8, 1, 1, 0}, .x = {NULL, 1, 4, 4, 8}};
    error err;
    for (int p = 0; word_list_at(&precision_words, p); p++) {
        convolver c;
        char name[CONVOLVER_CHECK_NAME];
        dev->precision = (enum precision)p;
        assert_ok(convolver_open(dev, &c, &err), &err);
        assert_int_equal(convolver_supports(&c, tensor, &call), p == PRECISION_TF32);
        assert_true(convolver_supports(&c, direct, &call));
        convolver_close(&c);
        convolver_check_name(dev, direct, CONVOLUTION_FORWARD, name);
        const char *own = word_list_at(&precision_words, p == PRECISION_TF32 ? PRECISION_FP32 : p);
        assert_int_equal(strncmp(name, own, strlen(own)), 0);
    }
    dev->precision = PRECISION_TF32;
    char name[CONVOLVER_CHECK_NAME];
    convolver_check_name(dev, tensor, CONVOLUTION_FORWARD, name);
    assert_string_equal(name, "tf32 tensor_gemm forward");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_tensor_gemm),
        cmocka_unit_test(test_only_tf32),
    };
    return cmocka_run_group_tests_name("tensor_gemm", tests, support_open_tf32_device,
                                       support_close_device);
}
