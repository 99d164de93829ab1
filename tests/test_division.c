/* SPDX-License-Identifier: Apache-2.0 */
/* Which images are used for training, validation and test, for every combination of parts that a
 * data set can have. */
#include "check.h"
#include "data/division.h"

enum { MOST = 64 };

/* Each image of the set is in exactly one of the subsets; a subset may be NULL. */
static void assert_partition(size_t count, const image_subset *a, const image_subset *b,
                             const image_subset *c)
{
    const image_subset *all[] = {a, b, c};
    int seen[MOST] = {0};
    for (int s = 0; s < 3; s++)
        for (size_t i = 0; all[s] && i < all[s]->count; i++)
            seen[all[s]->indices[i]]++;
    for (size_t i = 0; i < count; i++)
        assert_int_equal(seen[i], 1);
}

static dataset_division divide(const dataset *data, uint64_t seed)
{
    error err;
    dataset_division made;
    CHECK_OK(dataset_divide(data, seed, &made, &err));
    return made;
}

static void assert_whole(const image_subset *part, const image_set *set)
{
    assert_ptr_equal(part->set, set);
    assert_null(part->indices);
    assert_int_equal(part->count, set->count);
}

static void test_given(void **state)
{
    (void)state;
    const dataset data = {.train = {.count = 9}, .valid = {.count = 4}, .test = {.count = 5}};
    dataset_division made = divide(&data, 3);
    assert_int_equal(made.rule, DIVISION_GIVEN);
    assert_whole(&made.train, &data.train);
    assert_whole(&made.validation, &data.valid);
    assert_whole(&made.test, &data.test);
    assert_whole(&made.whole_test, &data.test);
    dataset_division_free(&made);
}

static void test_without_test(void **state)
{
    (void)state;
    const dataset data = {.train = {.count = 9}, .valid = {.count = 4}};
    dataset_division made = divide(&data, 3);
    assert_int_equal(made.rule, DIVISION_GIVEN);
    assert_whole(&made.validation, &data.valid);
    assert_int_equal(made.test.count, 0);
    assert_int_equal(made.whole_test.count, 0);
    dataset_division_free(&made);
}

/* The test set is halved and the larger half is the validation set; another seed gives other
 * halves. */
static void test_halved(void **state)
{
    (void)state;
    const dataset data = {.train = {.count = 9}, .test = {.count = 7}};
    dataset_division made = divide(&data, 5), other = divide(&data, 6);
    assert_int_equal(made.rule, DIVISION_HALVED);
    assert_whole(&made.train, &data.train);
    assert_int_equal(made.validation.count, 4);
    assert_int_equal(made.test.count, 3);
    assert_partition(7, &made.validation, &made.test, NULL);
    assert_whole(&made.whole_test, &data.test);
    assert_memory_not_equal(made.order, other.order, 7 * sizeof *made.order);
    dataset_division_free(&made);
    dataset_division_free(&other);
}

static void test_held_out(void **state)
{
    (void)state;
    const size_t counts[][3] = {{3, 1, 1}, {10, 1, 8}, {11, 2, 7}, {64, 7, 50}};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        const dataset data = {.train = {.count = counts[i][0]}};
        dataset_division made = divide(&data, i);
        assert_int_equal(made.rule, DIVISION_HELD_OUT);
        assert_int_equal(made.validation.count, counts[i][1]);
        assert_int_equal(made.test.count, counts[i][1]);
        assert_int_equal(made.train.count, counts[i][2]);
        assert_partition(counts[i][0], &made.train, &made.validation, &made.test);
        for (size_t j = 1; j < made.train.count; j++) /* --no-shuffle uses them in file order */
            assert_true(made.train.indices[j] > made.train.indices[j - 1]);
        dataset_division_free(&made);
    }
}

static void test_too_few(void **state)
{
    (void)state;
    error err;
    char source[] = "few.csv";
    const dataset data = {.source = source, .train = {.count = 2}};
    dataset_division made;
    CHECK_FAILS(STATUS_FAILED, "few.csv: 2 images are too few to hold some out",
                dataset_divide(&data, 0, &made, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_given),   cmocka_unit_test(test_without_test),
        cmocka_unit_test(test_halved),  cmocka_unit_test(test_held_out),
        cmocka_unit_test(test_too_few),
    };
    return cmocka_run_group_tests_name("division", tests, NULL, NULL);
}
