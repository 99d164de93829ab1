/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of batches: disjoint, complete, of equal size if possible, and with both images of a mixup
 * pair in the same part. */
#include "check.h"
#include "data/share.h"

enum { MOST_IMAGES = 70, MOST_RANKS = 9 };

/* Checks that each position of the batch is in exactly one part. */
static void expect_partition(int total, int ranks, bool mirrored)
{
    int seen[MOST_IMAGES] = {0};
    for (int rank = 0; rank < ranks; rank++) {
        const share part = share_take(&(share_of){rank, ranks, mirrored}, total);
        int before = -1;
        for (int i = 0; i < part.count; i++) {
            int position = share_position(&part, i);
            assert_in_range(position, 0, total - 1);
            assert_true(position > before);
            before = position;
            seen[position]++;
            if (mirrored)
                assert_int_equal(share_position(&part, part.count - 1 - i), total - 1 - position);
        }
    }
    for (int i = 0; i < total; i++)
        assert_int_equal(seen[i], 1);
}

static void test_partition(void **state)
{
    (void)state;
    for (int total = 0; total < MOST_IMAGES; total++)
        for (int ranks = 1; ranks <= MOST_RANKS; ranks++) {
            expect_partition(total, ranks, false);
            expect_partition(total, ranks, true);
        }
}

static void test_even(void **state)
{
    (void)state;
    for (int total = 0; total < MOST_IMAGES; total++)
        for (int ranks = 1; ranks <= MOST_RANKS; ranks++) {
            const share_of plain = {0, ranks, false}, mirrored = {0, ranks, true};
            assert_int_equal(share_least(&plain, total), total / ranks);
            assert_int_equal(share_most(&plain, total), (total + ranks - 1) / ranks);
            assert_int_equal(share_least(&mirrored, total),
                             ranks == 1 ? total : 2 * (total / 2 / ranks));
            assert_true(share_most(&mirrored, total) <= 2 * ((total / 2 + ranks - 1) / ranks) + 1);
        }
}

static void test_alone(void **state)
{
    (void)state;
    const share whole = share_take(&(share_of){0}, 7);
    assert_int_equal(whole.count, 7);
    for (int i = 0; i < 7; i++)
        assert_int_equal(share_position(&whole, i), i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_partition),
        cmocka_unit_test(test_even),
        cmocka_unit_test(test_alone),
    };
    return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
