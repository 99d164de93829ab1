/* SPDX-License-Identifier: Apache-2.0 */
/* tree_output.c: a tree gets its place when it is whole; what a killed process left at any moment
 * is not read as data, and the next one removes or completes it. */
#include "base/file.h"
#include "base/text.h"
#include "check.h"
#include "data/dataset.h"

#include "data/tree_output.h"
#include <sys/wait.h>
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

/* ---- A kill ---- */

enum { KILLED = 9 };
static int renames = -1; /* that succeed before the process ends; -1: all */

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);

int __wrap_rename(const char *from, const char *to)
{
    if (renames == 0)
        _exit(KILLED);
    renames -= renames > 0;
    return __real_rename(from, to);
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

static void fill(const char *directory, bool whole)
{
    put(directory, "test_images/a/b/0.png", "test");
    put(directory, "train_images/a/b/0.png", "train");
    if (whole)
        put(directory, "label_map.json", "{\"a\":[\"b\"]}");
}

static bool is_data(const fixture *f)
{
    error err;
    dataset data = {0};
    bool read = tree_recognise(f->out) && tree_open(f->out, &data, &err) == STATUS_OK;
    dataset_close(&data);
    return read;
}

static void count(void *total, const char *name, const char *path)
{
    (void)name, (void)path;
    ++*(int *)total;
}

static int entries(const fixture *f)
{
    int total = 0;
    file_each(f->out, count, &total);
    return total;
}

static void test_whole(void **state)
{
    const fixture *f = *state;
    error err;
    tree_output t;
    CHECK_OK(tree_output_begin(&t, f->out, true, true, &err));
    fill(t.path, true);
    assert_false(is_data(f));
    CHECK_OK(tree_output_commit(&t, &err));
    tree_output_close(&t);
    assert_true(is_data(f));
    assert_int_equal(entries(f), 3);
    CHECK_FAILS(STATUS_USAGE, "out/test_images: already exists; remove it or choose another --out",
                tree_output_begin(&t, f->out, false, true, &err));
    tree_output_close(&t);
    assert_int_equal(entries(f), 3);
}

/* An error, and a part after the other. */
static void test_parts(void **state)
{
    const fixture *f = *state;
    error err;
    tree_output t;
    CHECK_OK(tree_output_begin(&t, f->out, true, true, &err));
    fill(t.path, false);
    tree_output_close(&t);
    assert_int_equal(entries(f), 0);
    for (int train = 0; train < 2; train++) {
        assert_false(is_data(f));
        CHECK_OK(tree_output_begin(&t, f->out, train, !train, &err));
        put(t.path, train ? "train_images/a/b/0.png" : "test_images/a/b/0.png", "x");
        put(t.path, "label_map.json", "{\"a\":[\"b\"]}");
        CHECK_OK(tree_output_commit(&t, &err));
        tree_output_close(&t);
    }
    assert_true(is_data(f));
    assert_int_equal(entries(f), 3);
}

/* What a process leaves that was killed after so many of the steps of placing a whole tree; -1:
 * before the tree was whole. */
static void leave(const fixture *f, int steps)
{
    char *left = text_format("%s/.preprocess.new-1-0", f->out);
    fill(left, steps >= 0);
    if (steps >= 1)
        put(f->out, "label_map.json", "{\"a\":[\"b\"]}");
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
        status result = tree_output_begin(&t, f->out, true, true, &err);
        assert_int_equal(result, steps < 0 ? STATUS_OK : STATUS_USAGE);
        assert_true(t.completed == (steps >= 0));
        tree_output_close(&t);
        assert_true(is_data(f) == (steps >= 0));
        assert_int_equal(entries(f), steps < 0 ? 0 : 3);
        CHECK_OK(file_remove_tree(f->out, &err));
    }
}

/* A process that is killed at any of its renames, of the map and then of the parts. */
static void test_killed(void **state)
{
    const fixture *f = *state;
    error err;
    tree_output t;
    for (int done = 0; done < 3; done++) {
        int code;
        pid_t child = fork();
        if (child == 0) {
            renames = done;
            if (tree_output_begin(&t, f->out, true, true, &err) == STATUS_OK)
                fill(t.path, true);
            tree_output_commit(&t, &err);
            _exit(1);
        }
        assert_int_equal(waitpid(child, &code, 0), child);
        assert_true(WIFEXITED(code) && WEXITSTATUS(code) == KILLED);
        assert_false(is_data(f));
        CHECK_FAILS(STATUS_USAGE, "already exists",
                    tree_output_begin(&t, f->out, true, true, &err));
        assert_true(t.completed);
        tree_output_close(&t);
        assert_true(is_data(f));
        assert_int_equal(entries(f), 3);
        CHECK_OK(file_remove_tree(f->out, &err));
    }
}

/* Of two at once the first to commit wins, and the other leaves it alone. */
static void test_two(void **state)
{
    const fixture *f = *state;
    error err;
    tree_output first, second;
    CHECK_OK(tree_output_begin(&first, f->out, true, true, &err));
    CHECK_OK(tree_output_begin(&second, f->out, true, true, &err));
    assert_true(strcmp(first.path, second.path) != 0 && file_is_directory(first.path));
    fill(first.path, true);
    fill(second.path, true);
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
        cmocka_unit_test_setup_teardown(test_killed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("tree_output", tests, NULL, NULL);
}
