/* SPDX-License-Identifier: Apache-2.0 */
/* metric_lines.c: each kind of line that a run writes, and foreign lines. */
#include "check.h"
#include "track/metric_lines.h"
#include "train/run_lines.h"

#include <math.h>

/* The values of one line. */
typedef struct taken {
    run_metric values[METRICS_OF_LINE];
    size_t count;
    uint64_t step;
} taken;

static void take(taken *t, const char *text)
{
    json_error_t fault;
    json_t *line = json_loads(text, 0, &fault);
    if (!line)
        fail_msg("%s: %s", text, fault.text);
    t->count = metric_line_parse(line, &t->step, t->values);
    json_decref(line);
}

static const run_metric *find(const taken *t, const char *name)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->values[i].name, name) == 0)
            return &t->values[i];
    fail_msg("%s is missing", name);
    return NULL;
}

static void expect(const taken *t, const char *name, uint64_t step, double value)
{
    const run_metric *m = find(t, name);
    assert_int_equal(m->step, step);
    assert_true(m->value == value);
}

static void test_step(void **state)
{
    (void)state;
    taken t = {.step = 6};
    take(&t, "{\"step\":7,\"loss\":3,\"coarse_loss\":1.5,\"fine_loss\":0.75,\"lr\":0.008}");
    assert_int_equal(t.step, 7);
    assert_int_equal(t.count, 4);
    expect(&t, "loss", 7, 3);
    expect(&t, "coarse_loss", 7, 1.5);
    expect(&t, "fine_loss", 7, 0.75);
    expect(&t, "lr", 7, 0.008);
}

static void test_epoch(void **state)
{
    (void)state;
    taken t = {.step = 29};
    take(&t, "{\"epoch\":2,\"steps\":60,\"lr\":0.5,\"coarse_weight\":1,\"fine_weight\":2,"
             "\"seconds\":4.5,\"images_per_second\":99,\"best\":true,"
             "\"train\":{\"images\":1200,\"loss\":1,\"fine_top1\":0.5},"
             "\"validation\":{\"images\":200,\"loss\":null,\"marginal_loss\":0.25,"
             "\"agreement\":0.125}}");
    assert_int_equal(t.step, 60);
    assert_int_equal(t.count, 11);
    expect(&t, "epoch", 60, 2);
    expect(&t, "lr", 60, 0.5);
    expect(&t, "coarse_weight", 60, 1);
    expect(&t, "fine_weight", 60, 2);
    expect(&t, "seconds", 60, 4.5);
    expect(&t, "images_per_second", 60, 99);
    expect(&t, "train/loss", 60, 1);
    expect(&t, "train/fine_top1", 60, 0.5);
    assert_true(isnan(find(&t, "validation/loss")->value));
    expect(&t, "validation/marginal_loss", 60, 0.25);
    expect(&t, "validation/agreement", 60, 0.125);
}

/* The last line has no step: it belongs to the step of the line before it. */
static void test_last_line(void **state)
{
    (void)state;
    taken t = {.step = 60};
    take(&t, "{\"best_epoch\":2,\"test_half\":{\"images\":200,\"loss\":1},"
             "\"test_whole\":{\"images\":400,\"loss\":2,\"coarse_top5\":1},\"stopped_early\":2}");
    assert_int_equal(t.step, 60);
    assert_int_equal(t.count, 3);
    expect(&t, "test_half/loss", 60, 1);
    expect(&t, "test/loss", 60, 2);
    expect(&t, "test/coarse_top5", 60, 1);
}

/* Unknown metrics and values that are not numbers are left out; an invalid step does not change the
 * step. */
static void test_foreign_values(void **state)
{
    (void)state;
    taken t = {.step = 5};
    take(&t, "{}");
    assert_int_equal(t.count, 0);
    take(&t, "{\"step\":-3,\"steps\":9,\"loss\":\"low\",\"fine_loss\":true,\"lr\":[1],"
             "\"train/loss\":1,\"unheard of\":1,\"\":1,\"train\":3,\"validation\":[1],"
             "\"test_half\":{\"\":1,\"images\":2}}");
    assert_int_equal(t.step, 5);
    for (size_t i = 0; i < t.count; i++)
        assert_string_equal(t.values[i].name, "train/loss");
    take(&t, "{\"step\":1e3,\"loss\":1}");
    expect(&t, "loss", 5, 1);
}

