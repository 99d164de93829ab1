/* SPDX-License-Identifier: Apache-2.0 */
/* verdicts.c and device_file.c: verdicts are kept for a device and its driver, two processes do not
 * lose each other's, and a file for something else or a damaged one is ignored. */
#include "base/file.h"
#include "check.h"
#include "device/verdicts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static char *directory;
static const device_info card = {.name = "card", .driver = "1", .type = CL_DEVICE_TYPE_GPU};

static int set_up(void **state)
{
    (void)state;
    directory = check_directory();
    setenv("XDG_CACHE_HOME", directory, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    error err;
    file_remove_tree(directory, &err);
    free(directory);
    return 0;
}

static verdicts *open_verdicts(const device_info *info)
{
    verdicts *known;
    error err;
    CHECK_OK(verdicts_open(info, &known, &err));
    return known;
}

static void put(verdicts *known, const char *name, verdict found)
{
    error err;
    CHECK_OK(verdicts_put(known, name, &found, &err));
}

static void save(verdicts *known)
{
    error err;
    CHECK_OK(verdicts_save(known, &err));
}

static bool knows(const device_info *info, const char *name)
{
    verdict found;
    verdicts *known = open_verdicts(info);
    bool is_there = verdicts_find(known, name, &found);
    verdicts_close(known);
    return is_there;
}

static void test_kept(void **state)
{
    (void)state;
    verdicts *known = open_verdicts(&card);
    put(known, "good", (verdict){.passed = true, .error = 1e-6, .bound = 2e-6});
    put(known, "bad",
        (verdict){.error = NAN, .bound = 2e-6, .seconds = 0.25, .why = "a NaN", .shapes = 3});
    save(known);
    verdicts_close(known);
    known = open_verdicts(&card);
    verdict found;
    assert_true(verdicts_find(known, "good", &found));
    assert_true(found.passed && found.error == 1e-6 && found.bound == 2e-6);
    assert_true(verdicts_find(known, "bad", &found));
    assert_true(!found.passed && isnan(found.error) && found.seconds == 0.25);
    assert_string_equal(found.why, "a NaN");
    assert_int_equal(found.shapes, 3);
    assert_false(verdicts_find(known, "other", &found));
    verdict_totals totals = verdicts_totals(known);
    assert_int_equal(totals.checks, 2);
    assert_int_equal(totals.failed, 1);
    assert_int_equal(strlen(totals.tested), strlen("2026-11-29 20:15:03"));
    verdicts_close(known);
}

/* A start: reads the verdicts, and the check fails without a result. Returns whether it has to be
 * tested in the next start. */
static bool fails_suspected(const char *name)
{
    verdicts *known = open_verdicts(&card);
    verdict found;
    verdicts_retry(known);
    put(known, name, (verdict){.why = "a crash", .suspected = true});
    put(known, name, (verdict){.why = "a crash", .suspected = true}); /* in the same start */
    assert_true(verdicts_find(known, name, &found) && !found.passed);
    save(known);
    verdicts_close(known);
    known = open_verdicts(&card);
    assert_true(verdicts_find(known, name, &found) && !found.passed);
    verdicts_retry(known);
    bool again = !verdicts_find(known, name, &found);
    assert_int_equal(found.suspected, again);
    verdicts_close(known);
    return again;
}

static void test_suspected(void **state)
{
    (void)state;
    assert_true(fails_suspected("crash"));
    assert_false(fails_suspected("crash"));
    verdicts *known = open_verdicts(&card);
    put(known, "wrong", (verdict){.error = 1, .bound = 0});
    put(known, "good", (verdict){.passed = true});
    save(known);
    const int failed = verdicts_totals(known).failed;
    verdicts_close(known);
    assert_false(fails_suspected("wrong"));
    assert_true(fails_suspected("good"));
    known = open_verdicts(&card);
    assert_int_equal(verdicts_totals(known).failed, failed); /* a device is not refused for it */
    verdicts_close(known);
}

static void test_two_processes(void **state)
{
    (void)state;
    verdicts *one = open_verdicts(&card), *two = open_verdicts(&card);
    put(one, "of one", (verdict){.passed = true});
    put(one, "of both", (verdict){.passed = true});
    put(two, "of two", (verdict){.passed = true});
    put(two, "of both", (verdict){.passed = false});
    save(one);
    save(two);
    verdict found;
    assert_true(verdicts_find(two, "of one", &found));
    assert_true(verdicts_find(two, "of both", &found) && !found.passed);
    verdicts_close(one);
    verdicts_close(two);
    assert_true(knows(&card, "of one") && knows(&card, "of two"));
}

static void test_other_devices(void **state)
{
    (void)state;
    device_info other = card;
    assert_true(knows(&card, "good"));
    strcpy(other.driver, "2");
    assert_false(knows(&other, "good"));
    other = card;
    other.type = CL_DEVICE_TYPE_CPU;
    assert_false(knows(&other, "good"));
}

static void test_damaged(void **state)
{
    (void)state;
    verdicts *known = open_verdicts(&card);
    error err;
    const char *const texts[] = {"", "{", "[]",
                                 "{\"format\": 1, \"made_for\": {}, \"checks\": {\"good\": {}}}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        CHECK_OK(file_write(verdicts_path(known), texts[i], strlen(texts[i]), &err));
        assert_false(knows(&card, "good"));
    }
    verdicts_close(known);
}

static void test_no_cache(void **state)
{
    (void)state;
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    verdicts *known = open_verdicts(&card);
    put(known, "good", (verdict){.passed = true});
    verdict found;
    error err;
    assert_true(verdicts_find(known, "good", &found));
    CHECK_FAILS(STATUS_FAILED, "set XDG_CACHE_HOME or HOME", verdicts_save(known, &err));
    verdicts_close(known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept),          cmocka_unit_test(test_two_processes),
        cmocka_unit_test(test_other_devices), cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_suspected),     cmocka_unit_test(test_no_cache),
    };
    return cmocka_run_group_tests_name("verdicts", tests, set_up, tear_down);
}
