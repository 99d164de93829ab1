/* SPDX-License-Identifier: Apache-2.0 */
/* convolution.c: the chosen algorithm supports the call, for every device and shape. Also checks
 * the sums that all algorithms are compared with. */
#include "convolution_check.h"
#include "ops/convolver.h"
#include "selftest/reference_convolution.h"
#include "support.h"

#include <stdlib.h>
#include <string.h>

static void test_reference_by_differences(void **state)
{
    (void)state;
    convolution_check_reference();
}

static void test_output_shape(void **state)
{
    (void)state;
    const tensor x = {NULL, 5, 9, 11, 3};
    tensor y = reference_convolution_output(&(convolution_shape){3, 17, 7, 2, 3}, x);
    assert_int_equal(y.n, 5);
    assert_int_equal(y.h, 5);
    assert_int_equal(y.w, 6);
    assert_int_equal(y.c, 17);
}

/* The quick choice on a GPU: one algorithm for a small first layer, Winograd, or tiled_gemm for the
 * rest. */
static void check_gpu_choice(const device *dev, const convolution_call *call)
{
    const convolver c = {.dev = (device *)dev};
    const convolution_algorithm *chosen = convolver_choose(&c, call, false).algorithm;
    if (unrolled_gemm.supports(dev, call))
        assert_ptr_equal(chosen, &unrolled_gemm);
    else if (chosen != &winograd2 && chosen != &winograd4)
        assert_ptr_equal(chosen, &tiled_gemm);
    assert_true(chosen->supports(dev, call));
}

/* On every kind of device, every call has an algorithm, and im2col is never needed. */
static void test_choice(void **state)
{
    device dev = **(device **)state;
    const convolver c = {.dev = &dev};
    for (int i = 0; i < 20; i++) {
        problem p = convolution_problem(i, i % 2);
        convolution_call call = {.shape = p.s, .x = {NULL, p.n, p.h, p.w, p.s.cin}};
        call.y = reference_convolution_output(&p.s, call.x);
        for (int direction = 0; direction < CONVOLUTION_DIRECTIONS; direction++) {
            call.direction = (enum convolution_direction)direction;
            dev.info.type = CL_DEVICE_TYPE_CPU;
            for (int p = 0; word_list_at(&precision_words, p); p++) {
                dev.precision = (enum precision)p;
                const convolution_algorithm *chosen = convolver_choose(&c, &call, false).algorithm;
                assert_true(chosen->supports(&dev, &call));
                assert_string_not_equal(chosen->family, "im2col");
            }
            dev.precision = PRECISION_FP32;
            dev.info.type = CL_DEVICE_TYPE_GPU;
            check_gpu_choice(&dev, &call);
        }
    }
}

static void test_gpu_layers(void **state)
{
    device dev = **(device **)state;
    const convolver c = {.dev = &dev};
    dev.info.type = CL_DEVICE_TYPE_GPU;
    dev.vec = 4;
    convolution_call call = {.shape = {3, 64, 7, 2, 3}, .x = {NULL, 32, 224, 224, 3}};
    call.y = reference_convolution_output(&call.shape, call.x);
    assert_ptr_equal(convolver_choose(&c, &call, false).algorithm, &unrolled_gemm);
    call.shape = (convolution_shape){128, 128, 3, 1, 1};
    call.x = call.y = (tensor){NULL, 32, 56, 56, 128};
    assert_ptr_equal(convolver_choose(&c, &call, false).algorithm, &winograd4);
    call.shape = (convolution_shape){128, 128, 1, 1, 0};
    assert_ptr_equal(convolver_choose(&c, &call, false).algorithm, &tiled_gemm);
    dev.info.max_group_size = 1; /* too small for tiles, so CLBlast runs */
    assert_ptr_equal(convolver_choose(&c, &call, false).algorithm, &conv1x1_gemm);
    call.shape = (convolution_shape){128, 128, 3, 1, 1};
    assert_ptr_equal(convolver_choose(&c, &call, false).algorithm, &im2col_gemm);
}

/* The family that HCNN_CONV names is used for each call that it supports; an unknown family is an
 * error. */
static void test_forced(void **state)
{
    static const char *const families[] = {"direct", "gemm", "im2col", "winograd"};
    device *dev = *state;
    error err;
    convolver c;
    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++) {
        setenv("HCNN_CONV", families[f], 1);
        assert_ok(convolver_open(dev, &c, &err), &err);
        convolution_call call = {.shape = {8, 8, 3, 1, 1}, .x = {NULL, 1, 9, 9, 8}};
        call.y = reference_convolution_output(&call.shape, call.x);
        assert_string_equal(convolver_choose(&c, &call, true).algorithm->family, families[f]);
        call.shape.stride = 2; /* Winograd does not support it: the quick choice is used */
        call.y = reference_convolution_output(&call.shape, call.x);
        assert_true(convolver_choose(&c, &call, true).algorithm->supports(dev, &call));
        convolver_close(&c);
    }
    setenv("HCNN_CONV", "fast", 1);
    assert_int_equal(convolver_open(dev, &c, &err), STATUS_USAGE);
    assert_non_null(strstr(err.message, "winograd"));
    unsetenv("HCNN_CONV");
}

/* A GPU with too little local memory for tiled_gemm, and activations that CLBlast does not support.
 */
static void test_last_resort(void **state)
{
    device dev = **(device **)state;
    const convolver c = {.dev = &dev};
    convolution_call call = {.shape = {8, 8, 5, 3, 2}, .x = {NULL, 1, 9, 9, 8}};
    call.y = reference_convolution_output(&call.shape, call.x);
    dev.info.type = CL_DEVICE_TYPE_GPU;
    dev.info.local_memory_bytes = 1 << 10;
    dev.precision = PRECISION_BF16;
    assert_ptr_equal(convolver_choose(&c, &call, false).algorithm, &direct_convolution);
    dev.precision = PRECISION_FP16;
    assert_ptr_equal(convolver_choose(&c, &call, false).algorithm, &direct_convolution);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference_by_differences),
        cmocka_unit_test(test_output_shape),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_gpu_layers),
        cmocka_unit_test(test_forced),
        cmocka_unit_test(test_last_resort),
    };
    return cmocka_run_group_tests_name("convolution", tests, support_open_device,
                                       support_close_device);
}
