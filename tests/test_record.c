/* SPDX-License-Identifier: Apache-2.0 */
/* record.c: records a run from its directory alone: whole, damaged or cut. */
#include "base/file.h"
#include "base/text.h"
#include "check.h"
#include "support.h"
#include "track/database.h"
#include "track/record.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

/* The run's directory is DIRECTORY/run. */
static const char *directory;
static char *run;

static const char lines[] =
    "{\"step\":1,\"loss\":4,\"lr\":0.5}\n"
    "{\"step\":2,\"loss\":2,\"lr\":0.5}\n"
    "{\"epoch\":1,\"steps\":2,\"lr\":0.5,\"best\":true,\"validation\":{\"loss\":null}}\n";
static const char last_line[] = "{\"best_epoch\":1,\"test_whole\":{\"images\":4,\"loss\":3}}\n";

static int set_up(void **state)
{
    error err;
    int result = support_files_set_up(state, "runs.db");
    const support_files *files = *state;
    directory = files->directory;
    run = text_format("%s/run", directory);
    CHECK_OK(file_make_directory(run, &err));
    return result;
}

static int tear_down(void **state)
{
    free(run);
    return support_files_tear_down(state);
}

static void put(const char *name, const char *text)
{
    error err;
    char *path = text_format("%s/%s", directory, name);
    CHECK_OK(file_write(path, text, strlen(text), &err));
    free(path);
}

static void record_whole(void)
{
    error err;
    char *path;
    CHECK_OK(record_run(run, NULL, &path, &err));
    assert_non_null(strstr(path, "/runs.db"));
    free(path);
}

static void expect_failure(const char *text)
{
    error err;
    char *path = run;
    CHECK_FAILS(STATUS_FAILED, text, record_run(run, NULL, &path, &err));
    assert_null(path);
}

static run_store *open_store(void)
{
    error err;
    run_store *store;
    char *path = text_format("%s/runs.db", directory);
    CHECK_OK(run_store_open(path, false, NULL, &store, &err));
    free(path);
    return store;
}

/* Checks the record's state and the number of values of the loss. */
static void expect_run(enum run_state state, size_t steps)
{
    error err;
    run_record r;
    run_series series;
    run_store *store = open_store();
    CHECK_OK(run_store_find(store, "run", &r, &err));
    assert_int_equal(r.state, state);
    assert_string_equal(json_string_value(json_object_get(r.config, "backbone")), "tiny");
    CHECK_OK(run_store_series(store, r.id, "loss", &series, &err));
    assert_int_equal(series.count, steps);
    for (size_t i = 0; i < steps; i++)
        assert_true(series.steps[i] == i + 1 && series.values[i] == (i == 0 ? 4 : 2));
    run_series_free(&series);
    run_record_free(&r);
    run_store_close(store);
}

/* ---- Whole runs ---- */

static void test_stopped(void **state)
{
    (void)state;
    error err;
    run_store *store;
    run_series series;
    int64_t id;
    put("run/config.json", "{\"backbone\":\"tiny\"}");
    put("run/metrics.jsonl", lines);
    record_whole();
    expect_run(RUN_STOPPED, 2);
    store = open_store();
    CHECK_OK(run_store_id(store, "run", &id, &err));
    CHECK_OK(run_store_series(store, id, "validation/loss", &series, &err));
    assert_int_equal(series.count, 1);
    assert_int_equal(series.steps[0], 2);
    assert_true(isnan(series.values[0]));
    run_series_free(&series);
    run_store_close(store);
}

/* Recorded twice: the second time, the run has finished. */
static void test_finished(void **state)
{
    (void)state;
    error err;
    words files = {0};
    int64_t id;
    put("run/config.json", "{\"backbone\":\"tiny\"}");
    put("run/metrics.jsonl", lines);
    put("run/best.safetensors", "");
    put("run/events.out.tfevents.1.host.2.0", "");
    record_whole();
    char *text = text_format("%s%s", lines, last_line);
    put("run/metrics.jsonl", text);
    free(text);
    record_whole();
    expect_run(RUN_FINISHED, 2);
    run_store *store = open_store();
    CHECK_OK(run_store_id(store, "run", &id, &err));
    CHECK_OK(database_each(&store->db, database_take_word, &files, &err,
                           "SELECT file || ' ' || kind FROM artifacts WHERE run = ? ORDER BY file",
                           "i", id));
    assert_int_equal(files.count, 4);
    assert_string_equal(files.texts[0], "best.safetensors checkpoint");
    assert_string_equal(files.texts[2], "events.out.tfevents.1.host.2.0 events");
    assert_string_equal(files.texts[3], "metrics.jsonl metrics");
    words_free(&files);
    run_store_close(store);
}

