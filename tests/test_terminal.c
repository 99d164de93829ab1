/* SPDX-License-Identifier: Apache-2.0 */
/* terminal.c: visible characters are unchanged, those with an effect on the terminal are masked. */
#include "base/terminal.h"
#include "check.h"

static const char *const pairs[][2] = {
    {"", ""},
    {"cat", "cat"},
    {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x88", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x88"},
    {"\33[2Jcat\a", "?[2Jcat?"},
    {"a\nb\tc\rd\177", "a?b?c?d?"},
    {"\xc2\x9b"
     "31m",
     "?31m"}, /* the C1 control CSI */
    {"\x9b\x9b"
     "31m",
     "??31m"},                             /* the same as single bytes */
    {"a\xe2\x80\xaegpj.exe", "a?gpj.exe"}, /* right-to-left override */
    {"\xe2\x80\xa8\xe2\x81\xa6", "??"},
    {"\xc0\x8a\xe0\x80\x8a", "?????"}, /* line feeds in overlong encodings */
    {"\xed\xa0\x80", "???"},           /* half of a surrogate pair */
    {"\xf4\x90\x80\x80", "????"},      /* beyond the last code point */
    {"\xe2\x82", "??"},                /* cut short */
    {"\xff", "?"},
};
enum { PAIRS = sizeof pairs / sizeof pairs[0] };

static void test_mask(void **state)
{
    (void)state;
    char text[64];
    for (size_t i = 0; i < PAIRS; i++) {
        snprintf(text, sizeof text, "%s", pairs[i][0]);
        terminal_mask(text);
        assert_string_equal(text, pairs[i][1]);
    }
}

static void test_put(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAIRS; i++) {
        char *text;
        size_t size;
        FILE *stream = open_memstream(&text, &size);
        assert_non_null(stream);
        terminal_put(stream, pairs[i][0]);
        assert_int_equal(fclose(stream), 0);
        assert_string_equal(text, pairs[i][1]);
        free(text);
    }
}

/* A message always starts on a line of its own. */
static void test_print(void **state)
{
    (void)state;
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    terminal_print(stream, "%s: %d\n\tmore\n", "\33[31mred", 7);
    assert_int_equal(fclose(stream), 0);
    assert_string_equal(text, "?[31mred: 7\n\tmore\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mask),
        cmocka_unit_test(test_put),
        cmocka_unit_test(test_print),
    };
    return cmocka_run_group_tests_name("terminal", tests, NULL, NULL);
}
