/* SPDX-License-Identifier: Apache-2.0 */
/* The state of sweeps: starting and joining one, points claimed by several agents at once, and
 * damage. */
#include "base/file.h"
#include "base/text.h"
#include "check.h"
#include "support.h"
#include "sweep/sweep_store.h"
#include "track/database.h"
#include "track/metric_lines.h"
#include "train/train_options.h"

#include <math.h>
#include <pthread.h>

static const char *path;

static const char text[] = "method: random\n"
                           "metric: {name: validation/loss}\n"
                           "parameters:\n"
                           "  lr: {min: 0.001, max: 0.1}\n"
                           "  batch_size: {values: [8, 16]}\n";

static int set_up(void **state)
{
    int result = support_files_set_up(state, "runs.db");
    path = ((const support_files *)*state)->path;
    return result;
}

/* The view of one agent. */
typedef struct agent {
    run_store *runs;
    sweep_store store;
    sweep_file file;
} agent;

static agent begin(const char *file_text, bool expect_joined)
{
    error err;
    bool joined;
    agent a;
    const words none = {0};
    CHECK_OK(sweep_file_read("s.yaml", file_text, train_rows, metric_names, &a.file, &err));
    CHECK_OK(run_store_open(path, true, NULL, &a.runs, &err));
    const sweep_terms terms = {a.file.name, a.file.text, &none, 3};
    CHECK_OK(sweep_store_open(a.runs, &terms, &a.store, &joined, &err));
    assert_int_equal(joined, expect_joined);
    return a;
}

static void end(agent *a)
{
    sweep_file_free(&a->file);
    run_store_close(a->runs);
}

static int claim(agent *a, int most)
{
    error err;
    int number;
    sampler_advice advice;
    CHECK_OK(sweep_store_claim(&a->store, &a->file, most, &number, &advice, &err));
    assert_false(advice.exhausted);
    return number;
}

static void change(agent *a, const char *sql)
{
    error err;
    CHECK_OK(database_run(&a->runs->db, &err, sql, ""));
}

/* Takes over the config. */
static void log_run_with(agent *a, const char *name, json_t *config, const double *values,
                         size_t count)
{
    error err;
    int64_t run;
    json_t *empty = json_object();
    const run_beginning what = {
        .name = name, .config = config, .summary = empty, .at = 1, .version = "1"};
    CHECK_OK(run_store_begin(a->runs, &what, &run, &err));
    for (size_t i = 0; i < count; i++) {
        const run_metric metric = {"validation/loss", i + 1, values[i]};
        CHECK_OK(run_store_log(a->runs, run, &metric, 1, &err));
    }
    json_decref(empty);
    json_decref(config);
}

static void log_run(agent *a, const char *name, const double *values, size_t count)
{
    log_run_with(a, name, json_object(), values, count);
}

static void test_begin_and_join(void **state)
{
    (void)state;
    error err;
    bool joined;
    agent a = begin(text, false), b = begin(text, true);
    assert_int_equal(a.store.id, b.store.id);
    char *word = "--epochs=1";
    const words none = {0}, one = {&word, 1};
    sweep_store refused;
    sweep_terms terms = {"s", "method: grid", &none, 3};
    CHECK_FAILS(STATUS_USAGE, "s was started with another file",
                sweep_store_open(a.runs, &terms, &refused, &joined, &err));
    terms = (sweep_terms){"s", text, &one, 3};
    CHECK_FAILS(STATUS_USAGE, "other words",
                sweep_store_open(a.runs, &terms, &refused, &joined, &err));
    terms = (sweep_terms){"s", text, &none, 4};
    CHECK_FAILS(STATUS_USAGE, "another --seed",
                sweep_store_open(a.runs, &terms, &refused, &joined, &err));
    terms = (sweep_terms){"t", text, &one, UINT64_MAX};
    CHECK_OK(sweep_store_open(a.runs, &terms, &refused, &joined, &err));
    assert_false(joined);
    word = "--data=\xff";
    terms.name = "u";
    CHECK_FAILS(STATUS_USAGE, "the word '--data=\xff' for the runs is not UTF-8",
                sweep_store_open(a.runs, &terms, &refused, &joined, &err));
    end(&b);
    end(&a);
}

