/* SPDX-License-Identifier: Apache-2.0 */
/* recipe.c: values in YAML reach the options, and errors name file and line. */
#include "base/file.h"
#include "check.h"
#include "support.h"
#include "train/recipe.h"

static const char *path;

static int set_up(void **state)
{
    int result = support_files_set_up(state, "recipe.yaml");
    const support_files *files = *state;
    path = files->path;
    return result;
}

static void put(const char *text)
{
    error err;
    CHECK_OK(file_write(path, text, strlen(text), &err));
}

static void test_values(void **state)
{
    (void)state;
    error err;
    words r = {0};
    train_options o = train_defaults();
    o.weights = "before";
    put("# a comment\n"
        "lr: 0.1\n"
        "batch-size: 64\n"
        "weight_decay: 5e-4\n"
        "optimizer: \"adam\"\n"
        "milestones: [7, 13]\n"
        "only_fine: true\n"
        "weights: null\n"
        "seed: 18446744073709551615\n"
        "data: 'a: b'\n");
    CHECK_OK(recipe_load(path, &o, &r, &err));
    assert_true(o.lr == 0.1);
    assert_int_equal(o.batch_size, 64);
    assert_true(o.weight_decay == 5e-4);
    assert_int_equal(o.optimizer, OPTIMIZER_ADAM);
    assert_string_equal(o.milestones, "7,13");
    assert_true(o.only_fine);
    assert_null(o.weights);
    assert_true(o.seed == UINT64_MAX);
    assert_string_equal(o.data, "a: b");
    assert_int_equal(o.epochs, train_defaults().epochs);
    words_free(&r);
}

/* JSON is valid YAML, including a single line, braces and escapes. */
static void test_json(void **state)
{
    (void)state;
    error err;
    words r = {0};
    train_options o = train_defaults();
    put("{\"lr\": 0.25, \"data\": \"d\\u00e9j\\u00e0\\\\vu \\\"\", \"nesterov\": false}");
    CHECK_OK(recipe_load(path, &o, &r, &err));
    assert_true(o.lr == 0.25);
    assert_string_equal(o.data, "d\xc3\xa9j\xc3\xa0\\vu \"");
    words_free(&r);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"lr: 0.1\nlr: 0.2\n", "line 2: 'lr' is given twice"},
        {"lr: 0.1\nepoch: 3\n", "line 2: 'epoch' is not an option of a run; did you mean epochs?"},
        {"lr: high\n", "line 1: --lr 'high': is not a number"},
        {"epochs: 1.5\n", "line 1: --epochs '1.5': is not a whole number"},
        {"epochs: 99999999999\n", "line 1: --epochs 99999999999: is too large"},
        {"batch_size: 0\n", "line 1: --batch-size 0: has to be between"},
        {"stem: null\n", "line 1: --stem 'null': is not one of"},
        {"stem: image\n", "line 1: --stem 'image': is not one of imagenet|cifar"},
        {"nesterov: 1\n", "line 1: --nesterov '1': is neither true nor false"},
        {"seed: -1\n", "line 1: --seed '-1': is not a whole number from 0 up"},
        {"data: ''\n", "line 1: --data: is empty"},
        {"\n\nlr: {a: 1}\n", "line 3: expected lines of"},
        {"lr: [[1]]\n", "line 1: each entry of a list has to be a single value"},
        {"lr: &a 1\nmomentum: *a\n", "line 1: anchors (&)"},
        {"? [a]\n: 1\n", "line 1: a key has to be a single word"},
        {"data: \"a\\0b\"\n", "line 1: contains a zero byte"},
        {"- lr\n", "line 1: expected lines of"},
        {"", "line 1: is empty; expected lines of"},
        {"batch_size: 1\nbatch-size: 2\n", "line 2: 'batch-size' is given twice"},
        {"lr: 1\n---\nlr: 2\n", "line 2: contains more than one document"},
        {"lr: [1\n", "is not YAML: "},
        {"lr: \xff\n", "is not YAML: "},
        {"run: elsewhere\n", "'run' is not an option of a run"},
    };
    error err;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        words r = {0};
        train_options o = train_defaults();
        put(bad[i].text);
        CHECK_FAILS(STATUS_FAILED, bad[i].message, recipe_load(path, &o, &r, &err));
        assert_non_null(strstr(err.message, path));
        words_free(&r);
    }
}

