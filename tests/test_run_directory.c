/* SPDX-License-Identifier: Apache-2.0 */
/* run_directory.c: if two runs start with the same name, exactly one gets it and neither harms the
 * other. Leftovers of a killed start are removed, unless a process still locks them. A run is
 * removed whole, or what is left of it is no longer under its name. */
#include "base/file.h"
#include "base/text.h"
#include "check.h"
#include "train/run_directory.h"

#include <errno.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct fixture {
    char *directory, *run;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->directory = check_directory();
    f->run = text_format("%s/parent/first", f->directory);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    error err;
    file_remove_tree(f->directory, &err);
    free(f->directory);
    free(f->run);
    free(f);
    return 0;
}

/* Makes a directory beside the run, with a file in it unless `file` is NULL. Its name is the run's
 * and the suffix, or the suffix alone if that begins with a slash. */
static char *put_beside(const fixture *f, const char *suffix, const char *file)
{
    error err;
    char *path = suffix[0] == '/' ? text_format("%s/parent%s", f->directory, suffix)
                                  : text_format("%s%s", f->run, suffix);
    CHECK_OK(file_make_directory(path, &err));
    if (file) {
        char *inside = text_format("%s/%s", path, file);
        CHECK_OK(file_write(inside, "{}", 2, &err));
        free(inside);
    }
    return path;
}

static bool holds(const char *directory, const char *name)
{
    char *path = text_format("%s/%s", directory, name);
    bool found = file_exists(path);
    free(path);
    return found;
}

static void put_file(const char *directory, const char *name)
{
    error err;
    char *path = text_format("%s/%s", directory, name);
    CHECK_OK(file_write(path, name, strlen(name), &err));
    free(path);
}

static void test_dangling_link(void **state)
{
    const fixture *f = *state;
    error err;
    run_directory d;
    char *link = put_beside(f, "-link", NULL);
    assert_int_equal(rmdir(link), 0);
    assert_int_equal(symlink("nowhere", link), 0);
    CHECK_FAILS(STATUS_USAGE, "-link: is a symbolic link whose target does not exist",
                run_directory_name(&d, link, &err));
    run_directory_close(&d);
    assert_int_equal(unlink(link), 0);
    free(link);
}

static void test_one_start(void **state)
{
    const fixture *f = *state;
    error err;
    int lock;
    struct stat plain, made;
    run_directory d, other;
    char *name = text_format("%s//", f->run);
    char *beside = put_beside(f, "-beside", NULL);
    CHECK_OK(run_directory_name(&d, name, &err));
    assert_string_equal(d.path, f->run);
    CHECK_OK(run_directory_begin(&d, &err));
    assert_false(file_exists(f->run));
    put_file(d.temporary, "config.json");
    CHECK_FAILS(STATUS_FAILED, "another hcnn-cl", file_lock(d.temporary, &lock, &err));
    CHECK_OK(run_directory_commit(&d, &err));
    assert_null(d.temporary);
    assert_true(holds(f->run, "config.json"));
    /* The directory is still locked, and has the permissions of any other directory. */
    CHECK_FAILS(STATUS_FAILED, "another hcnn-cl", run_directory_open(&other, f->run, &err));
    run_directory_close(&other);
    assert_int_equal(stat(beside, &plain), 0);
    assert_int_equal(stat(f->run, &made), 0);
    assert_int_equal(made.st_mode, plain.st_mode);
    run_directory_close(&d);
    /* Files that a killed process left unfinished are removed when the run is opened again. */
    const char *const unfinished[] = {"last.safetensors.tmp-0123456789abcdef",
                                      "test.json.tmp-fedcba9876543210",
                                      "best.safetensors.link-00000000000000a0"};
    for (int i = 0; i < 3; i++)
        put_file(f->run, unfinished[i]);
    put_file(f->run, "notes.tmp-old");
    put_file(f->run, "notes.tmp-12"); /* the user's */
    CHECK_OK(run_directory_open(&other, f->run, &err));
    run_directory_close(&other);
    for (int i = 0; i < 3; i++)
        assert_false(holds(f->run, unfinished[i]));
    assert_true(holds(f->run, "notes.tmp-old"));
    assert_true(holds(f->run, "notes.tmp-12"));
    assert_true(holds(f->run, "config.json"));
    CHECK_FAILS(STATUS_USAGE, "--resume", run_directory_name(&other, f->run, &err));
    run_directory_close(&other);
    free(name);
    free(beside);
}

