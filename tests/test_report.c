/* SPDX-License-Identifier: Apache-2.0 */
/* report.c: a run from its store and directory, series that are thinned out, damaged evaluations,
 * and a page that no text can escape from. */
#include "base/file.h"
#include "base/json_values.h"
#include "base/text.h"
#include "check.h"
#include "support.h"
#include "track/report.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

enum { LONG = 20000, SPIKE = 12345, GAP = 700 };

static const char *path, *directory;

static int set_up(void **state)
{
    int result = support_files_set_up(state, "runs.db");
    const support_files *files = *state;
    path = files->path;
    directory = files->directory;
    return result;
}

static run_store *open_store(void)
{
    error err;
    run_store *store;
    CHECK_OK(run_store_open(path, true, NULL, &store, &err));
    return store;
}

static int64_t begin(run_store *store, const char *name)
{
    error err;
    int64_t run;
    json_t *config = json_pack("{s:f, s:b}", "lr", 0.1, "only_fine", 1);
    json_t *summary = json_pack("{s:i}", "parameters", 7);
    const run_beginning what = {.name = name,
                                .version = "1.2.3",
                                .device = "a device",
                                .config = config,
                                .summary = summary};
    CHECK_OK(run_store_begin(store, &what, &run, &err));
    json_decref(config);
    json_decref(summary);
    return run;
}