/* The run was resumed while its store could not be written: its old test result is no longer one.
 */
static void test_resumed_unseen(void **state)
{
    (void)state;
    error err;
    int64_t id;
    run_series series;
    put("run/config.json", "{\"backbone\":\"tiny\"}");
    char *text = text_format("%s%s", lines, last_line);
    put("run/metrics.jsonl", text);
    record_whole();
    free(text);
    text = text_format("%s{\"step\":3,\"loss\":1}\n%s", lines, last_line);
    put("run/metrics.jsonl", text);
    record_whole();
    free(text);
    run_store *store = open_store();
    CHECK_OK(run_store_id(store, "run", &id, &err));
    CHECK_OK(run_store_series(store, id, "test/loss", &series, &err));
    assert_int_equal(series.count, 1);
    assert_int_equal(series.steps[0], 3);
    run_series_free(&series);
    run_store_close(store);
}

/* The run's name is that of its directory, however the path is written. */
static void test_path(void **state)
{
    (void)state;
    error err;
    char *path, *slashes = text_format("%s/../run//", run);
    put("run/config.json", "{\"backbone\":\"tiny\"}");
    put("run/metrics.jsonl", lines);
    CHECK_OK(record_run(slashes, NULL, &path, &err));
    free(path);
    free(slashes);
    expect_run(RUN_STOPPED, 2);
}

static void test_metrics_elsewhere(void **state)
{
    (void)state;
    char *config =
        text_format("{\"backbone\":\"tiny\",\"metrics\":\"%s/elsewhere.jsonl\"}", directory);
    put("run/config.json", config);
    free(config);
    put("run/metrics.jsonl", "not this one");
    put("elsewhere.jsonl", lines);
    record_whole();
    expect_run(RUN_STOPPED, 2);
}

/* Metrics that were written to a device or a pipe cannot be read back. */
static void test_metrics_in_a_device(void **state)
{
    (void)state;
    put("run/config.json", "{\"backbone\":\"tiny\",\"metrics\":\"/dev/null\"}");
    record_whole();
    expect_run(RUN_STOPPED, 0);
}

/* ---- Damage ---- */

/* A kill left half a line. */
static void test_cut(void **state)
{
    (void)state;
    put("run/config.json", "{\"backbone\":\"tiny\"}");
    char *text = text_format("%s%.*s", lines, 20, last_line);
    put("run/metrics.jsonl", text);
    free(text);
    record_whole();
    expect_run(RUN_STOPPED, 2);
}

/* Recorded from a metrics file that has less than the record of the same run, or nothing. */
static void test_record_has_more(void **state)
{
    (void)state;
    error err;
    put("run/config.json", "{\"backbone\":\"tiny\"}");
    char *text = text_format("%s%s", lines, last_line),
         *metrics = text_format("%s/metrics.jsonl", run);
    put("run/metrics.jsonl", text);
    record_whole();
    expect_run(RUN_FINISHED, 2);
    put("run/metrics.jsonl", "{\"step\":1,\"loss\":4}\n");
    record_whole();
    expect_run(RUN_FINISHED, 2);
    put("run/metrics.jsonl", "");
    record_whole();
    expect_run(RUN_FINISHED, 2);
    assert_int_equal(unlink(metrics), 0);
    assert_int_equal(mkfifo(metrics, 0600), 0);
    record_whole();
    expect_run(RUN_FINISHED, 2);
    assert_int_equal(unlink(metrics), 0);
    CHECK_OK(file_make_directory(metrics, &err));
    record_whole();
    expect_run(RUN_FINISHED, 2);
    assert_int_equal(rmdir(metrics), 0);
    /* Another run with this name replaces the record. */
    put("run/config.json", "{\"backbone\":\"tiny\",\"lr\":1}");
    put("run/metrics.jsonl", "");
    record_whole();
    expect_run(RUN_STOPPED, 0);
    free(metrics);
    free(text);
}

