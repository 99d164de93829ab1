/* SPDX-License-Identifier: Apache-2.0 */
/* unfinished.c: a name that is taken is not tried again, and neither is one that failed otherwise.
 * test_run_directory.c and test_tree_output.c test what is done with leftovers. */
#include "base/file.h"
#include "base/text.h"
#include "base/unfinished.h"
#include "check.h"

#include <errno.h>
#include <sys/file.h>
#include <unistd.h>

static const char *removed; /* the directory that another process removes instead of the lock */
static bool held;           /* another process has each lock */
static int locks;           /* calls */

int __real_flock(int descriptor, int operation);
int __wrap_flock(int descriptor, int operation);

int __wrap_flock(int descriptor, int operation)
{
    locks++;
    if (removed) {
        assert_int_equal(rmdir(removed), 0);
        removed = NULL;
    }
    if (!held)
        return __real_flock(descriptor, operation);
    errno = EWOULDBLOCK;
    return -1;
}

static void leave(void *context, const char *directory)
{
    (void)context, (void)directory;
}

static char *name_of(const char *directory, int number)
{
    return text_format("%s/a.new-%ld-%d", directory, (long)getpid(), number);
}

static void expect_number(const char *directory, int number)
{
    error err;
    int lock;
    char *name = text_format("%s/a", directory), *expected = name_of(directory, number), *path;
    CHECK_OK(unfinished_create(name, NULL, leave, NULL, &path, &lock, &err));
    assert_string_equal(path, expected);
    file_unlock(lock);
    free(path);
    free(expected);
    free(name);
}

static void test_taken(void **state)
{
    const char *directory = *state;
    for (int number = 0; number < 3; number++)
        expect_number(directory, number);
}

static void test_removed(void **state)
{
    const char *directory = *state;
    char *first = name_of(directory, 0);
    removed = first;
    expect_number(directory, 1);
    free(first);
}

/* The lock of one directory is tried for a moment; a hundred directories would take 20 s. */
static void test_held(void **state)
{
    const char *directory = *state;
    error err;
    int lock;
    char *name = text_format("%s/a", directory), *first = name_of(directory, 0), *path;
    held = true;
    locks = 0;
    status result = unfinished_create(name, NULL, leave, NULL, &path, &lock, &err);
    held = false;
    CHECK_FAILS(STATUS_FAILED, "another hcnn-cl is working in it", result);
    assert_in_range(locks, 1, 20);
    assert_null(path);
    assert_int_equal(lock, -1);
    assert_false(file_exists(first));
    free(first);
    free(name);
}

static int set_up(void **state)
{
    *state = check_directory();
    return 0;
}

static int tear_down(void **state)
{
    error err;
    CHECK_OK(file_remove_tree(*state, &err));
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_held, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("unfinished", tests, NULL, NULL);
}