static void test_many(void **state)
{
    (void)state;
    taken t = {0};
    json_t *line = json_object(), *part = json_object();
    for (size_t i = 0; metric_names[i]; i++) {
        json_object_set_new(line, metric_names[i], json_integer(1));
        if (strncmp(metric_names[i], "train/", 6) == 0)
            json_object_set_new(part, metric_names[i] + 6, json_integer(1));
    }
    json_object_set(line, "train", part);
    json_object_set(line, "validation", part);
    json_object_set(line, "test_half", part);
    json_object_set(line, "test_whole", part);
    t.count = metric_line_parse(line, &t.step, t.values);
    assert_in_range(t.count, 9 + 4 * 9, METRICS_OF_LINE);
    json_decref(part);
    json_decref(line);
}

/* ---- Every metric of a run has a name ---- */

/* Every number in the object must be a known metric or one of `others`. */
static void expect_names(const json_t *object, const char *prefix)
{
    static const char *const others[] = {"step", "steps", "images", "best_epoch", "stopped_early"};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        char name[64];
        bool known = !json_is_number(value);
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
            known |= strcmp(key, others[i]) == 0;
        snprintf(name, sizeof name, "%s%s", prefix, key);
        for (size_t i = 0; metric_names[i]; i++)
            known |= strcmp(name, metric_names[i]) == 0;
        if (!known)
            fail_msg("%s is not a known metric", name);
    }
}

/* The values that a line has for the store equal those read back from its JSON. */
static void expect_same_values(const metric_line *line, const json_t *written)
{
    run_metric live[METRICS_OF_LINE], read[METRICS_OF_LINE];
    uint64_t step = line->step;
    size_t count = metric_line_metrics(line, live);
    assert_int_equal(metric_line_parse(written, &step, read), count);
    assert_int_equal(step, line->step);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(live[i].name, read[i].name);
        assert_int_equal(live[i].step, read[i].step);
        assert_true(live[i].value == read[i].value ||
                    (isnan(live[i].value) && isnan(read[i].value)));
    }
}

static void check_line(const metric_line *line)
{
    json_t *written = metric_line_to_json(line);
    assert_non_null(written);
    expect_names(written, "");
    expect_names(json_object_get(written, "train"), "train/");
    expect_names(json_object_get(written, "validation"), "validation/");
    expect_names(json_object_get(written, "test_half"), "test_half/");
    expect_names(json_object_get(written, "test_whole"), "test/");
    expect_same_values(line, written);
    json_decref(written);
}

static void test_run_lines(void **state)
{
    (void)state;
    const metrics m = {.count = 4, .coarse_loss = 1, .fine_loss = 2, .marginal_loss = 3};
    const train_step step = {.step = 1, .loss = 1, .lr = NAN};
    const train_epoch epoch = {.step = 1, .epoch = 1, .train = m, .validation = m};
    const train_finished end = {.step = 9, .test_half = m, .test_whole = m, .stopped_early = 1};
    const metric_line lines[] = {run_line_of_step(&step), run_line_of_epoch(&epoch),
                                 run_line_of_test(&end)};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        check_line(&lines[i]);
    assert_int_equal(lines[0].count, 5);
    assert_int_equal(lines[1].count, 8 + 2 * (2 + METRICS_ROWS));
    assert_int_equal(lines[2].count, 2 + 2 * (2 + METRICS_ROWS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_step),      cmocka_unit_test(test_epoch),
        cmocka_unit_test(test_last_line), cmocka_unit_test(test_foreign_values),
        cmocka_unit_test(test_many),      cmocka_unit_test(test_run_lines),
    };
    return cmocka_run_group_tests_name("metric_lines", tests, NULL, NULL);
}
