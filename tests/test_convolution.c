/* convolution.c: what is chosen supports the call, for every device and shape; the sums that all
 * algorithms are compared with. */
#include "convolution_check.h"
#include "support.h"

static void test_reference_by_differences(void **state)
{
    (void)state;
    convolution_check_reference();
}

static void test_output_shape(void **state)
{
    (void)state;
    const tensor x = {NULL, 5, 9, 11, 3};
    tensor y = convolution_output(&(convolution_shape){3, 17, 7, 2, 3}, x);
    assert_int_equal(y.n, 5);
    assert_int_equal(y.h, 5);
    assert_int_equal(y.w, 6);
    assert_int_equal(y.c, 17);
}

/* Every kind of device has an algorithm for every call, and the CPU's own where it applies. */
static void test_choice(void **state)
{
    device dev = **(device **)state;
    for (int i = 0; i < 20; i++) {
        problem p = convolution_problem(i, i % 2);
        convolution_call call = {.shape = p.s, .x = {NULL, p.n, p.h, p.w, p.s.cin}};
        call.y = convolution_output(&p.s, call.x);
        for (int direction = 0; direction < CONVOLUTION_DIRECTIONS; direction++) {
            call.direction = (enum convolution_direction)direction;
            dev.info.type = CL_DEVICE_TYPE_CPU;
            const convolution_algorithm *chosen = convolution_choose(&dev, &call);
            assert_true(chosen->supports(&dev, &call));
            assert_true(chosen == &implicit_gemm || chosen == &unrolled_gemm);
            dev.info.type = CL_DEVICE_TYPE_GPU;
            assert_ptr_equal(convolution_choose(&dev, &call),
                             p.s.kernel == 1 ? &conv1x1_gemm : &im2col_gemm);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference_by_differences),
        cmocka_unit_test(test_output_shape),
        cmocka_unit_test(test_choice),
    };
    return cmocka_run_group_tests_name("convolution", tests, support_open_device,
                                       support_close_device);
}
