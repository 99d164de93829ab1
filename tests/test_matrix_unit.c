/* SPDX-License-Identifier: Apache-2.0 */
/* The table of units, on the tests' device and on ones that report tensor cores. */
#include "device/matrix_unit.h"
#include "support.h"

static void test_units(void **state)
{
    const device *dev = *state;
    device old = *dev, new = *dev;
    old.info.nv_capability = 75;
    new.info.nv_capability = 80;
    assert_string_equal(matrix_unit_for(dev, PRECISION_FP32)->name, "fp32 FMA");
    assert_string_equal(matrix_unit_for(&new, PRECISION_FP32)->name, "fp32 FMA");
    assert_string_equal(matrix_unit_for(&old, PRECISION_TF32)->name, "fp32 FMA");
    assert_string_equal(matrix_unit_for(&new, PRECISION_TF32)->name, "NVIDIA tf32 mma");
    assert_string_equal(matrix_unit_for(&new, PRECISION_TF32)->definitions, " -DNV_PTX");
}

/* Tiles are those of vectors of 16. */
static void test_narrow_vectors(void **state)
{
    device dev = **(device **)state;
    dev.vec = 8;
    assert_int_equal(matrix_unit_for(&dev, PRECISION_BF16)->rows, 0);
}

/* The best precision has a unit of its own. */
static void test_best(void **state)
{
    device dev = **(device **)state;
    for (int capability = 0; capability <= 90; capability += 10) {
        dev.info.nv_capability = (unsigned)capability;
        enum precision best = matrix_unit_best_precision(&dev);
        assert_int_equal(matrix_unit_for(&dev, best)->precision, best);
        assert_true(capability < 80 || best != PRECISION_FP32);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_narrow_vectors),
        cmocka_unit_test(test_best),
    };
    return cmocka_run_group_tests_name("matrix_unit", tests, support_open_device,
                                       support_close_device);
}
