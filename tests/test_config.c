/* config.c: every option comes back, and a file that is not one of ours is refused by its place. */
#include "base/file.h"
#include "check.h"
#include "train/config.h"

static char *directory, *path;

static int set_up(void **state)
{
    (void)state;
    directory = check_directory();
    path = file_path("%s/config.json", directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    error err;
    file_remove_tree(directory, &err);
    free(directory);
    free(path);
    return 0;
}

static void assert_text(const char *got, const char *want)
{
    if (want)
        assert_string_equal(got, want);
    else
        assert_null(got);
}

static void test_round_trip(void **state)
{
    (void)state;
    error err;
    train_config read;
    train_options o = train_defaults();
    o.data = "dir with \"quotes\"";
    o.milestones = "7,13";
    o.lr = 0.1 + 0.2; /* all 53 bits */
    o.seed = UINT64_MAX;
    o.only_fine = o.nesterov = true;
    o.momentum = 0.9;
    o.image_size = 224;
    o.precision = "fp16";
    CHECK_OK(config_write(path, &o, &err));
    CHECK_OK(config_read(path, &read, &err));
    const train_options *r = &read.options;
    assert_text(r->data, o.data);
    assert_text(r->milestones, o.milestones);
    assert_text(r->weights, NULL);
    assert_text(r->backbone, o.backbone);
    assert_text(r->precision, "fp16");
    assert_true(r->lr == o.lr);
    assert_true(r->momentum == o.momentum);
    assert_true(r->fine_weight == o.fine_weight);
    assert_true(r->seed == o.seed);
    assert_true(r->only_fine && r->nesterov);
    assert_false(r->no_shuffle);
    assert_int_equal(r->image_size, 224);
    assert_int_equal(r->epochs, o.epochs);
    assert_int_equal(r->batch_size, o.batch_size);
    assert_int_equal(r->metrics_every, o.metrics_every);
    assert_int_equal(r->checkpoint_every, o.checkpoint_every);
    config_free(&read);
}

/* The good file with `from` replaced. */
static void put_changed(const char *from, const char *to)
{
    error err;
    unsigned char *text;
    size_t size;
    train_options o = train_defaults();
    o.image_size = 32; /* a run knows it */
    CHECK_OK(config_write(path, &o, &err));
    CHECK_OK(file_read(path, 1 << 20, &text, &size, &err));
    char *at = strstr((char *)text, from);
    assert_non_null(at);
    *at = '\0';
    char *changed = file_path("%s%s%s", (char *)text, to, at + strlen(from));
    CHECK_OK(file_write(path, changed, strlen(changed), &err));
    free(changed);
    free(text);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[][3] = {
        {"\"lr\": 0", "\"lr\": \"high\", \"x\": 0", "'lr' is not what"},
        {"\"lr\": ", "\"rl\": ", "'lr' is missing"},
        {"\"epochs\": 15", "\"epochs\": 1.5", "'epochs' is not what"},
        {"\"epochs\": 15", "\"epochs\": 99999999999", "'epochs' is not what"},
        {"\"batch_size\": 32", "\"batch_size\": 0", "'batch_size' is not what"},
        {"\"metrics_every\": 1", "\"metrics_every\": 0", "'metrics_every' is not what"},
        {"\"threads\": 2", "\"threads\": 0", "'threads' is not what"},
        {"\"stem\": \"imagenet\"", "\"stem\": null", "'stem' is not what"},
        {"\"stem\": \"imagenet\"", "\"stem\": \"image\"", "'stem' is not what"},
        {"\"optimizer\": \"sgd\"", "\"optimizer\": null", "'optimizer' is not what"},
        {"\"precision\": \"fp32\"", "\"precision\": \"fp8\"", "'precision' is not what"},
        {"\"seed\": \"0\"", "\"seed\": \"zero\"", "'seed' is not what"},
        {"\"lr\": ", "\"future\": 1, \"lr\": ", "'future' is no option of this version"},
        {"\"lr\": ", "\"lr\": 1, \"lr\": ", "line 1"},
        {"\"lr\": ", "\"lr\"", ": line 1"},
    };
    error err;
    train_config read;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        put_changed(bad[i][0], bad[i][1]);
        CHECK_FAILS(STATUS_FAILED, bad[i][2], config_read(path, &read, &err));
        assert_non_null(strstr(err.message, path));
    }
}

/* JSON is UTF-8: other text is refused by its option's name, and nothing is written without it. */
static void test_not_utf8(void **state)
{
    (void)state;
    static const char foreign[] = "caf\xe9";
    error err;
    train_options good = train_defaults();
    good.data = "caf\xc3\xa9";
    CHECK_OK(config_check(&good, &err));
    train_options data = good, weights = good, metrics = good, run = good;
    data.data = weights.weights = metrics.metrics = run.run = foreign;
    CHECK_FAILS(STATUS_USAGE, "--data: 'caf\xe9' is not UTF-8", config_check(&data, &err));
    CHECK_FAILS(STATUS_USAGE, "--weights: ", config_check(&weights, &err));
    CHECK_FAILS(STATUS_USAGE, "--metrics: ", config_check(&metrics, &err));
    CHECK_FAILS(STATUS_USAGE, "--run: ", config_check(&run, &err));
    char *none = file_path("%s/none.json", directory);
    CHECK_FAILS(STATUS_USAGE, "--data: ", config_write(none, &data, &err));
    assert_false(file_exists(none));
    free(none);
}

static void test_missing(void **state)
{
    (void)state;
    error err;
    train_config read;
    CHECK_FAILS(STATUS_FAILED, "no-such-config", config_read("no-such-config", &read, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_not_utf8),
        cmocka_unit_test(test_missing),
    };
    return cmocka_run_group_tests_name("config", tests, set_up, tear_down);
}