static void test_names(void **state)
{
    (void)state;
    error err;
    words r = {0};
    train_options o = train_defaults();
    o.lr = 7;
    CHECK_OK(recipe_load("original", &o, &r, &err));
    assert_true(o.lr == train_defaults().lr);
    words_free(&r);
    CHECK_OK(recipe_load("modern", &o, &r, &err));
    assert_true(o.momentum == 0.9);
    words_free(&r);
    CHECK_FAILS(STATUS_FAILED, "--recipe no-such: this file does not exist; expected original",
                recipe_load("no-such", &o, &r, &err));
    words_free(&r);
    CHECK_FAILS(STATUS_FAILED, "no-such/config.json", recipe_load_run("no-such", &o, &r, &err));
    words_free(&r);
}

static void expect_placed(const char *message, const train_options *o, status before, status after,
                          const char *placed)
{
    error err;
    error_set(&err, before, "%s", message);
    assert_int_equal(recipe_place_error(o, before, &err), after);
    size_t prefix = strlen(err.message) - strlen(placed);
    assert_string_equal(err.message + prefix, placed);
    assert_true(prefix == 0 ? strcmp(placed, message) == 0
                            : strncmp(err.message, path, prefix) == 0);
}

/* The lines come after a message about an option that the caller gave. */
static void expect_suffixed(const char *message, const train_options *o, const char *lines)
{
    error err;
    char want[ERROR_CAPACITY];
    error_set(&err, STATUS_USAGE, "%s", message);
    assert_int_equal(recipe_place_error(o, STATUS_USAGE, &err), STATUS_USAGE);
    snprintf(want, sizeof want, "%s (%s: %s)", message, path, lines);
    assert_string_equal(err.message, want);
}

/* Later errors name the lines of the options that they are about. */
static void test_later_errors(void **state)
{
    (void)state;
    error err;
    words r = {0};
    train_options o = train_defaults();
    expect_placed("--lr 3: no", &o, STATUS_USAGE, STATUS_USAGE, "--lr 3: no"); /* no recipe */
    put("epochs: 3\n\nmin_lr: 2\ndata: photos\nlr: 1\n");
    CHECK_OK(recipe_load(path, &o, &r, &err));
    expect_placed("--min-lr 2: too high", &o, STATUS_USAGE, STATUS_FAILED,
                  ": line 3: --min-lr 2: too high");
    expect_placed("--min-lr 2 is above --lr", &o, STATUS_USAGE, STATUS_FAILED,
                  ": line 5, line 3: --min-lr 2 is above --lr");
    expect_placed("--lrx --warm-lr --ep", &o, STATUS_USAGE, STATUS_USAGE, "--lrx --warm-lr --ep");
    expect_placed("photos: gone", &o, STATUS_FAILED, STATUS_FAILED, ": line 4: photos: gone");
    expect_placed("photos/a.jpg: gone", &o, STATUS_FAILED, STATUS_FAILED, "photos/a.jpg: gone");
    expect_placed("--lr", &o, STATUS_INTERRUPTED, STATUS_INTERRUPTED, "--lr");
    o.origin.lines[options_find(train_rows, "lr") - train_rows] = TRAIN_GIVEN;
    expect_suffixed("--min-lr 2 is above --lr", &o, "line 3");
    expect_placed("--lr", &o, STATUS_USAGE, STATUS_USAGE, "--lr");
    expect_placed("bad; see --data", &o, STATUS_USAGE, STATUS_USAGE, "bad; see --data");
    words_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),       cmocka_unit_test(test_json),
        cmocka_unit_test(test_refused),      cmocka_unit_test(test_names),
        cmocka_unit_test(test_later_errors),
    };
    return cmocka_run_group_tests_name("recipe", tests, set_up, support_files_tear_down);
}
