/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of texts (base/text.c): splitting at commas, adding. */
#include "base/json_values.h"
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

static void test_add(void **state)
{
    (void)state;
    error err;
    words w = {0};
    CHECK_OK(words_add(&w, "lossless", 4, &err));
    CHECK_OK(words_add(&w, "", 0, &err));
    assert_int_equal(w.count, 2);
    assert_string_equal(w.texts[0], "loss");
    assert_string_equal(w.texts[1], "");
    words_free(&w);
    assert_int_equal(w.count, 0);
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

/* Names of files need not be UTF-8, but JSON does. */
static void text_becomes_json(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"a \xc3\xa4 \xf0\x9f\x98\x80", "a \xc3\xa4 \xf0\x9f\x98\x80"},
        {"\xff", "\xef\xbf\xbd"},
        {"a\xc3", "a\xef\xbf\xbd"},
        {"\xc0\xafz\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        json_t *made = text_to_json(pairs[i][0]);
        assert_string_equal(json_string_value(made), pairs[i][1]);
        json_decref(made);
    }
    assert_true(json_is_null(text_to_json(NULL)));
}

static long left; /* reallocations up to and including the one that fails; 0: none fails */

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size)
{
    return left > 0 && --left == 0 ? NULL : __real_realloc(memory, size);
}

/* Writes 100 kB; *text is NULL after a failure. */
static status write_much(char **text, error *err)
{
    text_writer w;
    TRY(text_writer_open(&w, "it", err));
    for (int i = 0; i < 10000; i++)
        fprintf(w.stream, "%09d\n", i);
    return text_writer_end(&w, STATUS_OK, "it", text, err);
}

static void a_writer_loses_nothing(void **state)
{
    (void)state;
    error err;
    char *text, line[16];
    text_writer w;
    CHECK_OK(write_much(&text, &err));
    for (int i = 0; i < 10000; i++) {
        snprintf(line, sizeof line, "%09d\n", i);
        assert_memory_equal(text + 10L * i, line, 10);
    }
    assert_int_equal(strlen(text), 100000);
    free(text);
    for (long n = 1; n <= 3; n++) {
        left = n;
        CHECK_FAILS(STATUS_FAILED, "out of memory for it", write_much(&text, &err));
        assert_int_equal(left, 0);
        assert_null(text);
    }
    CHECK_OK(text_writer_open(&w, "it", &err));
    CHECK_OK(text_writer_end(&w, STATUS_OK, "it", &text, &err));
    assert_string_equal(text, "");
    free(text);
    CHECK_OK(text_writer_open(&w, "it", &err));
    fputs("part", w.stream);
    assert_int_equal(text_writer_end(&w, STATUS_USAGE, "it", &text, &err), STATUS_USAGE);
    assert_null(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),          cmocka_unit_test(test_add),
        cmocka_unit_test(text_after_a_prefix), cmocka_unit_test(first_lines_are_whole),
        cmocka_unit_test(text_becomes_json),   cmocka_unit_test(a_writer_loses_nothing),
    };
    return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}
