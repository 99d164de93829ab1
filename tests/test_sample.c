/* SPDX-License-Identifier: Apache-2.0 */
/* The drawn sample: the same pictures on every machine, the same number for each class, and none in
 * both parts. */
#include "check.h"
#include "data/dataset.h"

enum { BYTES = 3 * 32 * 32 };

static int open_sample(void **state)
{
    static dataset set;
    error err;
    CHECK_OK(sample_open(NULL, &set, &err));
    *state = &set;
    return 0;
}

static int close_sample(void **state)
{
    dataset_close(*state);
    return 0;
}

/* FNV-1a: a change of any byte changes it. */
static uint64_t checksum(const image_set *set)
{
    uint64_t sum = 0xcbf29ce484222325u;
    for (size_t i = 0; i < set->count * BYTES; i++)
        sum = (sum ^ set->pixels[i]) * 0x100000001b3u;
    return sum;
}

static void test_same_everywhere(void **state)
{
    const dataset *set = *state;
    assert_int_equal(checksum(&set->train), 0xb23e6653a7cfa8ad);
    assert_int_equal(checksum(&set->test), 0x053668db01fd450f);
}

static void test_balanced(void **state)
{
    const dataset *set = *state;
    int counts[10] = {0};
    assert_int_equal(set->classes.coarse_count, 4);
    assert_int_equal(set->classes.fine_count, 10);
    assert_int_equal(set->train.count, 1200);
    assert_int_equal(set->test.count, 400);
    for (size_t i = 0; i < set->train.count; i++) {
        counts[set->train.fine[i]]++;
        assert_int_equal(set->train.coarse[i], set->classes.parents[set->train.fine[i]]);
    }
    for (int i = 0; i < 10; i++)
        assert_int_equal(counts[i], 120);
}

static void test_no_picture_twice(void **state)
{
    const dataset *set = *state;
    for (size_t i = 0; i < set->test.count; i++)
        for (size_t j = 0; j < set->train.count; j++)
            assert_memory_not_equal(set->test.pixels + i * BYTES, set->train.pixels + j * BYTES,
                                    BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_everywhere),
        cmocka_unit_test(test_balanced),
        cmocka_unit_test(test_no_picture_twice),
    };
    return cmocka_run_group_tests_name("sample", tests, open_sample, close_sample);
}