/* The run as report_run makes it. */
static json_t *report(run_store *store, const char *name)
{
    error err;
    run_record run;
    CHECK_OK(run_store_find(store, name, &run, &err));
    json_t *made = report_run(store, &run, &err);
    if (!made)
        fail_msg("%s", err.message);
    run_record_free(&run);
    return made;
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void test_report_of_a_run(void **state)
{
    (void)state;
    error err;
    run_store *store = open_store();
    int64_t run = begin(store, "a");
    const run_metric metrics[] = {
        {"loss", 1, 0.5}, {"loss", 2, NAN}, {"validation/fine_top1", 2, 0.25}};
    CHECK_OK(run_store_log(store, run, metrics, 3, &err));
    CHECK_OK(run_store_end(store, run, RUN_FAILED, "no room", 1795648834.9, &err));
    json_t *made = report(store, "a");
    assert_string_equal(text_of(made, "name"), "a");
    assert_string_equal(text_of(made, "state"), "failed");
    assert_string_equal(text_of(made, "message"), "no room");
    assert_string_equal(text_of(made, "version"), "1.2.3");
    assert_true(json_is_null(json_object_get(made, "driver")));
    assert_int_equal(json_integer_value(json_object_get(made, "ended")), 1795648834);
    assert_int_equal(json_integer_value(json_object_get(made, "step")), 2);
    assert_true(json_is_true(json_object_get(json_object_get(made, "config"), "only_fine")));
    assert_true(json_is_null(json_object_get(made, "evaluation")));
    json_t *expected =
        json_pack("{s:{s:[i, i], s:[f, n], s:i}, s:{s:[i], s:[f], s:i}}", "loss", "step", 1, 2,
                  "value", 0.5, "of", 2, "validation/fine_top1", "step", 2, "value", 0.25, "of", 1);
    assert_true(json_equal(json_object_get(made, "series"), expected));
    json_decref(expected);
    json_decref(made);
    run_store_close(store);
}

static int64_t step_at(const json_t *series, size_t place)
{
    return json_integer_value(json_array_get(json_object_get(series, "step"), place));
}

/* The loss of a long run is thinned out, but its first and last value and single high or low values
 * stay. */
static void test_thinning(void **state)
{
    (void)state;
    error err;
    run_store *store = open_store();
    int64_t run = begin(store, "long");
    run_metric *metrics = support_memory(LONG, sizeof *metrics);
    for (uint64_t i = 0; i < LONG; i++)
        metrics[i] = (run_metric){"loss", i + 1,
                                  i == SPIKE       ? 100
                                  : i == SPIKE + 1 ? -100
                                  : i % GAP == 0   ? NAN
                                                   : sin((double)i)};
    CHECK_OK(run_store_log(store, run, metrics, LONG, &err));
    free(metrics);
    json_t *made = report(store, "long");
    const json_t *series = json_object_get(json_object_get(made, "series"), "loss");
    const json_t *values = json_object_get(series, "value");
    size_t count = json_array_size(values);
    assert_int_equal(json_integer_value(json_object_get(series, "of")), LONG);
    assert_in_range(count, REPORT_POINTS / 2, REPORT_POINTS);
    assert_int_equal(json_array_size(json_object_get(series, "step")), count);
    assert_int_equal(step_at(series, 0), 1);
    assert_int_equal(step_at(series, count - 1), LONG);
    double low = 0, high = 0;
    for (size_t i = 1; i < count; i++) {
        double value = json_real_value(json_array_get(values, i));
        assert_true(step_at(series, i) > step_at(series, i - 1));
        low = value < low ? value : low;
        high = value > high ? value : high;
    }
    assert_true(low == -100 && high == 100);
    json_decref(made);
    run_store_close(store);
}

#define CLASSES "\"coarse_classes\":[\"a\"],\"fine_classes\":[\"b\",\"c\"],\"parents\":[0,0]"
#define WHOLE                                                                                      \
    "{\"set\":\"test\",\"images\":3,\"undecided\":0," CLASSES                                      \
    ",\"coarse\":null,\"fine\":[[1,0],[0,2]],"                                                     \
    "\"worst\":[]}"

static void put(const char *run, const char *name, const char *text)
{
    error err;
    char *home = text_format("%s/%s", directory, run), *file = text_format("%s/%s", home, name);
    CHECK_OK(file_make_directory(home, &err));
    CHECK_OK(file_write(file, text, strlen(text), &err));
    free(file);
    free(home);
}

static void test_evaluation(void **state)
{
    (void)state;
    run_store *store = open_store();
    begin(store, "evaluated");
    put("evaluated", "validation.json",
        "{\"set\":\"validation\",\"images\":4,\"undecided\":1," CLASSES ",\"coarse\":[[3]],"
        "\"fine\":[[1,0],[0,2]],\"worst\":[]}");
    json_t *made = report(store, "evaluated");
    assert_string_equal(text_of(json_object_get(made, "evaluation"), "set"), "validation");
    json_decref(made);
    put("evaluated", "test.json", WHOLE);
    made = report(store, "evaluated");
    assert_string_equal(text_of(json_object_get(made, "evaluation"), "set"), "test");
    json_decref(made);
    run_store_close(store);
}

/* The run is shown without its evaluation. */
static void expect_fault(run_store *store, const char *message)
{
    json_t *made = report(store, "damaged");
    assert_true(json_is_null(json_object_get(made, "evaluation")));
    const char *fault = text_of(made, "fault");
    if (!strstr(fault, "/damaged/test.json: is damaged: ") || !strstr(fault, message) ||
        !strstr(fault, "remove the file"))
        fail_msg("expected '%s', got \"%s\"", message, fault);
    json_decref(made);
}

#define COUNTS(coarse) CLASSES ",\"coarse\":" #coarse ",\"fine\":[[1,0],[0,1]],\"worst\":[]"

static void test_damaged_evaluation(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"", "line 1"},
        {"{\"set\":\"test\"", "line 1"},
        {"[]", "expected a JSON object"},
        {"{}", "set is not"},
        {"{\"set\":\"test\",\"coarse_classes\":[]}", "coarse_classes is not"},
        {"{\"set\":\"test\",\"coarse_classes\":[\"a\"],\"fine_classes\":[1]}", "fine_classes is"},
        {"{\"set\":\"test\",\"coarse_classes\":[\"a\"],\"fine_classes\":[\"b\"],\"parents\":[1]}",
         "parents is not"},
        {"{\"set\":\"test\"," CLASSES ",\"coarse\":[[1,2]]}", "coarse is not"},
        {"{\"set\":\"test\"," CLASSES ",\"coarse\":null,\"fine\":[[1,0]]}", "fine is not"},
        {"{\"set\":\"test\"," CLASSES ",\"coarse\":null,\"fine\":[[1,0],[0,-1]]}", "fine is not"},
        {"{\"set\":\"test\"," CLASSES ",\"coarse\":null,\"fine\":[[1,0],[0,1]],\"worst\":[{"
         "\"image\":\"x\",\"label\":2,\"answer\":0,\"picture\":null}]}",
         "worst is not"},
        {"{\"set\":\"test\"," COUNTS(null) "}", "images is not"},
        {"{\"set\":\"test\",\"images\":2," COUNTS(null) "}", "undecided is not"},
        {"{\"set\":\"test\",\"images\":2,\"undecided\":1," COUNTS(null) "}", "do not add up"},
        {"{\"set\":\"test\",\"images\":2,\"undecided\":0," COUNTS([[3]]) "}", "do not add up"},
    };
    run_store *store = open_store();
    begin(store, "damaged");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        put("damaged", "test.json", bad[i].text);
        expect_fault(store, bad[i].message);
    }
    run_store_close(store);
}

