/* SPDX-License-Identifier: Apache-2.0 */
/* error.c: formatting, truncation, prefixes. */
#include "check.h"

static status fail_at_second(int *reached, error *err)
{
    *reached = 1;
    TRY(STATUS_OK);
    *reached = 2;
    TRY(error_set(err, STATUS_FAILED, "stop"));
    *reached = 3;
    return STATUS_OK;
}

static void set_formats(void **state)
{
    (void)state;
    error err;
    assert_int_equal(error_set(&err, STATUS_USAGE, "%s is %d", "batch", 3), STATUS_USAGE);
    assert_string_equal(err.message, "batch is 3");
}

static void set_truncates(void **state)
{
    (void)state;
    static char huge[2 * ERROR_CAPACITY];
    memset(huge, 'x', sizeof huge - 1);
    error err;
    error_set(&err, STATUS_FAILED, "%s", huge);
    assert_int_equal(strlen(err.message), ERROR_CAPACITY - 1);
}

static void prefix_comes_first(void **state)
{
    (void)state;
    error err;
    error_set(&err, STATUS_FAILED, "is truncated");
    assert_int_equal(error_prefix(&err, STATUS_FAILED, "file %d", 7), STATUS_FAILED);
    assert_string_equal(err.message, "file 7: is truncated");
}

static void prefix_keeps_a_full_message_in_bounds(void **state)
{
    (void)state;
    static char huge[ERROR_CAPACITY];
    memset(huge, 'x', sizeof huge - 1);
    error err;
    error_set(&err, STATUS_FAILED, "%s", huge);
    error_prefix(&err, STATUS_FAILED, "where");
    assert_int_equal(strlen(err.message), ERROR_CAPACITY - 1);
    assert_memory_equal(err.message, "where: xxx", 10);
}

/* With the longest possible paths, a message still says where, what, and what to do. */
static void prefix_keeps_both_ends_of_long_messages(void **state)
{
    (void)state;
    static char path[4096], other[4096];
    error err;
    memset(path, 'a', sizeof path - 1);
    memset(other, 'b', sizeof other - 1);
    error_set(&err, STATUS_FAILED, "%s: is broken; fetch it again", other);
    error_prefix(&err, STATUS_FAILED, "%s: line 7", path);
    assert_int_equal(strlen(err.message), ERROR_CAPACITY - 1);
    assert_memory_equal(err.message, path, sizeof path - 1);
    assert_non_null(strstr(err.message, " [...] "));
    static const char end[] = "b: is broken; fetch it again";
    assert_string_equal(err.message + ERROR_CAPACITY - sizeof end, end);
}

/* The cut leaves whole characters on both sides, however they fall. */
static void a_cut_splits_no_character(void **state)
{
    (void)state;
    static const char *const characters[] = {"\u00e9", "\u20ac", "\U0001f333"};
    static char text[3 * ERROR_CAPACITY];
    error err;
    for (int c = 0; c < 3; c++)
        for (int before = 0; before < 4; before++)
            for (int after = 0; after < 4; after++) {
                size_t size = strlen(characters[c]), at = (size_t)before;
                memset(text, 'x', sizeof text);
                for (; at < 2 * ERROR_CAPACITY; at += size)
                    memcpy(text + at, characters[c], size);
                text[at + (size_t)after] = '\0';
                error_set(&err, STATUS_FAILED, "%s", text);
                const char *gap = strstr(err.message, " [...] ");
                assert_non_null(gap);
                size_t head = (size_t)(gap - err.message), tail = strlen(gap + 7);
                assert_int_equal((head - (size_t)before) % size, 0);
                assert_int_equal((tail - (size_t)after) % size, 0);
                assert_true(head + 7 + tail + 2 * (size - 1) >= ERROR_CAPACITY - 1);
            }
}

static void a_long_prefix_is_kept_whole(void **state)
{
    (void)state;
    static char path[1024], other[1024];
    static char want[4 * sizeof path];
    error err;
    memset(path, 'a', sizeof path - 1);
    memset(other, 'b', sizeof other - 1);
    error_set(&err, STATUS_FAILED, "is broken; fetch it again");
    error_prefix(&err, STATUS_FAILED, "%s: as %s has it", path, other);
    snprintf(want, sizeof want, "%s: as %s has it: is broken; fetch it again", path, other);
    assert_string_equal(err.message, want);
}

static void suffix_comes_last(void **state)
{
    (void)state;
    static char huge[ERROR_CAPACITY];
    memset(huge, 'x', sizeof huge - 1);
    error err;
    error_set(&err, STATUS_FAILED, "is full");
    assert_int_equal(error_suffix(&err, STATUS_FAILED, "; empty %d", 7), STATUS_FAILED);
    assert_string_equal(err.message, "is full; empty 7");
    error_set(&err, STATUS_FAILED, "%s", huge);
    error_suffix(&err, STATUS_FAILED, "more");
    assert_int_equal(strlen(err.message), ERROR_CAPACITY - 1);
    assert_string_equal(err.message + ERROR_CAPACITY - 6, "xmore");
}

static void out_of_memory_names_what_needed_it(void **state)
{
    (void)state;
    error err;
    assert_int_equal(error_memory(&err, "the plan"), STATUS_FAILED);
    assert_non_null(strstr(err.message, "the plan"));
}

static void try_returns_early(void **state)
{
    (void)state;
    error err;
    int reached = 0;
    assert_int_equal(fail_at_second(&reached, &err), STATUS_FAILED);
    assert_int_equal(reached, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_formats),
        cmocka_unit_test(set_truncates),
        cmocka_unit_test(prefix_comes_first),
        cmocka_unit_test(prefix_keeps_a_full_message_in_bounds),
        cmocka_unit_test(prefix_keeps_both_ends_of_long_messages),
        cmocka_unit_test(a_cut_splits_no_character),
        cmocka_unit_test(a_long_prefix_is_kept_whole),
        cmocka_unit_test(suffix_comes_last),
        cmocka_unit_test(out_of_memory_names_what_needed_it),
        cmocka_unit_test(try_returns_early),
    };
    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