static void test_two_starts(void **state)
{
    const fixture *f = *state;
    error err;
    run_directory winner, loser;
    CHECK_OK(run_directory_name(&winner, f->run, &err));
    CHECK_OK(run_directory_name(&loser, f->run, &err));
    CHECK_OK(run_directory_begin(&winner, &err));
    put_file(winner.temporary, "config.json");
    CHECK_OK(run_directory_begin(&loser, &err));
    put_file(loser.temporary, "config.json");
    put_file(loser.temporary, "loser");
    put_file(winner.temporary, "winner");
    CHECK_OK(run_directory_commit(&winner, &err));
    CHECK_FAILS(STATUS_USAGE, "another start", run_directory_commit(&loser, &err));
    assert_non_null(strstr(err.message, f->run));
    assert_non_null(strstr(err.message, "another --run"));
    char *left = text_format("%s", loser.temporary);
    run_directory_close(&loser);
    assert_false(file_exists(left));
    assert_true(holds(f->run, "winner") && holds(f->run, "config.json"));
    assert_false(holds(f->run, "loser"));
    run_directory_close(&winner);
    free(left);
}

/* Runs that start without a name in the same second. */
static void test_own_names(void **state)
{
    const fixture *f = *state;
    error err;
    run_directory d[3];
    char *here = getcwd(NULL, 0);
    assert_int_equal(chdir(f->directory), 0);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(run_directory_name(&d[i], NULL, &err));
        free(d[i].path);
        d[i].path = text_format("runs/20260101-000000");
    }
    for (int i = 0; i < 3; i++) {
        CHECK_OK(run_directory_begin(&d[i], &err));
        put_file(d[i].temporary, "config.json");
    }
    for (int i = 0; i < 3; i++)
        CHECK_OK(run_directory_commit(&d[i], &err));
    assert_string_equal(d[0].path, "runs/20260101-000000");
    assert_string_equal(d[1].path, "runs/20260101-000000-2");
    assert_string_equal(d[2].path, "runs/20260101-000000-3");
    for (int i = 0; i < 3; i++) {
        assert_true(holds(d[i].path, "config.json"));
        run_directory_close(&d[i]);
    }
    assert_int_equal(chdir(here), 0);
    free(here);
}

static void test_leftovers(void **state)
{
    const fixture *f = *state;
    static const struct {
        const char *suffix, *file;
        bool removed;
    } cases[] = {
        {".new-123-0", "config.json", true},
        {".new-4-15", NULL, true},
        {".new-5-0", "config.json.tmp-0123456789abcdef", true},
        {".new-6-0", "last.safetensors", true},
        {"/20260102-030405.new-7-0", "config.json", true},
        {"/20260102-030405.new-8-0", "thesis.tex", false},
        {"/20260102-030405", "config.json", false},
        {"/20260102-030405-2.new-7-0", "config.json", false},
        {"/20260102-03040a.new-7-0", "config.json", false},
        {".new-123-1", "thesis.tex", false},
        {".new-123", "config.json", false},
        {".new-123-", "config.json", false},
        {".new-a-0", "config.json", false},
        {".new-123-0x", "config.json", false},
        {"-2.new-123-0", "config.json", false},
        {".new--0", "config.json", false},
        {".new", "config.json", false},
    };
    enum { CASES = sizeof cases / sizeof cases[0] };
    error err;
    int lock;
    char *paths[CASES];
    run_directory d;
    for (int i = 0; i < CASES; i++)
        paths[i] = put_beside(f, cases[i].suffix, cases[i].file);
    char *held = put_beside(f, ".new-77-0", "config.json");
    char *linked = text_format("%s.new-88-0", f->run);
    assert_int_equal(symlink(paths[CASES - 1], linked), 0);
    assert_true(file_try_lock(held, &lock));
    CHECK_OK(run_directory_name(&d, f->run, &err));
    CHECK_OK(run_directory_begin(&d, &err));
    for (int i = 0; i < CASES; i++) {
        if (file_exists(paths[i]) == cases[i].removed)
            fail_msg("%s was %s by mistake", paths[i], cases[i].removed ? "left" : "removed");
        free(paths[i]);
    }
    assert_true(holds(held, "config.json"));
    assert_true(file_exists(linked));
    run_directory_close(&d);
    file_unlock(lock);
    CHECK_OK(run_directory_name(&d, f->run, &err));
    CHECK_OK(run_directory_begin(&d, &err));
    assert_false(file_exists(held));
    run_directory_close(&d);
    free(held);
    free(linked);
}