/* A file that has its checksum: no digit in it can change unnoticed, and no space can be added. */
static void test_changed_evaluation(void **state)
{
    (void)state;
    error err;
    unsigned char *text;
    size_t size;
    json_t *evaluation;
    run_store *store = open_store();
    begin(store, "damaged");
    put("damaged", "test.json", "");
    char *run = text_format("%s/damaged", directory), *file = text_format("%s/test.json", run);
    CHECK_OK(json_write_checked(file, json_loads(WHOLE, 0, NULL), 0, &err));
    CHECK_OK(file_read(file, 1 << 20, &text, &size, &err));
    CHECK_OK(report_evaluation_read(run, &evaluation, &err));
    json_t *whole = json_loads(WHOLE, 0, NULL);
    assert_true(json_equal(evaluation, whole));
    json_decref(evaluation);
    json_decref(whole);
    for (size_t i = 0; i < size; i++) {
        unsigned char kept = text[i];
        if (!isdigit(kept) || strncmp((char *)text + i, "32c", 3) == 0 ||
            text[i + 1] == 'c') /* the key */
            continue;
        text[i] = kept == '1' ? '2' : '1';
        put("damaged", "test.json", (char *)text);
        expect_fault(store, "");
        text[i] = kept;
    }
    char *spaced = text_format("{ %s", text + 1);
    put("damaged", "test.json", spaced);
    expect_fault(store, "its checksum does not match");
    free(spaced);
    free(text);
    free(file);
    free(run);
    run_store_close(store);
}

/* ---- The page ---- */

static char *write_page(json_t *document, int refresh)
{
    error err;
    unsigned char *text;
    size_t size;
    char *page = text_format("%s/page.html", directory);
    CHECK_OK(report_write(page, document, refresh, &err));
    CHECK_OK(file_read(page, 1 << 24, &text, &size, &err));
    assert_int_equal(strlen((char *)text), size);
    json_decref(document);
    free(page);
    return (char *)text;
}

static void test_escaping(void **state)
{
    (void)state;
    static const char name[] = "</script><!-- & \xe2\x80\xa8\xe2\x80\xa9 \xc3\xa9 \"";
    char *page = write_page(
        json_pack("{s:s, s:[{s:s}], s:n}", "title", "<b>&", "runs", "name", name, "sweep"), 0);
    assert_non_null(strstr(page, "<title>&lt;b&gt;&amp;</title>"));
    assert_null(strstr(page, "http-equiv=\"refresh\""));
    const char *document = strstr(page, "id=\"document\">");
    assert_non_null(document);
    document += strlen("id=\"document\">");
    const char *end = strstr(document, "</script>");
    assert_non_null(end);
    for (const char *at = document; at < end; at++)
        assert_true(*at != '<' && *at != '>' && *at != '&' && (unsigned char)*at < 0x80);
    json_t *read = json_loadb(document, (size_t)(end - document), 0, NULL);
    assert_non_null(read);
    assert_string_equal(text_of(json_array_get(json_object_get(read, "runs"), 0), "name"), name);
    json_decref(read);
    free(page);
}

static void test_refresh(void **state)
{
    (void)state;
    char *page = write_page(json_pack("{s:s, s:[], s:n}", "title", "x", "runs", "sweep"), 7);
    assert_non_null(strstr(page, "<meta http-equiv=\"refresh\" content=\"7\">"));
    assert_non_null(strstr(page, "content=\"default-src 'none'; script-src 'sha256-"));
    free(page);
}

static void test_unwritable(void **state)
{
    (void)state;
    error err;
    json_t *document = json_pack("{s:s}", "title", "x");
    CHECK_FAILS(STATUS_FAILED, "no-such-directory/r.html",
                report_write("no-such-directory/r.html", document, 0, &err));
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_report_of_a_run),
        cmocka_unit_test(test_thinning),
        cmocka_unit_test(test_evaluation),
        cmocka_unit_test(test_damaged_evaluation),
        cmocka_unit_test(test_changed_evaluation),
        cmocka_unit_test(test_escaping),
        cmocka_unit_test(test_refresh),
        cmocka_unit_test(test_unwritable),
    };
    return cmocka_run_group_tests_name("report", tests, set_up, support_files_tear_down);
}
