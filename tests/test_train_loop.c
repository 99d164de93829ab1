/* train.c from inside, where a test decides at which batch a stop arrives or a step fails. What the
 * program does from outside is in test_train.sh. */
#include "base/file.h"
#include "base/safetensors.h"
#include "check.h"
#include "train/checkpoint.h"
#include "train/train.h"

#include <math.h>

/* The linker puts this in the place of the trainer's solver_step (--wrap in Makefile.am). */
status __real_solver_step(solver *s, double lr, uint64_t step, error *err);
status __wrap_solver_step(solver *s, double lr, uint64_t step, error *err);

static uint64_t failing_step; /* 0: none */

status __wrap_solver_step(solver *s, double lr, uint64_t step, error *err)
{
    if (step == failing_step)
        return error_set(err, STATUS_FAILED, "the update of step %llu fails, as the test wants",
                         (unsigned long long)step);
    return __real_solver_step(s, lr, step, err);
}

/* What an observer saw, and when it asks for a stop. */
typedef struct witness {
    volatile sig_atomic_t stop;
    const char *stop_at; /* what is being evaluated then; NULL: never */
    int batches_after;   /* whose results came in after the stop */
    uint64_t steps;
} witness;

static void saw_step(void *context, const train_step *what)
{
    witness *w = context;
    w->steps = what->step;
}

static void saw_evaluating(void *context, const char *what, size_t done, size_t total)
{
    witness *w = context;
    (void)done;
    (void)total;
    w->batches_after += w->stop != 0;
    if (w->stop_at && strcmp(what, w->stop_at) == 0)
        w->stop = 1;
}

static train_observer observer_of(witness *w)
{
    return (train_observer){
        .context = w, .step = saw_step, .evaluating = saw_evaluating, .stop = &w->stop};
}

typedef struct fixture {
    char *directory, *data, *whole, *stopped;
    train_options options;
} fixture;

/* 40 training images and 20 test images in batches of 4: 10 steps, and 3 batches in each half. */
static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    const char *source = getenv("srcdir");
    f->directory = check_directory();
    f->data = file_path("%s/tests/golden/cifar-binary.tar.gz", source ? source : ".");
    f->whole = file_path("%s/whole", f->directory);
    f->stopped = file_path("%s/stopped", f->directory);
    f->options = train_defaults();
    f->options.data = f->data;
    f->options.backbone = "tiny";
    f->options.batch_size = 4;
    f->options.epochs = 2;
    f->options.lr = 1e-3;
    f->options.momentum = 0.9;
    f->options.seed = 5;
    failing_step = 0;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    error err;
    file_remove_tree(f->directory, &err);
    free(f->directory);
    free(f->data);
    free(f->whole);
    free(f->stopped);
    free(f);
    return 0;
}

static status start(fixture *f, const char *run, witness *w, error *err)
{
    const train_observer observer = observer_of(w);
    f->options.run = run;
    return train_start(&f->options, &observer, err);
}

static void assert_same_tensors(const char *a_path, const char *b_path)
{
    error err;
    safetensors_file *a, *b;
    CHECK_OK(safetensors_open(a_path, &a, &err));
    CHECK_OK(safetensors_open(b_path, &b, &err));
    assert_int_equal(safetensors_count(a), safetensors_count(b));
    for (size_t i = 0; i < safetensors_count(a); i++) {
        const safetensors_entry *entry = safetensors_at(a, i);
        if (entry->type != SAFETENSORS_F32)
            continue;
        size_t count = safetensors_elements(entry);
        float *values = calloc(2 * count, sizeof *values);
        assert_non_null(values);
        CHECK_OK(safetensors_read_f32(a, entry, values, &err));
        CHECK_OK(safetensors_read_f32(b, safetensors_find(b, entry->name), values + count, &err));
        if (memcmp(values, values + count, count * sizeof *values) != 0)
            fail_msg("%s differs", entry->name);
        free(values);
    }
    safetensors_close(a);
    safetensors_close(b);
}

static void assert_same_file(const fixture *f, const char *name)
{
    char *a = file_path("%s/%s", f->whole, name), *b = file_path("%s/%s", f->stopped, name);
    assert_same_tensors(a, b);
    free(a);
    free(b);
}

static checkpoint_info read_info(const char *run)
{
    error err;
    checkpoint_info info;
    char *path = file_path("%s/last.safetensors", run);
    CHECK_OK(checkpoint_read_info(path, &info, &err));
    free(path);
    return info;
}

/* A run's metrics without the time that things took, which is in the epochs' lines. */
static char *read_metrics(const char *run)
{
    error err;
    unsigned char *text;
    size_t size;
    char *path = file_path("%s/metrics.jsonl", run);
    CHECK_OK(file_read(path, 1 << 20, &text, &size, &err));
    free(path);
    for (char *at = (char *)text; (at = strstr(at, "\"seconds\":"));) {
        char *end = strstr(at, ",\"best\"");
        assert_non_null(end);
        memmove(at, end, strlen(end) + 1);
    }
    return (char *)text;
}

/* The number behind the first "NAME":. */
static double value_of(const char *text, const char *name)
{
    char key[64];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(text, key);
    assert_non_null(at);
    return strtod(at + strlen(key), NULL);
}

