/* SPDX-License-Identifier: Apache-2.0 */
/* run_values.c: every key of a run, the best value of a metric, and conditions. */
#include "check.h"
#include "support.h"
#include "track/run_values.h"

#include <math.h>

static run_store *store;
static run_record record;

static json_t *make_config(void)
{
    return json_pack("{s:s, s:f, s:b, s:n, s:s, s:i}", "backbone", "tiny", "batch-size", 40.5,
                     "no_shuffle", 1, "weights", "host", "not this one", "both", 1);
}

static void log_values(int64_t run)
{
    error err;
    const run_metric metrics[] = {
        {"loss", 1, 3},
        {"loss", 2, 1},
        {"loss", 3, 2},
        {"validation/fine_top1", 1, 0.25},
        {"validation/fine_top1", 2, 0.75},
        {"validation/fine_top1", 3, NAN},
        {"validation/coarse_top5", 3, 0.5},
        {"validation/agreement", 1, 0.5},
        {"validation/agreement", 2, 0.25},
        {"train/marginal_loss", 1, NAN},
        {"train/marginal_loss", 2, 5},
        {"train/marginal_loss", 3, 7},
        {"lr", 1, 0.5},
        {"lr", 2, 0.25},
        {"lr", 3, 0.375},
        {"test/loss", 3, NAN},
    };
    CHECK_OK(run_store_log(store, run, metrics, sizeof metrics / sizeof metrics[0], &err));
}

static int set_up(void **state)
{
    error err;
    int64_t run;
    int result = support_files_set_up(state, "runs.db");
    const support_files *files = *state;
    CHECK_OK(run_store_open(files->path, true, NULL, &store, &err));
    const run_beginning what = {.name = "a",
                                .version = "1.2.3",
                                .device = "a device",
                                .host = "here",
                                .config = make_config(),
                                .summary = json_pack("{s:i, s:i}", "parameters", 7, "both", 2),
                                .at = 1.5e9};
    CHECK_OK(run_store_begin(store, &what, &run, &err));
    json_decref(what.config);
    json_decref(what.summary);
    log_values(run);
    CHECK_OK(run_store_end(store, run, RUN_FAILED, "the disk is full", 1.5e9 + 90, &err));
    CHECK_OK(run_store_find(store, "a", &record, &err));
    return result;
}

static int tear_down(void **state)
{
    run_record_free(&record);
    run_store_close(store);
    return support_files_tear_down(state);
}

/* ---- By key ---- */

static json_t *value_of(const char *key, bool expect_known)
{
    error err;
    json_t *value;
    bool known;
    CHECK_OK(run_value(store, &record, key, &value, &known, &err));
    if (known != expect_known)
        fail_msg("%s is %s", key, known ? "known" : "not known");
    assert_non_null(value);
    return value;
}

static void expect_text(const char *key, const char *want)
{
    json_t *value = value_of(key, true);
    assert_true(json_is_string(value));
    assert_string_equal(json_string_value(value), want);
    json_decref(value);
}

static void expect_number(const char *key, double want)
{
    json_t *value = value_of(key, true);
    if (!json_is_number(value) || json_number_value(value) != want)
        fail_msg("%s is %g, expected %g", key, json_number_value(value), want);
    json_decref(value);
}

static void expect_null(const char *key, bool known)
{
    json_t *value = value_of(key, known);
    assert_true(json_is_null(value));
    json_decref(value);
}

static void test_record_keys(void **state)
{
    (void)state;
    expect_text("name", "a");
    expect_text("state", "failed");
    expect_text("version", "1.2.3");
    expect_text("device", "a device");
    expect_text("host", "here"); /* comes before the option of the same name */
    expect_text("message", "the disk is full");
    expect_text("directory", record.directory);
    expect_null("driver", true);
    expect_number("step", 3);
    expect_number("started", 1.5e9);
    expect_number("ended", 1.5e9 + 90);
    expect_number("updated", 1.5e9 + 90);
    expect_number("seconds", 90);
    record.ended = 0;
    expect_null("ended", true);
}

static void test_options(void **state)
{
    (void)state;
    expect_text("backbone", "tiny");
    expect_number("batch-size", 40.5);
    expect_number("batch_size", 40.5);
    expect_null("weights", true);
    json_t *truth = value_of("no-shuffle", true);
    assert_true(json_is_true(truth));
    json_decref(truth);
    expect_number("parameters", 7);
    expect_number("both", 1); /* the option, not the summary's value */
    expect_null("batch", false);
    expect_null("batch-size-", false);
    expect_null("", false);
}

static void test_metrics(void **state)
{
    (void)state;
    expect_number("loss", 1);
    expect_number("validation/fine_top1", 0.75);
    expect_number("validation/coarse_top5", 0.5);
    expect_number("validation/agreement", 0.5);
    expect_number("train/marginal_loss", 5);
    expect_number("lr", 0.375); /* the last value */
    expect_null("test/loss", true);
    expect_null("test/fine_top1", false);
    assert_true(run_metric_rises("test/coarse_top5") && run_metric_rises("agreement"));
    assert_false(run_metric_rises("loss") || run_metric_rises("lr") || run_metric_rises("top1"));
}

/* '-' and '_' are equivalent in the names of metrics, too. */
static void test_metric_spelling(void **state)
{
    (void)state;
    expect_number("validation/fine-top1", 0.75);
    expect_number("train/marginal-loss", 5);
}

/* ---- Conditions ---- */

