/* SPDX-License-Identifier: Apache-2.0 */
/* train_options.c: every option that is written is read back by recipe.c. */
#include "base/file.h"
#include "base/text.h"
#include "check.h"
#include "support.h"
#include "train/recipe.h"
#include "train/train_options.h"

static const char *directory, *path;

static int set_up(void **state)
{
    int result = support_files_set_up(state, "config.json");
    const support_files *files = *state;
    directory = files->directory;
    path = files->path;
    return result;
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
    train_options read = train_defaults();
    words texts = {0};
    train_options o = train_defaults();
    o.data = "dir with \"quotes\"";
    o.milestones = "7,13";
    o.lr = 0.1 + 0.2; /* uses all 53 bits */
    o.seed = UINT64_MAX;
    o.only_fine = o.nesterov = true;
    o.momentum = 0.9;
    o.image_size = 224;
    o.precision = PRECISION_FP16;
    o.coarse_depth = COARSE_DEPTH_LAYER4;
    o.shared_trunk = true;
    CHECK_OK(config_write(path, &o, &err));
    CHECK_OK(recipe_load(path, &read, &texts, &err));
    const train_options *r = &read;
    assert_text(r->data, o.data);
    assert_text(r->milestones, o.milestones);
    assert_text(r->weights, NULL);
    assert_text(r->backbone, o.backbone);
    assert_int_equal(r->precision, PRECISION_FP16);
    assert_true(r->lr == o.lr);
    assert_true(r->momentum == o.momentum);
    assert_true(r->loss.fine == o.loss.fine);
    assert_true(r->seed == o.seed);
    assert_true(r->only_fine && r->nesterov && r->shared_trunk);
    assert_int_equal(r->coarse_depth, COARSE_DEPTH_LAYER4);
    assert_int_equal(r->schedule, SCHEDULE_DEFAULT);
    assert_text(r->fusion, NULL);
    assert_false(r->no_shuffle);
    assert_int_equal(r->image_size, 224);
    assert_int_equal(r->epochs, o.epochs);
    assert_int_equal(r->batch_size, o.batch_size);
    assert_int_equal(r->metrics_every, o.metrics_every);
    assert_int_equal(r->checkpoint_every, o.checkpoint_every);
    words_free(&texts);
}

/* config.json contains every option, except those that are not stored, and each is read back with
 * its type. */
static void test_every_row(void **state)
{
    (void)state;
    error err;
    unsigned char *text;
    size_t size;
    train_options o = train_defaults();
    o.image_size = 32;
    CHECK_OK(config_write(path, &o, &err));
    CHECK_OK(file_read(path, 1 << 20, &text, &size, &err));
    size_t count = 0;
    for (const option_row *row = train_rows; row->name; row++, count++) {
        char key[80];
        snprintf(key, sizeof key, "\"%s\":", row->name);
        for (char *at = key; *at; at++)
            *at = *at == '-' ? '_' : *at;
        if (row->transient == (strstr((char *)text, key) != NULL))
            fail_msg("config.json has %s %s", row->transient ? "a" : "no", key);
    }
    assert_true(count < TRAIN_ROWS);
    free(text);
}

/* The help of --resume names exactly the options that a resumed run accepts. */
static void test_help_of_resume(void **state)
{
    (void)state;
    const char *help = options_find(train_rows, "resume")->help;
    for (const option_row *row = train_rows; row->name; row++) {
        char name[80];
        snprintf(name, sizeof name, " --%s", row->name);
        const char *at = strstr(help, name);
        bool named = at && !strchr("-abcdefghijklmnopqrstuvwxyz", at[strlen(name)]);
        if (!row->transient && named != row->on_resume)
            fail_msg("the help of --resume names%s:%s", named ? "" : " not", name);
    }
}

/* JSON is UTF-8: other text is an error that names the option, and no file is written. */
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
    char *none = text_format("%s/none.json", directory);
    CHECK_FAILS(STATUS_USAGE, "--data: ", config_write(none, &data, &err));
    assert_false(file_exists(none));
    free(none);
}

/* Whether the option is said to have no effect. */
static bool is_idle(const char *option, const train_options *o)
{
    bool listed = false, holds = false;
    for (const train_idle *idle = train_idle_options; idle->option; idle++)
        if (strcmp(idle->option, option) == 0) {
            listed = true;
            holds |= idle->holds(o);
        }
    assert_true(listed);
    return holds;
}

static void test_idle_options(void **state)
{
    (void)state;
    const ranks two = {.count = 2};
    train_options o = train_defaults();
    for (const train_idle *idle = train_idle_options; idle->option; idle++) {
        const option_row *row = options_find(train_rows, idle->option);
        assert_non_null(row);
        assert_false(idle->holds(&o));
        o.origin.lines[row - train_rows] = 0; /* a default, also if the option is listed twice */
        assert_false(train_is_given(&o, idle->option));
        o.origin.lines[row - train_rows] = 7; /* a recipe's */
        assert_false(train_is_given(&o, idle->option));
        o.origin.lines[row - train_rows] = TRAIN_GIVEN;
        assert_true(train_is_given(&o, idle->option));
    }
    o.sync_bn = o.no_norm_decay = true;
    o.wire = WIRE_FP16;
    assert_true(is_idle("sync-bn", &o) && is_idle("wire", &o) && is_idle("no-norm-decay", &o));
    o.ranks = &two;
    o.weight_decay = 0.1;
    assert_false(is_idle("sync-bn", &o) || is_idle("wire", &o) || is_idle("no-norm-decay", &o));
    o.backbone = "bit_r50x1";
    assert_true(is_idle("sync-bn", &o));
    o.freeze = "default";
    assert_false(is_idle("coarse", &o) || is_idle("freeze", &o));
    o.only_fine = true;
    assert_true(is_idle("coarse", &o) && is_idle("freeze", &o));
    o.coarse_loss = COARSE_LOSS_MARGINAL;
    assert_false(is_idle("coarse", &o) || is_idle("coarse-loss", &o));
    o.loss.coarse = 0;
    assert_true(is_idle("coarse-loss", &o));
    o.loss_schedule = "2:1:1";
    assert_false(is_idle("coarse-loss", &o));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_help_of_resume), cmocka_unit_test(test_not_utf8),
        cmocka_unit_test(test_idle_options),
    };
    return cmocka_run_group_tests_name("config", tests, set_up, support_files_tear_down);
}
