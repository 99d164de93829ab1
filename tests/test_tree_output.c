/* SPDX-License-Identifier: Apache-2.0 */
/* tree_output.c: a tree gets its place when it is whole; what a killed process left at any moment
 * is not read as data, and the next one removes or completes it. */
#include "base/file.h"
#include "base/text.h"
#include "check.h"
#include "data/dataset.h"
#include "data/tree_output.h"

#include <errno.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct fixture {
    char *root, *out;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->root = check_directory();
    f->out = text_format("%s/out", f->root);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    error err;
    file_remove_tree(f->root, &err);
    free(f->root);
    free(f->out);
    free(f);
    return 0;
}

/* ---- A kill, or an error ---- */

enum { KILLED = 9 };
static int renames = -1; /* that succeed before one fails; -1: all */
static bool killing;     /* the process ends instead */
static void (*at_sync)(void);

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __real_syncfs(int descriptor);
int __wrap_syncfs(int descriptor);

int __wrap_rename(const char *from, const char *to)
{
    if (renames != 0) {
        renames -= renames > 0;
        return __real_rename(from, to);
    }
    if (killing)
        _exit(KILLED);
    errno = EIO;
    return -1;
}

int __wrap_syncfs(int descriptor)
{
    if (at_sync)
        at_sync();
    return __real_syncfs(descriptor);
}

/* ---- Trees ---- */

static void put(const char *directory, const char *name, const char *text)
{
    error err;
    char *path = text_format("%s/%s", directory, name), *parent = file_parent(path);
    CHECK_OK(file_make_directory(parent, &err));
    CHECK_OK(file_put(path, text, strlen(text), &err));
    free(parent);
    free(path);
}

static char *coarse_name = "a", *fine_name = "b";
static int parent;
static const hierarchy classes = {1, 1, &coarse_name, &fine_name, &parent};

static void fill(const char *directory)
{
    put(directory, "test_images/a/b/0.png", "test");
    put(directory, "train_images/a/b/0.png", "train");
}

static void put_map(const char *directory)
{
    put(directory, "label_map.json", "{\n  \"a\": [\n    \"b\"\n  ]\n}");
}

static bool is_data(const fixture *f)
{
    error err;
    dataset data = {0};
    bool read = tree_recognise(f->out) && tree_open(f->out, &data, &err) == STATUS_OK;
    dataset_close(&data);
    return read;
}

static status count(void *total, const char *name, const char *path, error *err)
{
    (void)name, (void)path, (void)err;
    ++*(int *)total;
    return STATUS_OK;
}

static int entries(const fixture *f)
{
    int total = 0;
    error err;
    CHECK_OK(file_each(f->out, count, &total, &err));
    return total;
}

static void test_whole(void **state)
{
    const fixture *f = *state;
    error err;
    tree_output t;
    CHECK_OK(tree_output_begin(&t, f->out, &classes, true, true, &err));
    fill(t.path);
    assert_false(is_data(f));
    CHECK_OK(tree_output_commit(&t, &err));
    tree_output_close(&t);
    assert_true(is_data(f));
    assert_int_equal(entries(f), 3);
    CHECK_FAILS(STATUS_USAGE, "out/test_images: already exists; remove it or choose another --out",
                tree_output_begin(&t, f->out, &classes, false, true, &err));
    tree_output_close(&t);
    assert_int_equal(entries(f), 3);
}

/* An error, and a part after the other. */
static void test_parts(void **state)
{
    const fixture *f = *state;
    error err;
    tree_output t;
    CHECK_OK(tree_output_begin(&t, f->out, &classes, true, true, &err));
    fill(t.path);
    tree_output_close(&t);
    assert_false(file_exists(f->out));
    for (int train = 0; train < 2; train++) {
        assert_false(is_data(f));
        CHECK_OK(tree_output_begin(&t, f->out, &classes, train, !train, &err));
        put(t.path, train ? "train_images/a/b/0.png" : "test_images/a/b/0.png", "x");
        CHECK_OK(tree_output_commit(&t, &err));
        tree_output_close(&t);
    }
    assert_true(is_data(f));
    assert_int_equal(entries(f), 3);
}

/* Leaves what a process leaves that is killed after this number of steps of placing a whole tree;
 * -1: before the tree is whole. */
static void leave(const fixture *f, int steps)
{
    char *left = text_format("%s/.preprocess.new-1-0", f->out);
    fill(left);
    if (steps >= 0)
        put_map(left);
    if (steps >= 1)
        put_map(f->out);
    static const char *const parts[] = {"test_images", "train_images"};
    for (int i = 0; i < 2 && i + 2 <= steps; i++) {
        error err;
        char *from = text_format("%s/%s", left, parts[i]);
        char *to = text_format("%s/%s", f->out, parts[i]);
        CHECK_OK(file_rename(from, to, &err));
        free(from);
        free(to);
    }
    put(f->out, "label_map.json.link-0123456789abcdef", "{}");
    free(left);
}