static void test_find(void **state)
{
    (void)state;
    error err;
    agent a = begin(text, false);
    char *found_text, *word = "--data=a b";
    const words one = {&word, 1};
    words extra;
    sweep_store found;
    bool joined;
    sweep_terms terms = {"t", text, &one, UINT64_MAX};
    CHECK_OK(sweep_store_open(a.runs, &terms, &found, &joined, &err));
    CHECK_OK(sweep_store_find(a.runs, "t", &found, &found_text, &extra, &err));
    assert_string_equal(found_text, text);
    assert_true(found.seed == UINT64_MAX);
    assert_int_equal(extra.count, 1);
    assert_string_equal(extra.texts[0], word);
    free(found_text);
    words_free(&extra);
    terms.name = "b";
    CHECK_OK(sweep_store_open(a.runs, &terms, &found, &joined, &err));
    CHECK_FAILS(STATUS_FAILED, "the store does not have a sweep u; its sweeps are b, s, t",
                sweep_store_find(a.runs, "u", &found, &found_text, &extra, &err));
    change(&a, "UPDATE sweeps SET extra = '[3]' WHERE name = 't'");
    CHECK_FAILS(STATUS_FAILED, "words for its runs are damaged",
                sweep_store_find(a.runs, "t", &found, &found_text, &extra, &err));
    assert_null(found_text);
    end(&a);
}

/* ---- Claiming ---- */

enum { THREADS = 6, EACH = 8 };

/* An agent in a thread. Checks cannot fail there, so it records the numbers it gets, or -1 after a
 * failure. */
typedef struct worker {
    agent view;
    int taken[EACH];
    pthread_t thread;
} worker;

static void *claim_several(void *context)
{
    worker *w = context;
    error err;
    sampler_advice advice;
    for (int i = 0; i < EACH; i++)
        if (sweep_store_claim(&w->view.store, &w->view.file, 0, &w->taken[i], &advice, &err) !=
            STATUS_OK)
            w->taken[i] = -1;
    return NULL;
}

