/* SPDX-License-Identifier: Apache-2.0 */
/* The tile sizes that algorithms offer besides their defaults: each one that the device can run
 * gives right results, and one that it cannot run is refused. */
#include "convolution_check.h"
#include "ops/choices.h"
#include "support.h"

#include <string.h>

/* In all directions more than one block or tile, the last of them not full, and sums of several
 * chunks. */
static const problem problems[] = {
    {{35, 70, 3, 1, 1}, 1, 10, 13, 10, 13},
    {{263, 39, 1, 2, 0}, 2, 9, 11, 5, 6},
};

/* The rounding of TF32 in sums of up to 650 products. */
static const tolerance tf32_tolerance = {2e-3, 0.1};

static const convolution_call small = {
    .shape = {8, 8, 1, 1, 0}, .x = {NULL, 1, 4, 4, 8}, .y = {NULL, 1, 4, 4, 8}};

static bool takes(const device *dev, const convolution_algorithm *a, int tile)
{
    const convolution_call call = convolution_by((convolution_choice){a, tile}, &small);
    return a->supports(dev, &call);
}

/* A precision in which it runs. Kernels are the same in tf32 and fp32. */
static enum precision precision_of(const convolution_algorithm *a)
{
    return a->tf32 ? PRECISION_TF32 : PRECISION_FP32;
}

static void test_each_gives_right_results(void **state)
{
    device *dev = *state;
    /* With a single unit, these problems use the large tile by default, which is then refused by
     * its name. */
    const cl_uint units = dev->info.compute_units;
    dev->info.compute_units = units > 1 ? units : 2;
    for (int i = 0; convolution_algorithms[i]; i++) {
        const convolution_algorithm *a = convolution_algorithms[i];
        dev->precision = precision_of(a);
        for (int tile = 1; tile <= a->tile_count; tile++)
            for (size_t p = 0; takes(dev, a, tile) && p < sizeof problems / sizeof *problems; p++)
                convolution_check_by(dev, (convolution_choice){a, tile}, &problems[p], 100 + p,
                                     p == 1, a->tf32 ? tf32_tolerance : convolution_tolerance);
    }
    dev->info.compute_units = units;
    dev->precision = PRECISION_FP32;
}

static void test_names(void **state)
{
    (void)state;
    for (int i = 0; convolution_algorithms[i]; i++) {
        const convolution_algorithm *a = convolution_algorithms[i];
        for (int tile = 1; tile <= a->tile_count; tile++) {
            const char *name = convolution_tile_name((convolution_choice){a, tile});
            assert_int_equal(convolution_find_tile(a, name), tile);
        }
        assert_int_equal(convolution_find_tile(a, "1x1"), 0);
        assert_null(convolution_tile_name((convolution_choice){a, 0}));
        assert_null(convolution_tile_name((convolution_choice){a, a->tile_count + 1}));
    }
}

/* Each kind of device can run at least one tile besides the default, and an unknown number is
 * refused. */
static void test_offers(void **state)
{
    device dev = **(device **)state;
    static const convolution_algorithm *const offering[] = {&direct_convolution, &tiled_gemm,
                                                            &tensor_gemm};
    for (size_t i = 0; i < sizeof offering / sizeof offering[0]; i++) {
        dev.precision = precision_of(offering[i]);
        int taken = 0, count = offering[i]->tile_count;
        for (int tile = 1; tile <= count; tile++)
            taken += takes(&dev, offering[i], tile);
        assert_true(taken >= 1);
        assert_false(takes(&dev, offering[i], count + 1));
    }
}

/* A tile that needs more local memory, work-items or registers than the device has. */
static void test_refused(void **state)
{
    device dev = **(device **)state;
    int largest = convolution_find_tile(&tiled_gemm, "128x128x8x8x16");
    int twelve = convolution_find_tile(&implicit_gemm, "12x256x12x8");
    assert_true(largest > 0 && twelve > 0);
    dev.info.type = CL_DEVICE_TYPE_GPU;
    dev.info.max_group_size = 1024;
    dev.info.local_memory_bytes = 64 << 10;
    assert_true(takes(&dev, &tiled_gemm, largest));
    dev.info.max_group_size = 128;
    assert_false(takes(&dev, &tiled_gemm, largest));
    assert_true(takes(&dev, &tiled_gemm, 0));
    dev.info.max_group_size = 1024;
    dev.info.local_memory_bytes = 16 << 10;
    assert_false(takes(&dev, &tiled_gemm, largest));
    dev.info.local_memory_bytes = 64 << 10;
    dev.info.type = CL_DEVICE_TYPE_CPU;
    assert_false(takes(&dev, &tiled_gemm, largest));
    dev.vec = 16;
    assert_true(takes(&dev, &implicit_gemm, twelve));
    dev.vec = 8;
    assert_false(takes(&dev, &implicit_gemm, twelve));
    assert_true(takes(&dev, &implicit_gemm, 0));
}

/* The tile that a call uses by default, which depends on the call, is not also measured by its
 * name. */
static void test_default_by_name(void **state)
{
    device dev = **(device **)state;
    const int first = convolution_find_tile(&tiled_gemm, "128x64x8x8x16");
    const int second = convolution_find_tile(&tiled_gemm, "32x32x4x4x16");
    convolution_call large = {.by = {&tiled_gemm, first},
                              .shape = {64, 64, 1, 1, 0},
                              .x = {NULL, 8, 64, 64, 64},
                              .y = {NULL, 8, 64, 64, 64}};
    dev.info.compute_units = 1;
    assert_false(takes(&dev, &tiled_gemm, second));
    assert_true(takes(&dev, &tiled_gemm, first));
    assert_false(tiled_gemm.supports(&dev, &large));
    large.by.tile = second;
    assert_true(tiled_gemm.supports(&dev, &large));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_gives_right_results),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_offers),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_default_by_name),
    };
    return cmocka_run_group_tests_name("tiles", tests, support_open_device, support_close_device);
}
