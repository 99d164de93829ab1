/* SPDX-License-Identifier: Apache-2.0 */
/* summary.c: the document of a sweep, from trials made up here. */
#include "check.h"
#include "support.h"
#include "sweep/summary.h"
#include "track/metric_lines.h"
#include "train/train_options.h"

#include <math.h>

static const char *path;

static int set_up(void **state)
{
    int result = support_files_set_up(state, "runs.db");
    path = ((const support_files *)*state)->path;
    return result;
}

static void log_run(run_store *runs, const char *name, double value)
{
    error err;
    int64_t run;
    json_t *empty = json_object();
    const run_beginning what = {.name = name, .config = empty, .summary = empty, .at = 1};
    const run_metric metric = {"validation/fine_top1", 1, value};
    CHECK_OK(run_store_begin(runs, &what, &run, &err));
    CHECK_OK(run_store_log(runs, run, &metric, 1, &err));
    json_decref(empty);
}

/* The summary, as JSON, of the first `trials` trials of a grid with these objectives and states. */
static json_t *summarise(const char *text, const words *extra, const double *objectives,
                         const enum sweep_trial_state *states, int trials)
{
    error err;
    run_store *runs;
    sweep_store store;
    sweep_file file;
    sampler_advice advice;
    bool flag;
    int number;
    json_t *summary;
    CHECK_OK(sweep_file_read("s.yaml", text, train_rows, metric_names, &file, &err));
    CHECK_OK(run_store_open(path, true, NULL, &runs, &err));
    const sweep_terms terms = {file.name, file.text, extra, 3};
    CHECK_OK(sweep_store_open(runs, &terms, &store, &flag, &err));
    for (int i = 0; i < trials; i++) {
        char *run = sweep_run_name(file.name, i + 1);
        CHECK_OK(sweep_store_claim(&store, &file, 0, &number, &advice, &err));
        log_run(runs, run, objectives[i]);
        CHECK_OK(sweep_store_settle(&store, number, states[i],
                                    states[i] == SWEEP_TRIAL_FAILED ? "why" : NULL, &err));
        free(run);
    }
    CHECK_OK(summary_create(&store, &file, extra, &summary, &err));
    sweep_file_free(&file);
    run_store_close(runs);
    return summary;
}

static const char grid[] =
    "method: grid\n"
    "metric: {name: validation/fine_top1, goal: maximize}\n"
    "parameters:\n"
    "  lr: {distribution: q_log_uniform_values, min: 0.1, max: 0.2, q: 0.1}\n"
    "  batch_size: {values: [8, 16]}\n"
    "  seed: {value: 7}\n";

static void test_document(void **state)
{
    (void)state;
    const double objectives[] = {0.5, 0.75, 0.875, NAN};
    const enum sweep_trial_state states[] = {SWEEP_TRIAL_FINISHED, SWEEP_TRIAL_EARLY,
                                             SWEEP_TRIAL_FAILED, SWEEP_TRIAL_RUNNING};
    const words none = {0};
    json_t *got = summarise(grid, &none, objectives, states, 4);
    json_t *want = json_loads(
        "{\"name\":\"s\",\"method\":\"grid\",\"metric\":\"validation/fine_top1\","
        "\"goal\":\"maximize\",\"parameters\":["
        "{\"name\":\"lr\",\"log\":true,\"values\":null},"
        "{\"name\":\"batch_size\",\"log\":false,\"values\":[\"8\",\"16\"]},"
        "{\"name\":\"seed\",\"log\":false,\"values\":[\"7\"]}],"
        "\"trials\":["
        "{\"number\":1,\"run\":\"s-001\",\"state\":\"finished\",\"message\":null,"
        "\"objective\":0.5,\"parameters\":{\"lr\":\"0.1\",\"batch_size\":\"8\",\"seed\":\"7\"}},"
        "{\"number\":2,\"run\":\"s-002\",\"state\":\"ended early\",\"message\":null,"
        "\"objective\":0.75,\"parameters\":{\"lr\":\"0.1\",\"batch_size\":\"16\",\"seed\":\"7\"}},"
        "{\"number\":3,\"run\":\"s-003\",\"state\":\"failed\",\"message\":\"why\","
        "\"objective\":0.875,\"parameters\":{\"lr\":\"0.2\",\"batch_size\":\"8\",\"seed\":\"7\"}},"
        "{\"number\":4,\"run\":\"s-004\",\"state\":\"running\",\"message\":null,"
        "\"objective\":null,\"parameters\":{\"lr\":\"0.2\",\"batch_size\":\"16\",\"seed\":\"7\"}}],"
        "\"damaged\":0,\"importance\":["
        "{\"name\":\"lr\",\"correlation\":null,\"share\":null},"
        "{\"name\":\"batch_size\",\"correlation\":null,\"share\":null},"
        "{\"name\":\"seed\",\"correlation\":null,\"share\":null}],"
        "\"best\":{\"run\":\"s-002\",\"objective\":0.75,"
        "\"command\":\"hcnn-cl train --lr=0.1 --batch-size=16 --seed=7\"}}",
        0, NULL);
    assert_non_null(want);
    char *text = json_dumps(got, JSON_SORT_KEYS), *wanted = json_dumps(want, JSON_SORT_KEYS);
    assert_string_equal(text, wanted);
    free(text);
    free(wanted);
    json_decref(got);
    json_decref(want);
}

static void test_nothing_yet(void **state)
{
    (void)state;
    const words none = {0};
    json_t *got = summarise(grid, &none, NULL, NULL, 0);
    assert_int_equal(json_array_size(json_object_get(got, "trials")), 0);
    assert_true(json_is_null(json_object_get(got, "best")));
    assert_int_equal(json_array_size(json_object_get(got, "importance")), 3);
    json_decref(got);
}

/* A shell splits the command of the best run into exactly the original words. */
static void test_quoting(void **state)
{
    (void)state;
    char *texts[] = {"--data=a b", "it's",        "say \"so\"", "two\nlines", "$HOME `x` \\ *",
                     "",           "\xc3\xa4;&|", "~",          "#no"};
    const words extra = {texts, sizeof texts / sizeof texts[0]};
    const double objective = 0.5;
    const enum sweep_trial_state finished = SWEEP_TRIAL_FINISHED;
    json_t *got = summarise(grid, &extra, &objective, &finished, 1);
    const char *command =
        json_string_value(json_object_get(json_object_get(got, "best"), "command"));
    assert_non_null(command);
    assert_memory_equal(command, "hcnn-cl train ", 14);
    for (size_t i = 0; i < extra.count; i++) {
        char script[2048], said[256];
        snprintf(script, sizeof script, "set -- %s; shift %zu; printf %%s \"$1\"", command, i + 2);
        FILE *shell = popen(script, "r");
        assert_non_null(shell);
        size_t size = fread(said, 1, sizeof said - 1, shell);
        said[size] = '\0';
        assert_int_equal(pclose(shell), 0);
        assert_string_equal(said, texts[i]);
    }
    json_decref(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_document, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_yet, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_quoting, set_up, support_files_tear_down),
    };
    return cmocka_run_group_tests_name("summary", tests, NULL, NULL);
}
