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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests_name("recipe", tests, set_up, support_files_tear_down);
}
