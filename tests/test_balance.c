/* SPDX-License-Identifier: Apache-2.0 */
/* The balanced order: classes of very unequal sizes get equal shares, no image of a class repeats
 * within a round, and the order of an epoch does not depend on earlier calls. */
#include "check.h"
#include "data/balance.h"

/* Of 6 classes, 4 have images, 101 in all; class 4 has one. */
enum { IMAGES = 101, CLASSES = 6, LIVE = 4 };
static const int sizes[CLASSES] = {60, 0, 30, 0, 1, 10};

typedef struct fixture {
    int fine[IMAGES];
    balance *b;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    error err;
    int image = 0;
    for (int class = 0; class < CLASSES; class ++)
        for (int i = 0; i < sizes[class]; i++)
            f.fine[(image++ * 37) % IMAGES] = class; /* 37 and 101 have no common divisor */
    CHECK_OK(balance_create((image_subset){&(const image_set){.fine = f.fine}, NULL, IMAGES}, &f.b,
                            &err));
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    balance_free(f->b);
    return 0;
}

static void test_even_shares(void **state)
{
    fixture *f = *state;
    uint32_t order[IMAGES];
    for (uint32_t epoch = 0; epoch < 9; epoch++) {
        int got[CLASSES] = {0};
        balance_order(f->b, 7, epoch, order);
        for (int i = 0; i < IMAGES; i++)
            got[f->fine[order[i]]]++;
        for (int class = 0; class < CLASSES; class ++)
            if (sizes[class] == 0)
                assert_int_equal(got[class], 0);
            else /* an epoch may begin and end inside a round */
                assert_in_range(got[class], IMAGES / LIVE - 1, IMAGES / LIVE + 2);
    }
}

/* Across epochs, all images of a class are used before one of them repeats. */
static void test_no_repetition(void **state)
{
    fixture *f = *state;
    uint32_t order[IMAGES];
    int uses[IMAGES] = {0}, turns[CLASSES] = {0};
    for (uint32_t epoch = 0; epoch < 12; epoch++) {
        balance_order(f->b, 8, epoch, order);
        for (int i = 0; i < IMAGES; i++) {
            int class = f->fine[order[i]];
            assert_int_equal(uses[order[i]], turns[class] / sizes[class]);
            uses[order[i]]++;
            turns[class]++;
        }
    }
    for (int i = 0; i < IMAGES; i++)
        assert_true(uses[i] > 0);
}

/* No state is kept between calls, because a resumed run may begin at any epoch. */
static void test_any_epoch_first(void **state)
{
    fixture *f = *state;
    error err;
    uint32_t want[IMAGES], got[IMAGES], other[IMAGES];
    balance *fresh;
    for (uint32_t epoch = 0; epoch < 5; epoch++)
        balance_order(f->b, 9, epoch, want);
    CHECK_OK(balance_create((image_subset){&(const image_set){.fine = f->fine}, NULL, IMAGES},
                            &fresh, &err));
    balance_order(fresh, 9, 4, got);
    assert_memory_equal(got, want, sizeof want);
    balance_order(fresh, 10, 4, other); /* another seed, another order */
    assert_memory_not_equal(other, want, sizeof want);
    balance_order(fresh, 9, 5, other); /* another epoch, another order */
    assert_memory_not_equal(other, want, sizeof want);
    balance_order(fresh, 9, 4, got);
    assert_memory_equal(got, want, sizeof want);
    balance_free(fresh);
}

/* Only the classes of the subset's images are balanced. */
static void test_subset(void **state)
{
    fixture *f = *state;
    error err;
    unsigned indices[IMAGES];
    uint32_t order[IMAGES];
    size_t count = 0;
    int got[CLASSES] = {0};
    balance *some;
    for (unsigned i = 0; i < IMAGES; i++)
        if (f->fine[i] == 2 || f->fine[i] == 5)
            indices[count++] = i;
    CHECK_OK(balance_create((image_subset){&(const image_set){.fine = f->fine}, indices, count},
                            &some, &err));
    balance_order(some, 1, 0, order);
    for (size_t i = 0; i < count; i++)
        got[f->fine[indices[order[i]]]]++;
    assert_int_equal(got[2], count / 2);
    assert_int_equal(got[5], count / 2);
    balance_free(some);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_even_shares),
        cmocka_unit_test(test_no_repetition),
        cmocka_unit_test(test_any_epoch_first),
        cmocka_unit_test(test_subset),
    };
    return cmocka_run_group_tests_name("balance", tests, set_up, tear_down);
}
