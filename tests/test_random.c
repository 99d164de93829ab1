/* SPDX-License-Identifier: Apache-2.0 */
/* random.c: the generator against known answers, and what is built on it. */
#include "base/random.h"
#include "check.h"

/* The first row is the all-zero vector that Random123 publishes. Its two other vectors set word 3
 * of the counter, which random_block keeps at zero. The rows below are those vectors with word 3
 * cleared, computed by a separate implementation that also gives the published answers. */
static const struct {
    uint64_t seed;
    uint32_t stream;
    uint64_t index;
    uint32_t words[4];
} known[] = {
    {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {0xffffffffffffffff,
     0xffffffff,
     0xffffffffffffffff,
     {0xeec03824, 0xe4c1e0f1, 0x3d16e5ca, 0xa00e8336}},
    {0x299f31d0a4093822,
     0x13198a2e,
     0x85a308d3243f6a88,
     {0xae120e9d, 0xa08a4cab, 0xd28ec6a2, 0x42d73c1f}},
};

static void block_gives_known_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        uint32_t words[4];
        random_block(known[i].seed, known[i].stream, known[i].index, words);
        assert_memory_equal(words, known[i].words, sizeof words);
    }
}

static void every_input_matters(void **state)
{
    (void)state;
    uint32_t base[4], other[4];
    random_block(1, RANDOM_TEST, 1, base);
    random_block(1 + (1ull << 40), RANDOM_TEST, 1, other);
    assert_memory_not_equal(base, other, sizeof base);
    random_block(1, RANDOM_TEST + 1, 1, other);
    assert_memory_not_equal(base, other, sizeof base);
    random_block(1, RANDOM_TEST, 1 + (1ull << 40), other);
    assert_memory_not_equal(base, other, sizeof base);
}

static void uniform_is_even_over_its_range(void **state)
{
    (void)state;
    enum { DRAWS = 20000, BINS = 10 };
    int bins[BINS] = {0};
    double sum = 0;
    for (int i = 0; i < DRAWS; i++) {
        double x = random_uniform(3, RANDOM_TEST, (uint64_t)i);
        assert_true(x >= 0 && x < 1);
        bins[(int)(x * BINS)]++;
        sum += x;
    }
    assert_true(sum / DRAWS > 0.49 && sum / DRAWS < 0.51);
    for (int i = 0; i < BINS; i++)
        assert_in_range(bins[i], DRAWS / BINS - 200, DRAWS / BINS + 200);
}

static void permutation_contains_each_once(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    uint32_t order[COUNT];
    unsigned char seen[COUNT] = {0};
    random_permutation(5, RANDOM_TEST, 2, order, COUNT);
    size_t in_place = 0;
    for (size_t i = 0; i < COUNT; i++) {
        assert_in_range(order[i], 0, COUNT - 1);
        assert_int_equal(seen[order[i]]++, 0);
        in_place += order[i] == i;
    }
    assert_true(in_place < 10);
}

static void permutation_depends_on_seed_and_turn(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    uint32_t first[COUNT], again[COUNT];
    random_permutation(5, RANDOM_TEST, 2, first, COUNT);
    random_permutation(5, RANDOM_TEST, 2, again, COUNT);
    assert_memory_equal(first, again, sizeof first);
    random_permutation(5, RANDOM_TEST, 3, again, COUNT);
    assert_memory_not_equal(first, again, sizeof first);
    random_permutation(6, RANDOM_TEST, 2, again, COUNT);
    assert_memory_not_equal(first, again, sizeof first);
}

static void permutation_of_few(void **state)
{
    (void)state;
    uint32_t order[2] = {7, 7};
    random_permutation(1, RANDOM_TEST, 0, order, 0);
    assert_int_equal(order[0], 7);
    random_permutation(1, RANDOM_TEST, 0, order, 1);
    assert_int_equal(order[0], 0);
    assert_int_equal(order[1], 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(block_gives_known_answers),
        cmocka_unit_test(every_input_matters),
        cmocka_unit_test(uniform_is_even_over_its_range),
        cmocka_unit_test(permutation_contains_each_once),
        cmocka_unit_test(permutation_depends_on_seed_and_turn),
        cmocka_unit_test(permutation_of_few),
    };
    return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
