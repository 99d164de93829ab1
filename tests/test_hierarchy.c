/* SPDX-License-Identifier: Apache-2.0 */
/* hierarchy.c: branches of unequal size, copies, what is refused, and how differences are
 * described. */
#include "check.h"
#include "data/hierarchy.h"

static const char *const coarse[] = {"animal", "plant"};
static const char *const fine[] = {"cat", "oak", "dog", "hen"};
static const int parents[] = {0, 1, 0, 0};

static void make(hierarchy *tree)
{
    error err;
    CHECK_OK(hierarchy_create(tree, 2, coarse, 4, fine, parents, &err));
}

static void test_copy_is_equal(void **state)
{
    (void)state;
    error err;
    hierarchy a, b;
    make(&a);
    CHECK_OK(hierarchy_create(&b, a.coarse_count, (const char *const *)a.coarse_names, a.fine_count,
                              (const char *const *)a.fine_names, a.parents, &err));
    CHECK_OK(hierarchy_compare(&a, "a", &b, "b", &err));
    assert_ptr_not_equal(a.fine_names[2], b.fine_names[2]);
    assert_string_equal(b.fine_names[2], "dog");
    assert_int_equal(b.parents[1], 1);
    hierarchy_free(&a);
    hierarchy_free(&b);
}

static void test_refused(void **state)
{
    (void)state;
    error err;
    hierarchy tree;
    static const int too_high[] = {0, 2, 0, 0}, negative[] = {0, -1, 0, 0};
    CHECK_FAILS(STATUS_FAILED, "fine class 'oak' has coarse class 2; expected 0 to 1",
                hierarchy_create(&tree, 2, coarse, 4, fine, too_high, &err));
    CHECK_FAILS(STATUS_FAILED, "coarse class -1",
                hierarchy_create(&tree, 2, coarse, 4, fine, negative, &err));
    CHECK_FAILS(STATUS_FAILED, "0 coarse",
                hierarchy_create(&tree, 0, coarse, 4, fine, parents, &err));
    CHECK_FAILS(STATUS_FAILED, "0 fine",
                hierarchy_create(&tree, 1, coarse, 0, fine, parents, &err));
}

static void test_equal_names(void **state)
{
    (void)state;
    error err;
    hierarchy tree;
    static const char *const twice[] = {"tree", "tree"}, *const same[] = {"oak", "elm", "oak",
                                                                          "ash"};
    static const int below_one[] = {0, 1, 0, 1}, below_two[] = {0, 1, 1, 0};
    CHECK_FAILS(STATUS_FAILED, "two coarse classes are named 'tree'",
                hierarchy_create(&tree, 2, twice, 4, fine, parents, &err));
    CHECK_FAILS(STATUS_FAILED, "two fine classes are named 'oak'",
                hierarchy_create(&tree, 2, coarse, 4, same, below_one, &err));
    CHECK_OK(hierarchy_create(&tree, 2, coarse, 4, same, below_two, &err));
    hierarchy_free(&tree);
}

static void expect_difference(int coarse_count, const char *const *coarse_names, int fine_count,
                              const char *const *fine_names, const int *of, const char *says)
{
    error err;
    hierarchy a, b;
    make(&a);
    CHECK_OK(hierarchy_create(&b, coarse_count, coarse_names, fine_count, fine_names, of, &err));
    CHECK_FAILS(STATUS_FAILED, says, hierarchy_compare(&a, "the data", &b, "the network", &err));
    hierarchy_free(&a);
    hierarchy_free(&b);
}

static void test_differences(void **state)
{
    (void)state;
    static const char *const other[] = {"cat", "oak", "dog", "cow"};
    static const int moved[] = {0, 1, 1, 0};
    expect_difference(1, coarse, 2, fine, (const int[]){0, 0},
                      "the data has 2 coarse classes, the network has 1");
    expect_difference(2, coarse, 3, fine, parents, "the data has 4 fine classes");
    expect_difference(2, coarse, 4, other, parents, "fine class 3 is 'hen' in the data");
    expect_difference(2, coarse, 4, fine, moved,
                      "'dog' belongs to 'animal' in the data and to 'plant' in the network");
}

/* Such a name is refused when the data set is opened, not when the first checkpoint is written. */
static void test_refused_names(void **state)
{
    (void)state;
    error err;
    hierarchy tree;
    const char *const good[] = {"a", "b"}, *const foreign[] = {"a", "caf\xe9"};
    const char *const empty[] = {"", "b"};
    const int parents[] = {0, 1};
    CHECK_FAILS(STATUS_FAILED, "is not UTF-8",
                hierarchy_create(&tree, 2, good, 2, foreign, parents, &err));
    CHECK_FAILS(STATUS_FAILED, "is not UTF-8",
                hierarchy_create(&tree, 2, foreign, 2, good, parents, &err));
    CHECK_FAILS(STATUS_FAILED, "empty name",
                hierarchy_create(&tree, 2, good, 2, empty, parents, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy_is_equal), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_equal_names),   cmocka_unit_test(test_differences),
        cmocka_unit_test(test_refused_names),
    };
    return cmocka_run_group_tests_name("hierarchy", tests, NULL, NULL);
}
