/* SPDX-License-Identifier: Apache-2.0 */
/* unrolled_gemm.c with what it supports: few channels, and every tap in use. On a CPU this is the
 * weight gradient only. See convolution_check.h. */
#include "convolution_check.h"
#include "selftest/reference_convolution.h"
#include "support.h"

static problem few_channels(int index)
{
    problem p = convolution_problem(index, 0);
    p.s.cin = 1 + index % 3;
    p.h += p.s.kernel; /* so that every tap meets a pixel somewhere */
    p.w += p.s.kernel;
    p.oh = (p.h + 2 * p.s.pad - p.s.kernel) / p.s.stride + 1;
    p.ow = (p.w + 2 * p.s.pad - p.s.kernel) / p.s.stride + 1;
    return p;
}

static void test_unrolled_gemm(void **state)
{
    for (int i = 0; i < 20; i++) {
        problem p = few_channels(i);
        convolution_check(*state, &unrolled_gemm, &p, 900u * (uint64_t)i, false,
                          convolution_tolerance);
    }
}

/* The product uses kernels/tiled_gemm.cl. */
static void test_on_a_gpu(void **state)
{
    (void)state;
    void *opened;
    assert_int_equal(support_open_device(&opened), 0);
    device *dev = opened;
    dev->info.type = CL_DEVICE_TYPE_GPU;
    dev->info.compute_units = 1000; /* so that sums are in parts */
    dev->vec = 4;
    for (int i = 0; i < 4; i++) {
        problem p = few_channels(i);
        convolution_check(dev, &unrolled_gemm, &p, 700u * (uint64_t)i, false,
                          convolution_tolerance);
    }
    support_close_device(&opened);
}

static void test_unsupported(void **state)
{
    const device *dev = *state;
    const convolution_shape s = {3, 8, 3, 1, 1};
    convolution_call call = {.shape = s, .x = {NULL, 2, 8, 8, 3}};
    call.y = reference_convolution_output(&s, call.x);
    call.direction = CONVOLUTION_BACKWARD_WEIGHTS;
    assert_true(unrolled_gemm.supports(dev, &call));
    call.direction = CONVOLUTION_BACKWARD_DATA;
    assert_false(unrolled_gemm.supports(dev, &call));
    call.direction = CONVOLUTION_FORWARD; /* which implicit_gemm.c computes on a CPU */
    assert_int_equal(unrolled_gemm.supports(dev, &call), !implicit_gemm.supports(dev, &call));
    call.direction = CONVOLUTION_BACKWARD_WEIGHTS;
    call.x.h = call.x.w = call.y.h = call.y.w = 1; /* some taps meet only padding */
    assert_false(unrolled_gemm.supports(dev, &call));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unrolled_gemm),
        cmocka_unit_test(test_on_a_gpu),
        support_small_tests(test_unrolled_gemm),
        cmocka_unit_test(test_unsupported),
    };
    return cmocka_run_group_tests_name("unrolled_gemm", tests, support_open_device,
                                       support_close_device);
}
