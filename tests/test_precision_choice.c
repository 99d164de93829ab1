/* SPDX-License-Identifier: Apache-2.0 */
/* The precision that a program computes in, on the tests' device and on ones that report tensor
 * cores. */
#include "device/matrix_unit.h"
#include "ops/precision_choice.h"
#include "support.h"

#include <stdlib.h>
#include <string.h>

/* The tests' device, as if it were another. */
static device as_nvidia(const device *dev, unsigned capability)
{
    device other = *dev;
    other.precision = PRECISION_FP32;
    other.info.type = CL_DEVICE_TYPE_GPU;
    other.info.nv_capability = capability;
    other.info.local_memory_bytes = 48 << 10;
    other.info.max_group_size = 1024;
    return other;
}

static status choose(const device *dev, enum precision asked, bool given, enum precision *chosen,
                     char note[PRECISION_NOTE], error *err)
{
    return precision_choose(dev, (precision_request){asked, given}, chosen, note, err);
}

/* What is asked for is chosen without a word, except auto. */
static void test_choice(void **state)
{
    const device *dev = *state;
    enum precision chosen;
    char note[PRECISION_NOTE];
    error err;
    for (int p = 0; word_list_at(&precision_words, p); p++)
        for (int given = 0; given < 2; given++) {
            assert_ok(choose(dev, (enum precision)p, given, &chosen, note, &err), &err);
            assert_int_equal(chosen, p);
            assert_string_equal(note, "");
        }
    assert_ok(choose(dev, PRECISION_AUTO, true, &chosen, note, &err), &err);
    assert_int_equal(chosen, matrix_unit_best_precision(dev));
    assert_non_null(strstr(note, word_list_at(&precision_words, chosen)));
    assert_non_null(strstr(note, matrix_unit_for(dev, chosen)->name));
    assert_non_null(strstr(note, dev->info.name));
}

static void test_set(void **state)
{
    const device *dev = *state;
    device old = as_nvidia(dev, 75), new = as_nvidia(dev, 80), small = as_nvidia(dev, 80);
    error err;
    small.info.local_memory_bytes = 8 << 10;
    assert_ok(precision_set(&old, PRECISION_BF16, &err), &err);
    assert_int_equal(old.precision, PRECISION_BF16);
    assert_int_equal(precision_set(&old, PRECISION_TF32, &err), STATUS_USAGE);
    assert_non_null(strstr(err.message, "compute capability 8.0"));
    assert_int_equal(old.precision, PRECISION_BF16);
    assert_int_equal(precision_set(&small, PRECISION_TF32, &err), STATUS_USAGE);
    assert_non_null(strstr(err.message, "bytes of local memory"));
    assert_ok(precision_set(&new, PRECISION_TF32, &err), &err);
    assert_int_equal(new.precision, PRECISION_TF32);
}

/* HCNN_TF32=1 overrides a default, says what replaces it, and contradicts everything else. */
static void test_old_name(void **state)
{
    const device *dev = *state;
    enum precision chosen;
    char note[PRECISION_NOTE];
    error err;
    setenv("HCNN_TF32", "1", 1);
    for (int given = 0; given < 2; given++) {
        const enum precision asked = given ? PRECISION_TF32 : PRECISION_FP32;
        assert_ok(choose(dev, asked, given, &chosen, note, &err), &err);
        assert_int_equal(chosen, PRECISION_TF32);
        assert_non_null(strstr(note, "old name of --precision tf32"));
    }
    assert_int_equal(choose(dev, PRECISION_FP32, true, &chosen, note, &err), STATUS_USAGE);
    assert_non_null(strstr(err.message, "--precision fp32 is given"));
    assert_int_equal(choose(dev, PRECISION_BF16, false, &chosen, note, &err), STATUS_USAGE);
    assert_int_equal(choose(dev, PRECISION_AUTO, true, &chosen, note, &err), STATUS_USAGE);
    assert_non_null(strstr(err.message, "--precision auto is given"));
    setenv("HCNN_TF32", "fast", 1);
    assert_int_equal(choose(dev, PRECISION_FP32, false, &chosen, note, &err), STATUS_USAGE);
    setenv("HCNN_TF32", "0", 1);
    assert_ok(choose(dev, PRECISION_BF16, true, &chosen, note, &err), &err);
    assert_int_equal(chosen, PRECISION_BF16);
    unsetenv("HCNN_TF32");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_old_name),
    };
    unsetenv("HCNN_TF32");
    return cmocka_run_group_tests_name("precision_choice", tests, support_open_device,
                                       support_close_device);
}