/* Both runs came to the same end, to the bit. */
static void assert_same_runs(const fixture *f)
{
    assert_same_file(f, "last.safetensors");
    assert_same_file(f, "best.safetensors");
    assert_same_file(f, "optimizer-20.safetensors");
    checkpoint_info a = read_info(f->whole), b = read_info(f->stopped);
    assert_int_equal(a.state.epoch, b.state.epoch);
    assert_int_equal(a.state.best_epoch, b.state.best_epoch);
    assert_true(a.state.best_loss == b.state.best_loss);
    assert_true(a.state.rate.best == b.state.rate.best);
    assert_int_equal(a.state.rate.bad_epochs, b.state.rate.bad_epochs);
    checkpoint_free_info(&a);
    checkpoint_free_info(&b);
    char *whole = read_metrics(f->whole), *stopped = read_metrics(f->stopped);
    assert_string_equal(whole, stopped);
    assert_non_null(strstr(whole, "\"test_whole\""));
    free(whole);
    free(stopped);
}

/* Stopped while `what` is evaluated for the first time, a run ends within a batch and, resumed, as
 * one that never was. */
static void expect_same_end(fixture *f, const char *what, uint64_t steps, uint64_t epoch)
{
    error err;
    witness unbroken = {0}, first = {.stop_at = what}, second = {0};
    const train_observer observer = observer_of(&second);
    CHECK_OK(start(f, f->whole, &unbroken, &err));
    CHECK_FAILS(STATUS_INTERRUPTED, "everything is saved: hcnn-cl train --resume",
                start(f, f->stopped, &first, &err));
    assert_non_null(strstr(err.message, f->stopped));
    assert_int_equal(first.stop, 1);
    assert_true(first.batches_after <= 1);
    checkpoint_info saved = read_info(f->stopped);
    assert_int_equal(saved.state.step, steps);
    assert_int_equal(saved.state.epoch, epoch);
    checkpoint_free_info(&saved);
    CHECK_OK(train_resume(f->stopped, 0, 0, 0, &observer, &err));
    assert_same_runs(f);
}

static void test_stop_in_validation(void **state)
{
    expect_same_end(*state, "validation", 10, 0);
}

static void test_stop_in_tests(void **state)
{
    expect_same_end(*state, "test half", 20, 2);
}

static void test_stop_in_last_tests(void **state)
{
    expect_same_end(*state, "whole test set", 20, 2);
}

/* Stopped in the middle of an epoch, with everything that is drawn and every loss there is, and
 * gone on with by other threads. */
static void test_stop_augmented(void **state)
{
    fixture *f = *state;
    error err;
    witness unbroken = {0}, first = {0}, second = {0};
    const train_observer observer = observer_of(&second);
    f->options.augment = "crop=4,flip,rotate=20,resized-crop=0.3,cutout=8,mixup=0.2,cutmix=1";
    f->options.label_smoothing = 0.1;
    f->options.coarse_loss = "marginal";
    f->options.loss_schedule = "2:0.25:1.5";
    f->options.threads = 1;
    CHECK_OK(start(f, f->whole, &unbroken, &err));
    f->options.max_steps = 13;
    CHECK_OK(start(f, f->stopped, &first, &err));
    assert_int_equal(first.steps, 13);
    CHECK_OK(train_resume(f->stopped, 0, 0, 3, &observer, &err));
    assert_same_runs(f);
    /* The weights of each epoch, and validation losses by those of the run. */
    char *metrics = read_metrics(f->whole);
    char *one = strstr(metrics, "{\"epoch\":1,"), *two = strstr(metrics, "{\"epoch\":2,");
    assert_true(one && two);
    assert_non_null(strstr(one, "\"coarse_weight\":1.0,\"fine_weight\":2.0,"));
    assert_non_null(strstr(two, "\"coarse_weight\":0.25,\"fine_weight\":1.5,"));
    const char *parts[] = {strstr(two, "\"train\":"), strstr(two, "\"validation\":")};
    for (int i = 0; i < 2; i++) {
        assert_non_null(parts[i]);
        double loss = value_of(parts[i], "loss"), coarse = value_of(parts[i], "coarse_loss");
        double fine = value_of(parts[i], "fine_loss"), tree = value_of(parts[i], "marginal_loss");
        assert_true(tree > 0);
        double want = i == 0 ? 0.25 * (coarse + tree) + 1.5 * fine : coarse + tree + 2 * fine;
        assert_true(fabs(loss - want) < 1e-6);
    }
    free(metrics);
}

/* The steps before the one that fails are told of and written down. */
static void test_failing_update(void **state)
{
    fixture *f = *state;
    error err;
    witness w = {0};
    failing_step = 6;
    CHECK_FAILS(STATUS_FAILED, "the update of step 6 fails", start(f, f->stopped, &w, &err));
    assert_int_equal(w.steps, 5);
    char *metrics = read_metrics(f->stopped);
    assert_non_null(strstr(metrics, "{\"step\":5,"));
    assert_null(strstr(metrics, "{\"step\":6,"));
    free(metrics);
    /* The run goes on from its last checkpoint as if nothing had been. */
    const train_observer observer = observer_of(&w);
    failing_step = 0;
    CHECK_OK(train_resume(f->stopped, 0, 0, 0, &observer, &err));
    CHECK_OK(start(f, f->whole, &w, &err));
    assert_same_runs(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_stop_in_validation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop_in_tests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop_in_last_tests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop_augmented, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failing_update, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("training loop", tests, NULL, NULL);
}