/* What only training knows stays: the device, and why the run failed. */
static void test_record_of_training(void **state)
{
    (void)state;
    error err;
    run_record r;
    char *path = text_format("%s/runs.db", directory);
    json_t *config = json_pack("{s:s}", "backbone", "tiny"), *summary = json_object();
    run_store *store;
    int64_t id;
    const run_beginning what = {
        .name = "run", .device = "a device", .config = config, .summary = summary, .at = 1.5e9};
    CHECK_OK(run_store_open(path, true, NULL, &store, &err));
    CHECK_OK(run_store_begin(store, &what, &id, &err));
    CHECK_OK(run_store_end(store, id, RUN_FAILED, "the disk is full", 1.6e9, &err));
    put("run/config.json", "{\"backbone\":\"tiny\"}");
    put("run/metrics.jsonl", lines);
    record_whole();
    expect_run(RUN_FAILED, 2);
    CHECK_OK(run_store_find(store, "run", &r, &err));
    assert_int_equal(r.id, id);
    assert_string_equal(r.device, "a device");
    assert_string_equal(r.message, "the disk is full");
    assert_true(r.started == 1.5e9 && r.ended == 1.6e9);
    run_record_free(&r);
    /* If the record cannot be read, what it logged stays. */
    CHECK_OK(database_run(&store->db, &err, "UPDATE runs SET summary = '?', state = '?'", ""));
    put("run/metrics.jsonl", "");
    record_whole();
    expect_run(RUN_STOPPED, 2);
    run_store_close(store);
    json_decref(summary);
    json_decref(config);
    free(path);
}

static void test_damaged_metrics(void **state)
{
    (void)state;
    put("run/config.json", "{\"backbone\":\"tiny\"}");
    expect_failure("run/metrics.jsonl: cannot be read");
    put("run/metrics.jsonl", "{\"step\":1,\"loss\":4}\n{\"step\":2,\n");
    expect_failure("run/metrics.jsonl: line 2: not a metrics line: ");
    put("run/metrics.jsonl", "{}\n\n{}\n");
    expect_failure("run/metrics.jsonl: line 2: not a metrics line: ");
    put("run/metrics.jsonl", "[1]\n");
    expect_failure("run/metrics.jsonl: line 1: not a metrics line: expected a JSON object");
}

static void test_long_line(void **state)
{
    (void)state;
    enum { LONG = 1 << 20 };
    char *text = support_memory(LONG + 2, 1);
    memset(text, ' ', LONG);
    text[LONG] = '\n';
    put("run/config.json", "{\"backbone\":\"tiny\"}");
    put("run/metrics.jsonl", text);
    free(text);
    expect_failure("run/metrics.jsonl: line 1: is too long for a metrics line");
}

static void test_damaged_config(void **state)
{
    (void)state;
    put("run/metrics.jsonl", lines);
    expect_failure("run/config.json: cannot be opened");
    char *pipe = text_format("%s/config.json", run);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    expect_failure("run/config.json: "); /* and does not wait */
    assert_int_equal(unlink(pipe), 0);
    free(pipe);
    put("run/config.json", "{\"backbone\":");
    expect_failure("run/config.json: is not the configuration of a run: ");
    put("run/config.json", "[]");
    expect_failure("run/config.json: is not the configuration of a run: expected a JSON object");
    char *store = text_format("%s/runs.db", directory);
    assert_false(file_exists(store)); /* nothing was recorded */
    free(store);
}

/* If recording fails, the existing record stays. */
static void test_failure_keeps_the_record(void **state)
{
    (void)state;
    put("run/config.json", "{\"backbone\":\"tiny\"}");
    put("run/metrics.jsonl", lines);
    record_whole();
    put("run/metrics.jsonl", "{\"step\":1,\"loss\":4}\n{\n");
    expect_failure("line 2");
    expect_run(RUN_STOPPED, 2);
}

static void test_locked(void **state)
{
    (void)state;
    error err;
    int lock;
    put("run/config.json", "{\"backbone\":\"tiny\"}");
    put("run/metrics.jsonl", lines);
    CHECK_OK(file_lock(run, &lock, &err));
    expect_failure("another hcnn-cl is working in it");
    file_unlock(lock);
    record_whole();
}

static void test_no_directory(void **state)
{
    (void)state;
    assert_int_equal(rmdir(run), 0);
    expect_failure("run: cannot be opened: ");
    error err;
    CHECK_OK(file_make_directory(run, &err)); /* for the next test */
}

#define record_test(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        record_test(test_stopped),
        record_test(test_finished),
        record_test(test_resumed_unseen),
        record_test(test_path),
        record_test(test_metrics_elsewhere),
        record_test(test_metrics_in_a_device),
        record_test(test_cut),
        record_test(test_record_has_more),
        record_test(test_record_of_training),
        record_test(test_damaged_metrics),
        record_test(test_long_line),
        record_test(test_damaged_config),
        record_test(test_failure_keeps_the_record),
        record_test(test_locked),
        record_test(test_no_directory),
    };
    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
