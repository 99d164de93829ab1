/* SPDX-License-Identifier: Apache-2.0 */
/* kernels/tiled_gemm.cl with both sizes of tile, and sums over pixels in one part and in several;
 * see convolution_check.h. */
#include "convolution_check.h"
#include "ops/tiled_gemm.h"
#include "support.h"

enum { CASES = 24 };

/* Results that are not a multiple of a tile on either side, and sums over more pixels than a part
 * must have. */
static const problem several_tiles[] = {
    {{70, 75, 3, 1, 1}, 2, 12, 13, 12, 13},
    {{132, 68, 1, 1, 0}, 3, 10, 11, 10, 11},
    {{40, 140, 3, 2, 1}, 3, 19, 21, 10, 11},
    {{39, 33, 1, 1, 0}, 2, 20, 20, 20, 20},
};

/* The same with few products, for simulators: in each direction, one of them has several large
 * tiles. */
static const problem several_tiles_quickly[] = {
    {{5, 68, 1, 1, 0}, 3, 10, 11, 10, 11},
    {{68, 5, 1, 1, 0}, 1, 12, 13, 12, 13},
    {{132, 68, 1, 1, 0}, 1, 3, 5, 3, 5},
};

static void check_all(device *dev)
{
    for (int i = 0; i < support_cases(CASES); i++) {
        problem p = convolution_problem(i, i % 3 == 2);
        convolution_check(dev, &tiled_gemm, &p, 3000u + 1000u * (uint64_t)i, i % 2 == 1,
                          convolution_tolerance);
    }
    bool quick = support_is_short(CASES);
    const problem *several = quick ? several_tiles_quickly : several_tiles;
    for (size_t i = 0; i < (quick ? 3 : 4); i++)
        convolution_check(dev, &tiled_gemm, &several[i], 9000u + i, i % 2 == 1,
                          convolution_tolerance);
}

static int parts_of(const device *dev, const problem *p)
{
    const convolution_call call = {.direction = CONVOLUTION_BACKWARD_WEIGHTS,
                                   .shape = p->s,
                                   .x = {NULL, p->n, p->h, p->w, p->s.cin},
                                   .y = {NULL, p->n, p->oh, p->ow, p->s.cout}};
    return tiled_gemm_parts(dev, &call, 1);
}

/* One unit is soon busy: large tiles if the result fills them, and every sum in one part. */
static void test_few_units(void **state)
{
    device *dev = *state;
    unsigned units = dev->info.compute_units;
    dev->info.compute_units = 1;
    assert_int_equal(parts_of(dev, &several_tiles[0]), 1);
    check_all(dev);
    dev->info.compute_units = units;
}

/* A thousand units are never busy: small tiles, and sums in as many parts as possible. */
static void test_many_units(void **state)
{
    device *dev = *state;
    unsigned units = dev->info.compute_units;
    dev->info.compute_units = 1000;
    assert_int_equal(parts_of(dev, &several_tiles[0]), 2);
    check_all(dev);
    dev->info.compute_units = units;
}

/* With small work-groups or little local memory only the small tile runs; with less than it needs,
 * none. */
static void test_small_devices(void **state)
{
    device *dev = *state;
    const device_info info = dev->info;
    const convolution_call call = {.shape = {1, 1, 1, 1, 0}, .x = {NULL, 1, 1, 1, 1}};
    dev->info.compute_units = 1;
    dev->info.max_group_size = 64;
    dev->info.local_memory_bytes = 8 << 10;
    assert_true(tiled_gemm.supports(dev, &call));
    const problem *several = support_is_short(CASES) ? several_tiles_quickly : several_tiles;
    convolution_check(dev, &tiled_gemm, several, 1, false, convolution_tolerance);
    dev->info.max_group_size = 32;
    assert_false(tiled_gemm.supports(dev, &call));
    dev->info.max_group_size = 64;
    dev->info.local_memory_bytes = 1 << 10;
    assert_false(tiled_gemm.supports(dev, &call));
    dev->info = info;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_units),     support_small_tests(test_few_units),
        cmocka_unit_test(test_many_units),    support_small_tests(test_many_units),
        cmocka_unit_test(test_small_devices),
    };
    return cmocka_run_group_tests_name("tiled_gemm", tests, support_open_device,
                                       support_close_device);
}