static void test_numbers_are_unique(void **state)
{
    (void)state;
    static worker workers[THREADS];
    int times[THREADS * EACH + 1] = {0};
    agent a = begin(text, false);
    for (int i = 0; i < THREADS; i++)
        workers[i].view = begin(text, true);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&workers[i].thread, NULL, claim_several, &workers[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
    for (int i = 0; i < THREADS; i++) {
        for (int k = 0; k < EACH; k++) {
            assert_in_range(workers[i].taken[k], 1, THREADS * EACH);
            assert_int_equal(times[workers[i].taken[k]]++, 0);
        }
        end(&workers[i].view);
    }
    assert_int_equal(claim(&a, THREADS * EACH), 0); /* no more than `most` */
    assert_int_equal(claim(&a, THREADS * EACH + 1), THREADS * EACH + 1);
    end(&a);
}

/* A run that has the trial's name but was not started by the sweep does not count as the trial's
 * run. */
static void test_foreign_run(void **state)
{
    (void)state;
    error err;
    int number;
    sampler_advice advice;
    agent a = begin(text, false);
    log_run(&a, "s-001", NULL, 0);
    CHECK_FAILS(STATUS_FAILED, "s-001: already exists",
                sweep_store_claim(&a.store, &a.file, 0, &number, &advice, &err));
    sweep_trials trials = {0};
    CHECK_OK(sweep_store_update(&a.store, &a.file, &trials, &err));
    assert_int_equal(trials.count, 0);
    end(&a);
}

/* A trial is owned by the process that claimed it. After that process is gone, exactly one other
 * can adopt it. */
static void test_adopt(void **state)
{
    (void)state;
    error err;
    bool taken;
    sweep_trials trials = {0};
    agent a = begin(text, false);
    claim(&a, 0);
    claim(&a, 0);
    CHECK_OK(sweep_store_adopt(&a.store, 1, &taken, &err));
    assert_false(taken);
    change(&a, "UPDATE trials SET began = '1' WHERE number = 1");
    change(&a, "UPDATE trials SET process = 0 WHERE number = 2");
    CHECK_OK(sweep_store_update(&a.store, &a.file, &trials, &err));
    assert_false(trials.trials[0].owned || trials.trials[1].owned);
    assert_false(trials.trials[0].mine || trials.trials[1].mine);
    sweep_trials_free(&trials);
    for (int number = 1; number <= 2; number++) {
        CHECK_OK(sweep_store_adopt(&a.store, number, &taken, &err));
        assert_true(taken);
        CHECK_OK(sweep_store_adopt(&a.store, number, &taken, &err));
        assert_false(taken);
    }
    change(&a, "UPDATE trials SET began = '1'");
    CHECK_OK(sweep_store_settle(&a.store, 1, SWEEP_TRIAL_FINISHED, NULL, &err));
    CHECK_OK(sweep_store_adopt(&a.store, 1, &taken, &err));
    assert_false(taken); /* it has ended */
    end(&a);
}

/* A trial owned by another living process is not this process's. */
static void test_mine(void **state)
{
    (void)state;
    error err;
    bool taken;
    sweep_trials trials = {0};
    agent a = begin(text, false);
    claim(&a, 0);
    claim(&a, 0);
    change(&a, "UPDATE trials SET process = 1, began = '' WHERE number = 2");
    CHECK_OK(sweep_store_update(&a.store, &a.file, &trials, &err));
    assert_true(trials.trials[0].owned && trials.trials[0].mine);
    assert_true(trials.trials[1].owned && !trials.trials[1].mine);
    CHECK_OK(sweep_store_adopt(&a.store, 2, &taken, &err));
    assert_false(taken);
    sweep_trials_free(&trials);
    end(&a);
}

/* ---- Histories ---- */

static void check_history(const char *goal, double first, double objective, double latest)
{
    error err;
    char whole[512];
    sweep_trials trials = {0};
    const double values[] = {3, NAN, 1, 2};
    snprintf(whole, sizeof whole,
             "name: %s\nmethod: random\nmetric: {name: validation/loss, goal: %s}\n"
             "parameters: {lr: {min: 0.1, max: 0.2}}\n",
             goal, goal);
    agent a = begin(whole, false);
    char *run = sweep_run_name(goal, 1);
    claim(&a, 0);
    claim(&a, 0);
    claim(&a, 0);
    log_run(&a, run, values, 4);
    free(run);
    run = sweep_run_name(goal, 2);
    log_run(&a, run, values + 1, 1);
    free(run);
    CHECK_OK(sweep_store_settle(&a.store, 1, SWEEP_TRIAL_EARLY, "hyperband", &err));
    CHECK_OK(sweep_store_update(&a.store, &a.file, &trials, &err));
    assert_int_equal(trials.count, 3);
    const sweep_trial *t = &trials.trials[0];
    assert_int_equal(t->history_count, 4);
    assert_true(t->history[0] == first && isnan(t->history[1]));
    assert_true(t->has_objective && t->objective == objective);
    assert_string_equal(t->message, "hyperband");
    assert_int_equal(t[1].history_count, 1);
    assert_false(t[1].has_objective || t[2].has_objective);
    assert_true(sweep_trial_succeeded(t));
    assert_int_equal(t[2].state, SWEEP_TRIAL_RUNNING);
    assert_true(t->latest == latest && isnan(t[2].latest));
    sweep_trials_free(&trials);
    end(&a);
}

static void test_history(void **state)
{
    (void)state;
    check_history("minimize", 3, 1, 2);
    check_history("maximize", -3, -3, -2);
}

/* A trial that has ended is not read again, a running one is, and one that has just ended is read
 * once more. */
static void test_update(void **state)
{
    (void)state;
    error err;
    sweep_trials trials = {0};
    const double values[] = {3, 2, 1};
    agent a = begin(text, false);
    for (int i = 0; i < 2; i++)
        claim(&a, 0);
    log_run(&a, "s-001", values, 1);
    log_run(&a, "s-002", values, 1);
    CHECK_OK(sweep_store_settle(&a.store, 1, SWEEP_TRIAL_FINISHED, NULL, &err));
    CHECK_OK(sweep_store_update(&a.store, &a.file, &trials, &err));
    log_run(&a, "s-001", values, 3);
    log_run(&a, "s-002", values, 2);
    CHECK_OK(sweep_store_settle(&a.store, 2, SWEEP_TRIAL_FINISHED, NULL, &err));
    CHECK_OK(sweep_store_update(&a.store, &a.file, &trials, &err));
    assert_int_equal(trials.trials[0].history_count, 1);
    assert_int_equal(trials.trials[1].history_count, 2);
    log_run(&a, "s-002", values, 3);
    CHECK_OK(sweep_store_update(&a.store, &a.file, &trials, &err));
    assert_int_equal(trials.trials[1].history_count, 2);
    assert_true(trials.trials[1].has_objective && trials.trials[1].objective == 2);
    CHECK_OK(sweep_store_read_history(&a.store, &a.file, &trials.trials[1], &err));
    assert_true(trials.trials[1].history_count == 3 && trials.trials[1].objective == 1);
    sweep_trials_free(&trials);
    end(&a);
}

/* ---- Damage ---- */

static void test_damaged(void **state)
{
    (void)state;
    static const char *const damages[] = {
        "UPDATE trials SET places = '[0.5' WHERE number = 2",
        "UPDATE trials SET places = '[0.5]' WHERE number = 2",
        "UPDATE trials SET places = '[0.5, \"x\"]' WHERE number = 2",
        "UPDATE trials SET places = '{}' WHERE number = 2",
        "UPDATE trials SET state = 'odd' WHERE number = 2",
        "DELETE FROM trials WHERE number = 1",
        "UPDATE trials SET number = -7 WHERE number = 2",
    };
    error err;
    sweep_trials trials = {0};
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        agent a = begin(text, i > 0);
        change(&a, "DELETE FROM trials");
        claim(&a, 0);
        claim(&a, 0);
        change(&a, damages[i]);
        CHECK_FAILS(STATUS_FAILED, "is damaged in the store of runs",
                    sweep_store_update(&a.store, &a.file, &trials, &err));
        assert_int_equal(trials.count, 0);
        /* A summary shows the others. */
        int lost;
        CHECK_OK(sweep_store_read(&a.store, &a.file, &trials, &lost, &err));
        assert_int_equal(trials.count, 1 + (strstr(damages[i], "-7") != NULL));
        assert_int_equal(
            lost,
            strstr(damages[i], "UPDATE trials SET number") || strstr(damages[i], "DELETE") ? 0 : 1);
        sweep_trials_free(&trials);
        end(&a);
    }
}

