/* SPDX-License-Identifier: Apache-2.0 */
/* Files of this user alone (base/private_file.c). What other users own takes root to make. */
#include "base/file.h"
#include "base/private_file.h"
#include "base/text.h"
#include "check.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SOMEBODY = 12345, SOMEBODY_ELSE = 12346, MOST = 100 };

/* A directory, a private one in it, and a file there. */
typedef struct place {
    char *root, *directory, *file;
} place;

static int set_up(void **state)
{
    error err;
    static place p;
    p.root = check_directory();
    p.directory = text_format("%s/parent/cache", p.root);
    p.file = text_format("%s/kernel.bin", p.directory);
    CHECK_OK(private_file_write(p.file, "code", 4, &err));
    *state = &p;
    return 0;
}

static int tear_down(void **state)
{
    error err;
    place *p = *state;
    CHECK_OK(file_remove_tree(p->root, &err));
    free(p->root);
    free(p->directory);
    free(p->file);
    return 0;
}

static status read_file(const place *p, error *err)
{
    unsigned char *data;
    size_t size;
    status result = private_file_read(p->file, MOST, &data, &size, err);
    if (result == STATUS_OK) {
        assert_int_equal(size, 4);
        assert_string_equal((char *)data, "code");
    } else {
        assert_null(data);
    }
    free(data);
    return result;
}

static unsigned mode_of(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 07777;
}

static void test_new(void **state)
{
    error err;
    const place *p = *state;
    char *file = text_format("%s/new/kernel.bin", p->root), *directory = file_parent(file);
    const mode_t before = umask(0);
    CHECK_OK(private_file_write(file, "code", 4, &err));
    umask(before);
    assert_int_equal(mode_of(directory), 0700);
    assert_int_equal(mode_of(file), 0600);
    CHECK_OK(read_file(p, &err));
    CHECK_OK(private_directory_check(p->directory, &err));
    CHECK_OK(private_directory_check("/does/not/exist", &err));
    free(file);
    free(directory);
}

/* Others may read the directory, but not write to it. */
static void test_modes(void **state)
{
    static const unsigned good[] = {0755, 0750, 0711}, bad[] = {0770, 0775, 0757, 0777, 01777};
    error err;
    const place *p = *state;
    char expected[300];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(chmod(p->directory, good[i]), 0);
        CHECK_OK(read_file(p, &err));
        CHECK_OK(private_file_write(p->file, "code", 4, &err));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(chmod(p->directory, bad[i]), 0);
        snprintf(expected, sizeof expected,
                 "%s: other users can write to it (mode %04o); run `chmod -R go-w %s`",
                 p->directory, bad[i], p->directory);
        CHECK_FAILS(STATUS_FAILED, expected, read_file(p, &err));
        CHECK_FAILS(STATUS_FAILED, expected, private_directory_make(p->directory, &err));
        CHECK_FAILS(STATUS_FAILED, expected, private_directory_check(p->directory, &err));
        CHECK_FAILS(STATUS_FAILED, expected, private_file_write(p->file, "evil", 4, &err));
    }
    assert_int_equal(chmod(p->directory, 0700), 0);
    CHECK_OK(read_file(p, &err)); /* nothing was written */
    assert_int_equal(chmod(p->file, 0620), 0);
    CHECK_FAILS(STATUS_FAILED, "kernel.bin: other users can write to it", read_file(p, &err));
}

static void test_kinds(void **state)
{
    error err;
    const place *p = *state;
    char *other = text_format("%s/other.bin", p->root);
    CHECK_OK(file_rename(p->file, other, &err));
    assert_int_equal(symlink(other, p->file), 0);
    CHECK_FAILS(STATUS_FAILED, "kernel.bin: cannot be opened", read_file(p, &err));
    assert_int_equal(unlink(p->file), 0);
    assert_int_equal(mkfifo(p->file, 0600), 0);
    CHECK_FAILS(STATUS_FAILED, "kernel.bin: is not a regular file", read_file(p, &err));
    CHECK_FAILS(STATUS_FAILED, "kernel.bin: is not a regular file; remove it",
                private_file_write(p->file, "new", 3, &err));
    assert_int_equal(unlink(p->file), 0);
    CHECK_FAILS(STATUS_FAILED, "kernel.bin: cannot be opened", read_file(p, &err));
    free(other);
}

/* Whether that user, in a process of its own, can read the file. */
static bool can_read(const place *p, uid_t user)
{
    int code;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        error err;
        _exit(setuid(user) == 0 ? read_file(p, &err) != STATUS_OK : 2);
    }
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFEXITED(code) && WEXITSTATUS(code) < 2);
    return WEXITSTATUS(code) == 0;
}

/* The caller must be able to tell a file that cannot be opened now from a bad one. */
static void test_without_descriptors(void **state)
{
    error err;
    struct rlimit all, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
    none = (struct rlimit){3, all.rlim_max};
    for (int spare = 0; spare < 2; spare++) { /* for the directory */
        int next = dup(0);
        assert_true(next > 2);
        close(next);
        none.rlim_cur = (rlim_t)(next + spare);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        status result = read_file(*state, &err);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
        CHECK_FAILS(STATUS_FAILED, spare ? "kernel.bin: cannot be opened" : "cache: cannot be",
                    result);
        assert_true(err.shortage);
    }
}

static void test_owners(void **state)
{
    error err;
    const place *p = *state;
    if (geteuid() != 0)
        skip(); /* only root can give files to other users */
    assert_int_equal(chmod(p->root, 0755), 0);
    assert_int_equal(chmod(p->directory, 0755), 0);
    assert_int_equal(chmod(p->file, 0644), 0);
    assert_true(can_read(p, SOMEBODY)); /* root's */
    assert_int_equal(chown(p->file, SOMEBODY, SOMEBODY), 0);
    CHECK_FAILS(STATUS_FAILED, "kernel.bin: belongs to another user (number 12345)",
                read_file(p, &err));
    assert_true(can_read(p, SOMEBODY));
    assert_false(can_read(p, SOMEBODY_ELSE));
    assert_int_equal(chown(p->directory, SOMEBODY, SOMEBODY), 0);
    assert_true(can_read(p, SOMEBODY));
    assert_int_equal(chown(p->file, 0, 0), 0);
    CHECK_FAILS(STATUS_FAILED, "cache: belongs to another user (number 12345)", read_file(p, &err));
    CHECK_FAILS(STATUS_FAILED, "set XDG_CACHE_HOME to", private_directory_make(p->directory, &err));
    assert_false(can_read(p, SOMEBODY_ELSE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_new, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_modes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_kinds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_descriptors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_owners, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("private_file", tests, NULL, NULL);
}
