/* SPDX-License-Identifier: Apache-2.0 */
/* The balanced order: even shares of very unequal classes, without repetition inside one, and the
 * same at every place whatever was asked before. */
#include "check.h"
#include "data/balance.h"

/* 101 images of classes 0, 2 and 5 of 6, by halves and a half of that; 4 is one image. */
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

/* Over whole epochs: a class's images are used up before one comes again. */
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

/* Nothing is remembered from one call to the next: a resumed run begins anywhere. */
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
    balance_order(fresh, 9, 5, other); /* so with another epoch */
    assert_memory_not_equal(other, want, sizeof want);
    balance_order(fresh, 9, 4, got);
    assert_memory_equal(got, want, sizeof want);
    balance_free(fresh);
}

/* Of the classes of the images that are asked for, and no others. */
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
