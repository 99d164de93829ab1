/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of texts (base/text.c): splitting at commas, adding, and finding. */
#include "base/text.h"
#include "check.h"

static void expect_split(const char *list, size_t count, const char *const *want)
{
    error err;
    words w;
    CHECK_OK(words_split(list, &w, &err));
    assert_int_equal(w.count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(w.texts[i], want[i]);
    words_free(&w);
}

static void test_split(void **state)
{
    (void)state;
    expect_split("one", 1, (const char *const[]){"one"});
    expect_split("a,bc,d e", 3, (const char *const[]){"a", "bc", "d e"});
    expect_split("", 1, (const char *const[]){""});
    expect_split(",", 2, (const char *const[]){"", ""});
    expect_split("a,,b,", 4, (const char *const[]){"a", "", "b", ""});
}

static void test_add_and_find(void **state)
{
    (void)state;
    error err;
    words w = {0};
    assert_false(words_hold(&w, ""));
    CHECK_OK(words_add(&w, "lossless", 4, &err));
    CHECK_OK(words_add(&w, "", 0, &err));
    assert_int_equal(w.count, 2);
    assert_true(words_hold(&w, "loss"));
    assert_true(words_hold(&w, ""));
    assert_false(words_hold(&w, "lossless"));
    assert_false(words_hold(&w, "los"));
    words_free(&w);
    assert_int_equal(w.count, 0);
    assert_false(words_hold(&w, "loss"));
    words_free(&w);
}

static void text_after_a_prefix(void **state)
{
    (void)state;
    const char *name = "module.fc";
    assert_ptr_equal(text_after(name, "module."), name + 7);
    assert_ptr_equal(text_after(name, ""), name);
    assert_null(text_after(name, "model."));
    assert_null(text_after("mod", "module."));
}

static void first_lines_are_whole(void **state)
{
    (void)state;
    char head[TEXT_FIRST_LINES], list[3001], want[TEXT_FIRST_LINES];
    assert_string_equal(text_first_lines("", head), "");
    assert_string_equal(text_first_lines("one\ntwo\n", head), "one\ntwo");
    for (int i = 0; i < 300; i++) /* 300 lines of 10 bytes; 100 of them without the last \n fit */
        sprintf(list + 10 * i, "tensor%03d\n", i);
    snprintf(want, sizeof want, "%.999s\nand 200 more", list);
    assert_string_equal(text_first_lines(list, head), want);
    memset(list, 'x', 2000);
    strcpy(list + 2000, "\ny\n");
    assert_string_equal(text_first_lines(list, head), "and 2 more");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_add_and_find),
        cmocka_unit_test(text_after_a_prefix),
        cmocka_unit_test(first_lines_are_whole),
    };
    return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}