static void test_left(void **state)
{
    const fixture *f = *state;
    error err;
    tree_output t;
    for (int steps = -1; steps <= 3; steps++) {
        leave(f, steps);
        assert_true(is_data(f) == (steps == 3));
        CHECK_OK(tree_output_begin(&t, f->out, &classes, true, true, &err));
        assert_true(t.completed == (steps >= 0) && t.done == t.completed);
        tree_output_close(&t);
        assert_true(is_data(f) == (steps >= 0));
        assert_int_equal(entries(f), steps < 0 ? 0 : 3);
        CHECK_OK(file_remove_tree(f->out, &err));
    }
}

/* A tree that was completed but lacks a part that is asked for, or has one that will be written. */
static void test_left_part(void **state)
{
    const fixture *f = *state;
    error err;
    tree_output t;
    char *left = text_format("%s/.preprocess.new-1-0", f->out);
    put(left, "test_images/a/b/0.png", "test");
    put_map(left);
    CHECK_FAILS(STATUS_USAGE, "out/test_images: already exists",
                tree_output_begin(&t, f->out, &classes, true, true, &err));
    assert_true(t.completed && !t.done);
    tree_output_close(&t);
    put_map(left);
    free(left);
    CHECK_OK(tree_output_begin(&t, f->out, &classes, true, false, &err));
    assert_true(t.completed && !t.done);
    tree_output_close(&t);
}

/* After an error that may pass, what was left stays, and the next call completes it. */
static void test_left_error(void **state)
{
    const fixture *f = *state;
    error err;
    tree_output t;
    for (int done = 0; done < 2; done++) {
        leave(f, 2); /* the test images have their place */
        renames = done;
        status result = tree_output_begin(&t, f->out, &classes, true, true, &err);
        renames = -1;
        CHECK_FAILS(STATUS_FAILED, "out/.preprocess.new-1-0, which cannot be moved", result);
        assert_non_null(strstr(err.message, strerror(EIO)));
        tree_output_close(&t);
        assert_false(is_data(f));
        CHECK_OK(tree_output_begin(&t, f->out, &classes, true, true, &err));
        assert_true(t.done);
        tree_output_close(&t);
        assert_true(is_data(f));
        assert_int_equal(entries(f), 3);
        CHECK_OK(file_remove_tree(f->out, &err));
    }
}

/* A tree whose place is taken is removed, and so is one that was not committed. */
static void test_left_taken(void **state)
{
    const fixture *f = *state;
    error err;
    tree_output t;
    leave(f, 0);
    put(f->out, "train_images/a/b/0.png", "old");
    CHECK_FAILS(STATUS_USAGE, "out/train_images: already exists",
                tree_output_begin(&t, f->out, &classes, true, true, &err));
    assert_false(t.completed);
    tree_output_close(&t);
    assert_int_equal(entries(f), 1);
    char *part = text_format("%s/test_images", f->out);
    assert_int_equal(symlink("nowhere", part), 0);
    CHECK_FAILS(STATUS_USAGE, "out/test_images: already exists",
                tree_output_begin(&t, f->out, &classes, false, true, &err));
    tree_output_close(&t);
    free(part);
}

/* A map of other classes is somebody's own, or belongs to the part that is there. */
static void test_other_map(void **state)
{
    static const char says[] = "out/label_map.json: already exists and does not have these classes";
    const fixture *f = *state;
    error err;
    tree_output t;
    char *map = text_format("%s/label_map.json", f->out), *link = text_format("%s.none", map);
    char *leftover = text_format("%s/.preprocess.new-1-0", f->out);
    unsigned char *text;
    size_t size;
    /* A whole tree that a killed process left cannot be placed here either, and stays. */
    for (int left = 1; left >= 0; left--) {
        if (left)
            leave(f, 0);
        put(f->out, "label_map.json", "{}");
        CHECK_FAILS(left ? STATUS_FAILED : STATUS_USAGE, says,
                    tree_output_begin(&t, f->out, &classes, true, true, &err));
        assert_false(t.completed);
        tree_output_close(&t);
        CHECK_OK(file_read(map, 10, &text, &size, &err));
        assert_string_equal((const char *)text, "{}");
        free(text);
        assert_int_equal(entries(f), 1 + left);
        if (left)
            CHECK_OK(file_remove_tree(leftover, &err));
    }
    /* The same map as another program writes it. */
    put(f->out, "label_map.json", "{\"a\":[\"b\"]}");
    CHECK_OK(tree_output_begin(&t, f->out, &classes, true, true, &err));
    tree_output_close(&t);
    assert_int_equal(unlink(map), 0);
    CHECK_OK(file_make_directory(map, &err));
    CHECK_FAILS(STATUS_USAGE, says, tree_output_begin(&t, f->out, &classes, true, true, &err));
    tree_output_close(&t);
    assert_int_equal(rmdir(map), 0);
    assert_int_equal(symlink(link, map), 0);
    CHECK_FAILS(STATUS_USAGE, says, tree_output_begin(&t, f->out, &classes, true, true, &err));
    tree_output_close(&t);
    assert_int_equal(unlink(map), 0);
    /* It appears while the images are written. */
    CHECK_OK(tree_output_begin(&t, f->out, &classes, true, true, &err));
    fill(t.path);
    put(f->out, "label_map.json", "{}");
    CHECK_FAILS(STATUS_USAGE, says, tree_output_commit(&t, &err));
    tree_output_close(&t);
    assert_int_equal(entries(f), 1);
    free(map);
    free(link);
    free(leftover);
}

