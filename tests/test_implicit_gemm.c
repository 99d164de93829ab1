/* SPDX-License-Identifier: Apache-2.0 */
/* kernels/implicit_gemm.cl with every vector width that a CPU may report; see
 * convolution_check.h. */
#include "base/bfloat16.h"
#include "convolution_check.h"
#include "device/matrix_unit.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>

enum { CASES = 24 };

/* Uses a device of its own, because programs are built once per device for its width. */
static void check_width(int width, int (*open_device)(void **), int cases)
{
    void *state;
    assert_int_equal(open_device(&state), 0);
    device *dev = state;
    dev->vec = width;
    device_set_precision(dev, dev->precision);
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

/* Every unit of bf16 computes the same, whether or not this processor has it. */
static void check_unit(device *dev, const char *name)
{
    dev->unit = matrix_unit_find(name);
    for (int i = 0; i < support_cases(CASES); i++) {
        const problem p = convolution_problem(i, i % 3 == 2);
        convolution_check(dev, &implicit_gemm, &p, 5000u + 1000u * (uint64_t)i, i % 2 == 1,
                          convolution_tolerance);
    }
}

static void test_plain_unit(void **state)
{
    check_unit(*state, "plain bf16");
}

static void test_plain_tiles(void **state)
{
    check_unit(*state, "plain tiles");
}

/* A single 1 in x picks a row of the weights, rounded to bfloat16 to nearest, ties to even. */
static void test_rounded_weights(void **state)
{
    device *dev = *state;
    enum { CIN = 5, COUT = 37, PICKED = 2 };
    error err;
    float x[CIN] = {0}, *w = support_random((size_t)CIN * COUT, 1, -3, 3);
    x[PICKED] = 1;
    w[PICKED * COUT] = 1 + 0x1p-8F;         /* a tie: to 1 */
    w[PICKED * COUT + 1] = 1 + 3 * 0x1p-8F; /* to 1 + 4 * 2^-8 */
    w[PICKED * COUT + 2] = INFINITY;
    convolution_call call = {.by = {&implicit_gemm, 0},
                             .direction = CONVOLUTION_FORWARD,
                             .shape = {CIN, COUT, 1, 1, 0},
                             .x = support_tensor(dev, 1, 1, 1, CIN, x),
                             .y = support_tensor(dev, 1, 1, 1, COUT, NULL),
                             .weights = support_buffer(dev, (size_t)CIN * COUT, w)};
    convolution_bytes bytes;
    convolution_memory memory;
    assert_ok(implicit_gemm.measure(dev, &call, &bytes, &err), &err);
    assert_ok(convolution_memory_create(dev, &bytes, &memory, &err), &err);
    assert_ok(convolution_run(dev, &call, memory, &err), &err);
    float *y = support_read(dev, call.y);
    for (int i = 0; i < COUT; i++)
        assert_float_equal(y[i], bfloat16_to_float(bfloat16_from_float(w[PICKED * COUT + i])), 0);
    convolution_memory_release(&memory);
    tensor_release(&call.x);
    tensor_release(&call.y);
    buffer_release(&call.weights);
    free(w);
    free(y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_native_width),
        cmocka_unit_test(test_many_chunks),
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_widths_small),
        cmocka_unit_test_setup_teardown(test_plain_unit, support_open_bf16_device,
                                        support_close_device),
        cmocka_unit_test_setup_teardown(test_plain_tiles, support_open_bf16_device,
                                        support_close_device),
        cmocka_unit_test_setup_teardown(test_rounded_weights, support_open_bf16_device,
                                        support_close_device),
    };
    return cmocka_run_group_tests_name("implicit_gemm", tests, support_open_device,
                                       support_close_device);
}