static bool holds(const char *text, json_t *value)
{
    error err;
    run_condition c;
    CHECK_OK(run_condition_parse(text, &c, &err));
    assert_string_equal(c.key, "key");
    bool result = run_condition_holds(&c, value);
    run_condition_free(&c);
    json_decref(value);
    return result;
}

static void test_numbers(void **state)
{
    (void)state;
    assert_true(holds("key=0.5", json_real(0.5)));
    assert_true(holds("key=5e-1", json_real(0.5)));
    assert_true(holds("key=10", json_integer(10)));
    assert_true(holds("key<10", json_integer(9))); /* compared as texts, this would be false */
    assert_true(holds("key<10", json_string("9")));
    assert_false(holds("key<9", json_integer(10)));
    assert_true(holds("key<=9", json_integer(9)));
    assert_false(holds("key<9", json_integer(9)));
    assert_true(holds("key>=9", json_integer(9)));
    assert_false(holds("key>9", json_integer(9)));
    assert_true(holds("key>-1", json_integer(0)));
    assert_true(holds("key!=9", json_integer(8)));
    assert_false(holds("key!=9", json_integer(9)));
}

static void test_texts(void **state)
{
    (void)state;
    assert_true(holds("key=tiny", json_string("tiny")));
    assert_false(holds("key=tiny", json_string("tiny_basic")));
    assert_true(holds("key!=tiny", json_string("Tiny")));
    assert_true(holds("key=a=b", json_string("a=b")));
    assert_true(holds("key=true", json_true()));
    assert_false(holds("key=true", json_false()));
    assert_true(holds("key!=true", json_false()));
    assert_true(holds("key!=9", json_string("nine")));
}

static void test_null(void **state)
{
    (void)state;
    static const char *const all[] = {"key=x", "key!=1", "key<1", "key<=1", "key>1", "key>=1"};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        assert_false(holds(all[i], json_null()));
}

static void expect_parsed(const char *text, const char *key, int op, const char *value)
{
    error err;
    run_condition c;
    CHECK_OK(run_condition_parse(text, &c, &err));
    assert_string_equal(c.key, key);
    assert_string_equal(c.value, value);
    assert_int_equal(c.holds, op);
    run_condition_free(&c);
}

static void test_parse(void **state)
{
    (void)state;
    expect_parsed("a=1", "a", CONDITION_EQUAL, "1");
    expect_parsed("a!=1", "a", CONDITION_BELOW | CONDITION_ABOVE, "1");
    expect_parsed("a<1", "a", CONDITION_BELOW, "1");
    expect_parsed("a<=1", "a", CONDITION_BELOW | CONDITION_EQUAL, "1");
    expect_parsed("a>1", "a", CONDITION_ABOVE, "1");
    expect_parsed("a>=1", "a", CONDITION_EQUAL | CONDITION_ABOVE, "1");
    expect_parsed("a/b_c-d>=x y", "a/b_c-d", CONDITION_EQUAL | CONDITION_ABOVE, "x y");
    expect_parsed("a=<b>", "a", CONDITION_EQUAL, "<b>");
}

static void test_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *text, *fault;
    } all[] = {
        {"", "'': is not a condition; expected KEY=VALUE, or one of"},
        {"a", "'a': is not a condition"},
        {"a b", "'a b': is not a condition"},
        {"a!", "'a!': is not a condition"},
        {"a!1", "'a!1': is not a condition"},
        {"=", "'=': has no key"},
        {"<3", "'<3': has no key"},
        {"!=3", "'!=3': has no key"},
        {"a=", "'a=': has no value"},
        {"a<", "'a<': has no value"},
        {"a!=", "'a!=': has no value"},
        {"a>=", "'a>=': has no value"},
        {"a==1", "'a==1': has two operators"},
        {"a<==1", "'a<==1': has two operators"},
    };
    error err;
    run_condition c;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        CHECK_FAILS(STATUS_USAGE, all[i].fault, run_condition_parse(all[i].text, &c, &err));
        assert_null(c.key);
        run_condition_free(&c);
    }
}

static bool suits(const char *text, json_t *value)
{
    error err;
    run_condition c;
    CHECK_OK(run_condition_parse(text, &c, &err));
    bool result = run_condition_suits(&c, value);
    run_condition_free(&c);
    json_decref(value);
    return result;
}

static void test_kinds(void **state)
{
    (void)state;
    assert_true(suits("key<1e3", json_integer(1)));
    assert_false(suits("key<1e3x", json_integer(1)));
    assert_false(suits("key=<1", json_real(0.5)));
    assert_true(suits("key=any", json_string("7")));
    assert_true(suits("key=any", json_true()));
    assert_true(suits("key=any", json_null()));
}

/* Numbers come first, then texts and booleans, then null. */
static void test_order(void **state)
{
    (void)state;
    json_t *sorted[] = {json_integer(-2), json_real(1.5), json_string("10"),
                        json_string("a"), json_true(),    json_null()};
    enum { COUNT = sizeof sorted / sizeof sorted[0] };
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < COUNT; j++) {
            int order = run_value_compare(sorted[i], sorted[j]);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
    for (int i = 0; i < COUNT; i++)
        json_decref(sorted[i]);
}

#define values_test(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        values_test(test_record_keys),    values_test(test_options),
        values_test(test_metrics),        values_test(test_metric_spelling),
        cmocka_unit_test(test_numbers),   cmocka_unit_test(test_texts),
        cmocka_unit_test(test_null),      cmocka_unit_test(test_parse),
        cmocka_unit_test(test_malformed), cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests_name("run_values", tests, NULL, NULL);
}