static int good_unlinks = INT_MAX; /* calls that succeed before the others fail */

int __real_unlink(const char *path);
int __wrap_unlink(const char *path)
{
    if (good_unlinks-- > 0)
        return __real_unlink(path);
    errno = EACCES;
    return -1;
}

/* Puts a run with three files in its place, and removes it. */
static status remove_run(const fixture *f, int unlinks, error *why)
{
    error err;
    char *below = text_format("%s/below", f->run);
    CHECK_OK(file_make_directory(below, &err));
    put_file(f->run, "config.json");
    put_file(f->run, "last.safetensors");
    put_file(below, "notes");
    free(below);
    good_unlinks = unlinks;
    status result = run_directory_remove(f->run, why);
    good_unlinks = INT_MAX;
    return result;
}

/* Wherever the removal of a run ends, nothing is left under its name, and the next one removes the
 * rest. */
static void test_removal(void **state)
{
    const fixture *f = *state;
    error err;
    int lock, failures = 0;
    char *parent = file_parent(f->run);
    while (remove_run(f, failures, &err) != STATUS_OK) {
        CHECK_FAILS(STATUS_FAILED, "cannot be removed: Permission denied", STATUS_FAILED);
        failures++;
        assert_false(file_exists(f->run));
        assert_int_not_equal(rmdir(parent), 0);
        CHECK_OK(run_directory_remove(f->run, &err));
        assert_int_equal(rmdir(parent), 0); /* it is empty */
    }
    assert_int_equal(failures, 3);
    assert_int_equal(rmdir(parent), 0);
    CHECK_OK(file_make_directory(f->run, &err));
    assert_true(file_try_lock(f->run, &lock));
    CHECK_FAILS(STATUS_FAILED, "another hcnn-cl", remove_run(f, INT_MAX, &err));
    assert_true(holds(f->run, "last.safetensors") && holds(f->run, "below/notes"));
    file_unlock(lock);
    free(parent);
}

/* Removing an uncommitted directory, or one that cannot be locked, needs no descriptor. */
static void test_without_descriptors(void **state)
{
    const fixture *f = *state;
    error err;
    run_directory d;
    struct rlimit all, none;
    char *parent = file_parent(f->run);
    CHECK_OK(file_make_directory(parent, &err));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
    none = (struct rlimit){3, all.rlim_max};
    for (int begun = 0; begun < 2; begun++) {
        CHECK_OK(run_directory_name(&d, f->run, &err));
        if (begun) {
            CHECK_OK(run_directory_begin(&d, &err));
            put_file(d.temporary, "config.json");
        }
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        status result = begun ? STATUS_FAILED : run_directory_begin(&d, &err);
        run_directory_close(&d);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
        assert_int_equal(result, STATUS_FAILED);
        assert_int_equal(rmdir(parent), 0); /* it is empty */
        CHECK_OK(file_make_directory(parent, &err));
    }
    free(parent);
}

static void test_refused(void **state)
{
    const fixture *f = *state;
    error err;
    run_directory d;
    put_file(f->directory, "parent"); /* a file where a directory is expected */
    CHECK_OK(run_directory_name(&d, f->run, &err));
    CHECK_FAILS(STATUS_FAILED, "parent: directory cannot be created",
                run_directory_begin(&d, &err));
    run_directory_close(&d);
    CHECK_FAILS(STATUS_FAILED, "no-such-run", run_directory_open(&d, "no-such-run", &err));
    run_directory_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_start, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dangling_link, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_starts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_own_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_leftovers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_removal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_descriptors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("run directory", tests, NULL, NULL);
}