/* ---- Methods ---- */

/* Each name selects its method; grid and bayes report when no point is left. */
static void test_methods(void **state)
{
    (void)state;
    static const char *const methods[] = {"grid", "random", "bayes"};
    error err;
    for (int i = 0; i < 3; i++) {
        char whole[256];
        int number;
        sampler_advice advice;
        snprintf(whole, sizeof whole,
                 "name: m%d\nmethod: %s\nmetric: {name: loss}\n"
                 "parameters: {batch_size: {distribution: q_uniform, min: 8, max: 16, q: 4}}\n",
                 i, methods[i]);
        agent a = begin(whole, false);
        for (int k = 1; k <= 3; k++)
            assert_int_equal(claim(&a, 0), k);
        CHECK_OK(sweep_store_claim(&a.store, &a.file, 0, &number, &advice, &err));
        assert_int_equal(advice.exhausted, i != 1);
        assert_int_equal(number, i == 1 ? 4 : 0);
        end(&a);
    }
}

/* ---- Other runs, and other names ---- */

static sweep_trials read_trials(agent *a)
{
    error err;
    int damaged;
    sweep_trials trials;
    CHECK_OK(sweep_store_read(&a->store, &a->file, &trials, &damaged, &err));
    assert_int_equal(damaged, 0);
    return trials;
}