/* The error says that the next call completes the tree only if it does. */
static void test_half(void **state)
{
    static const char next[] = "the next preprocess with this --out completes it";
    const fixture *f = *state;
    error err;
    tree_output t;
    for (int both = 0; both < 2; both++) {
        CHECK_OK(tree_output_begin(&t, f->out, &classes, true, both, &err));
        put(t.path, "train_images/a/b/0.png", "train");
        if (both)
            put(t.path, "test_images/a/b/0.png", "test");
        renames = both + 2; /* the map and its link, and then the test images */
        status result = tree_output_commit(&t, &err);
        renames = -1;
        assert_int_equal(result, STATUS_FAILED);
        assert_true(!!strstr(err.message, next) == both);
        tree_output_close(&t);
        CHECK_OK(tree_output_begin(&t, f->out, &classes, true, both, &err));
        assert_true(t.done == both);
        tree_output_close(&t);
        assert_int_equal(entries(f), both ? 3 : 1); /* the map has its place in any case */
    }
}

static const char *synced; /* the directory that is synced */

static void look_at_sync(void)
{
    assert_true(file_exists_in(synced, "train_images/a/b/0.png"));
    assert_false(file_exists_in(synced, "label_map.json"));
    synced = NULL;
}

/* The map, which says that all else is whole, is written only after that is on the disk. */
static void test_sync(void **state)
{
    const fixture *f = *state;
    error err;
    tree_output t;
    CHECK_OK(tree_output_begin(&t, f->out, &classes, true, true, &err));
    fill(t.path);
    synced = t.path;
    at_sync = look_at_sync;
    CHECK_OK(tree_output_commit(&t, &err));
    at_sync = NULL;
    assert_null(synced);
    tree_output_close(&t);
}

/* The temporary name of a map may be another process's, which holds the lock while it has it. */
static void test_lock(void **state)
{
    const fixture *f = *state;
    error err;
    int lock, code;
    char *link = text_format("%s/label_map.json.link-0123456789abcdef", f->out);
    put(f->out, "label_map.json.link-0123456789abcdef", "{}");
    CHECK_OK(file_wait_lock(f->out, &lock, &err));
    pid_t child = fork();
    if (child == 0) {
        tree_output t;
        file_unlock(lock);
        bool begun = tree_output_begin(&t, f->out, &classes, true, true, &err) == STATUS_OK;
        tree_output_close(&t);
        free(link);
        _exit(begun ? 0 : 1);
    }
    assert_true(child > 0);
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    assert_true(file_exists(link));
    file_unlock(lock);
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_int_equal(code, 0);
    assert_false(file_exists(link));
    free(link);
}

/* A process that is killed at any of its renames: of the map, of its link, and of the parts. */
static void test_killed(void **state)
{
    const fixture *f = *state;
    error err;
    tree_output t;
    for (int done = 0; done < 4; done++) {
        int code;
        pid_t child = fork();
        if (child == 0) {
            renames = done;
            killing = true;
            if (tree_output_begin(&t, f->out, &classes, true, true, &err) == STATUS_OK)
                fill(t.path);
            tree_output_commit(&t, &err);
            _exit(1);
        }
        assert_int_equal(waitpid(child, &code, 0), child);
        assert_true(WIFEXITED(code) && WEXITSTATUS(code) == KILLED);
        assert_false(is_data(f));
        CHECK_OK(tree_output_begin(&t, f->out, &classes, true, true, &err));
        assert_true(t.done == (done > 0));
        tree_output_close(&t);
        assert_true(is_data(f) == (done > 0));
        assert_int_equal(entries(f), done > 0 ? 3 : 0);
        CHECK_OK(file_remove_tree(f->out, &err));
    }
}

/* Of two at once the first to commit wins, and the other leaves it alone. */
static void test_two(void **state)
{
    const fixture *f = *state;
    error err;
    tree_output first, second;
    CHECK_OK(tree_output_begin(&first, f->out, &classes, true, true, &err));
    CHECK_OK(tree_output_begin(&second, f->out, &classes, true, true, &err));
    assert_true(strcmp(first.path, second.path) != 0 && file_is_directory(first.path));
    fill(first.path);
    fill(second.path);
    CHECK_OK(tree_output_commit(&second, &err));
    CHECK_FAILS(STATUS_USAGE, "already exists", tree_output_commit(&first, &err));
    tree_output_close(&first);
    tree_output_close(&second);
    assert_true(is_data(f));
    assert_int_equal(entries(f), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_parts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_left_part, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_left_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_left_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_map, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_half, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sync, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lock, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_killed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("tree_output", tests, NULL, NULL);
}