/* What a run logged counts for the trial of its name only if it has the options of the trial. */
static void test_taken_name(void **state)
{
    (void)state;
    static const double value = 2;
    static const char whole[] = "method: grid\n"
                                "metric: {name: validation/loss}\n"
                                "parameters:\n"
                                "  batch_size: {value: 8}\n"
                                "  lr: {value: 0.1}\n"
                                "  only_fine: {value: true}\n"
                                "  seed: {value: 5}\n"
                                "  backbone: {value: tiny}\n"
                                "  data: {value: there}\n"
                                "  precision: {value: auto}\n";
    /* A key of the config, its value, and what is said if the trial has another one. */
    static const struct {
        const char *config, *expected;
    } cases[] = {
        {"{}", NULL},
        {"{\"batch_size\":8,\"lr\":0.1,\"only_fine\":true,\"seed\":\"5\",\"backbone\":\"tiny\","
         "\"data\":\"/home/there\",\"precision\":\"fp32\"}",
         NULL},
        {"{\"batch_size\":8.0,\"lr\":0.100000001,\"data\":null}", NULL},
        {"{\"batch_size\":16}", "its batch_size is 16, not 8"},
        {"{\"lr\":0.25}", "its lr is 0.25, not 0.1"},
        {"{\"only_fine\":false}", "its only_fine is false, not true"},
        {"{\"seed\":\"5000000000000000001\"}", "its seed is 5000000000000000001, not 5"},
        {"{\"seed\":\"6\"}", "its seed is 6, not 5"},
        {"{\"backbone\":\"resnet18\"}", "its backbone is resnet18, not tiny"},
    };
    agent a = begin(whole, false);
    assert_int_equal(claim(&a, 0), 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        log_run_with(&a, "s-001", json_loads(cases[i].config, 0, NULL), &value, 1);
        sweep_trials trials = read_trials(&a);
        const sweep_trial *t = &trials.trials[0];
        assert_int_equal(t->taken, cases[i].expected != NULL);
        assert_int_equal(t->has_objective, cases[i].expected == NULL);
        if (cases[i].expected)
            assert_non_null(strstr(t->message, cases[i].expected));
        else
            assert_null(t->message);
        sweep_trials_free(&trials);
    }
    end(&a);
}

/* Makes the directory of a run, with an event file that its record names. */
static void put_home(agent *a, const char *name, const char *events)
{
    error err;
    int64_t run;
    char *home = text_format("%s/%s", a->runs->directory, name);
    char *file = text_format("%s/%s", home, events);
    CHECK_OK(file_make_directory(home, &err));
    CHECK_OK(file_write(file, "", 0, &err));
    CHECK_OK(run_store_id(a->runs, name, &run, &err));
    CHECK_OK(run_store_add_artifact(a->runs, run, "events", events, &err));
    free(file);
    free(home);
}

static void move(agent *a, const char *from, const char *to)
{
    error err;
    char *old = text_format("%s/%s", a->runs->directory, from);
    char *new = text_format("%s/%s", a->runs->directory, to);
    CHECK_OK(file_rename(old, new, &err));
    free(old);
    free(new);
}

static void resume(agent *a, const char *name)
{
    error err;
    int64_t run;
    json_t *empty = json_object();
    const run_beginning what = {
        .name = name, .config = empty, .summary = empty, .resumed = true, .step = 1};
    CHECK_OK(run_store_begin(a->runs, &what, &run, &err));
    json_decref(empty);
}

/* Trials keep their values when their runs are renamed, also when two change their names. */
static void test_renamed(void **state)
{
    (void)state;
    static const double values[] = {2, 3};
    agent a = begin(text, false);
    for (int i = 0; i < 2; i++) {
        char *name = sweep_run_name("s", claim(&a, 0));
        log_run(&a, name, &values[i], 1);
        put_home(&a, name, i == 0 ? "events.out.tfevents.1" : "events.out.tfevents.2");
        free(name);
    }
    move(&a, "s-001", "aside");
    move(&a, "s-002", "s-001");
    move(&a, "aside", "s-002");
    resume(&a, "s-001");
    sweep_trials trials = read_trials(&a);
    assert_string_equal(trials.trials[0].run, "s-002");
    assert_string_equal(trials.trials[1].run, "s-001");
    assert_true(trials.trials[0].objective == 2 && trials.trials[1].objective == 3);
    sweep_trials_free(&trials);
    move(&a, "s-001", "kept");
    resume(&a, "kept");
    trials = read_trials(&a);
    assert_string_equal(trials.trials[1].run, "kept");
    assert_true(trials.trials[1].objective == 3);
    sweep_trials_free(&trials);
    end(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_begin_and_join, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_find, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_numbers_are_unique, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_foreign_run, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_adopt, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_mine, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_update, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_history, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_damaged, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_taken_name, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_renamed, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_methods, set_up, support_files_tear_down),
    };
    return cmocka_run_group_tests_name("sweep_store", tests, NULL, NULL);
}
