/* SPDX-License-Identifier: Apache-2.0 */
/* train.c from inside: the test decides at which batch a stop arrives, which step fails and how
 * validation ends. test_train.sh tests the program from outside. */
#include "base/file.h"
#include "base/tensor_file.h"
#include "base/text.h"
#include "check.h"
#include "measure/evaluate.h"
#include "thread_ranks.h"
#include "train/checkpoint.h"
#include "train/recipe.h"
#include "train/train.h"

#include <math.h>

/* The linker replaces the trainer's calls by these (--wrap in Makefile.am). */
status __real_solver_step(solver *s, double lr, uint64_t step, error *err);
status __wrap_solver_step(solver *s, double lr, uint64_t step, error *err);

status __real_network_forward(network *net, const network_batch *batch, enum step_mode mode,
                              float coarse_weight, float fine_weight, error *err);
status __wrap_network_forward(network *net, const network_batch *batch, enum step_mode mode,
                              float coarse_weight, float fine_weight, error *err);

status __real_network_reserve_pixels(network *net, size_t bytes, error *err);
status __wrap_network_reserve_pixels(network *net, size_t bytes, error *err);

static uint64_t failing_step;             /* 0: none */
static int batches_with_room;             /* 0: no limit */
static double coarse_weight, fine_weight; /* sums over the batches since the last step */
static bool several_ranks;                /* in threads: the two above are not kept */
/* The flag that this thread's next forward pass sets; NULL: none. */
static _Thread_local volatile sig_atomic_t *stop_now;

status __wrap_network_forward(network *net, const network_batch *batch, enum step_mode mode,
                              float coarse, float fine, error *err)
{
    if (stop_now)
        *stop_now = 1;
    if (mode == STEP_TRAIN && !several_ranks) {
        coarse_weight += coarse;
        fine_weight += fine;
    }
    return __real_network_forward(net, batch, mode, coarse, fine, err);
}

/* Fails as if a batch of larger images had come for which the device has no memory. */
status __wrap_network_reserve_pixels(network *net, size_t bytes, error *err)
{
    if (batches_with_room > 0 && --batches_with_room == 0)
        return device_check(network_device(net), err, CL_MEM_OBJECT_ALLOCATION_FAILURE,
                            "allocating a larger batch");
    return __real_network_reserve_pixels(net, bytes, err);
}

/* The expected weights of a step's losses: the defaults, and these after the step staged_after. */
static uint64_t staged_after; /* 0: always the defaults */
static const double staged_coarse = 0.25, staged_fine = 1.5;

/* However many batches a step has, their losses' weights must add up to those. */
status __wrap_solver_step(solver *s, double lr, uint64_t step, error *err)
{
    bool staged = staged_after > 0 && step > staged_after;
    assert_true(several_ranks || fabs(coarse_weight - (staged ? staged_coarse : 1)) < 1e-6);
    assert_true(several_ranks || fabs(fine_weight - (staged ? staged_fine : 2)) < 1e-6);
    if (!several_ranks)
        coarse_weight = fine_weight = 0;
    if (step == failing_step)
        return error_set(err, STATUS_FAILED, "the update of step %llu fails on purpose",
                         (unsigned long long)step);
    return __real_solver_step(s, lr, step, err);
}

status __real_evaluate_loader(network *net, loader *from, const hierarchy *classes,
                              const evaluate_watch *watch, const evaluate_sink *sink, metrics *sums,
                              error *err);
status __wrap_evaluate_loader(network *net, loader *from, const hierarchy *classes,
                              const evaluate_watch *watch, const evaluate_sink *sink, metrics *sums,
                              error *err);

static const char watched_name[] = "fine_backbone.bn1.weight";
enum { WATCHED = 4 };
static const double *validation_losses; /* of the coming epochs; NULL: the real ones */
static const char *evaluated;           /* last reported to the observer */
static float watched[WATCHED];          /* first values of the parameter in the last validation */

status __wrap_evaluate_loader(network *net, loader *from, const hierarchy *classes,
                              const evaluate_watch *watch, const evaluate_sink *sink, metrics *sums,
                              error *err)
{
    float values[1024];
    const parameter *p = network_find(net, watched_name);
    assert_true(p && p->count >= WATCHED && p->count <= 1024);
    TRY(network_parameter_read(net, p, values, err));
    memcpy(watched, values, sizeof watched);
    TRY(__real_evaluate_loader(net, from, classes, watch, sink, sums, err));
    if (validation_losses && evaluated && strcmp(evaluated, "validation") == 0) {
        sums->coarse_loss = 0;
        sums->fine_loss = *validation_losses++ * (double)sums->count;
    }
    return STATUS_OK;
}

/* What the observer has seen, and when it asks for a stop. */
typedef struct witness {
    volatile sig_atomic_t stop;
    const char *stop_at; /* stops while this is evaluated; NULL: never */
    uint64_t stop_after; /* stops after this step; 0: never */
    int batches_after;   /* results that came after the stop */
    uint64_t steps;
    size_t batches;   /* done in the epoch, after the last step */
    double rates[64]; /* by step, from 1 */
    char said[256];   /* last note */
    int stopped_early, best_epoch;
} witness;

static void saw_step(void *context, const train_step *what)
{
    witness *w = context;
    w->steps = what->step;
    w->batches = what->batch;
    assert_true(what->step < 64);
    w->rates[what->step] = what->lr;
    w->stop |= what->step == w->stop_after;
}

static void saw_note(void *context, const char *text)
{
    witness *w = context;
    snprintf(w->said, sizeof w->said, "%s", text);
}

static void saw_finished(void *context, const train_finished *what)
{
    witness *w = context;
    w->stopped_early = what->stopped_early;
    w->best_epoch = what->best_epoch;
}

static void saw_evaluating(void *context, const char *what, size_t done, size_t total)
{
    witness *w = context;
    (void)done;
    (void)total;
    evaluated = what;
    w->batches_after += w->stop != 0;
    if (w->stop_at && strcmp(what, w->stop_at) == 0)
        w->stop = 1;
}

static train_observer observer_of(witness *w)
{
    return (train_observer){.context = w,
                            .note = saw_note,
                            .step = saw_step,
                            .evaluating = saw_evaluating,
                            .finished = saw_finished,
                            .stop = &w->stop};
}

typedef struct fixture {
    char *directory, *data, *whole, *stopped;
    train_options options;
} fixture;

/* 40 training images and 20 test images in batches of 4: 10 steps per epoch, and 3 batches in each
 * half of the test set. */
static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    const char *source = getenv("srcdir");
    f->directory = check_directory();
    f->data = text_format("%s/tests/golden/cifar-binary.tar.gz", source ? source : ".");
    f->whole = text_format("%s/whole", f->directory);
    f->stopped = text_format("%s/stopped", f->directory);
    f->options = train_defaults();
    f->options.data = f->data;
    f->options.backbone = "tiny";
    f->options.batch_size = 4;
    f->options.epochs = 2;
    f->options.lr = 1e-3;
    f->options.momentum = 0.9;
    f->options.seed = 5;
    failing_step = staged_after = 0;
    batches_with_room = 0;
    coarse_weight = fine_weight = 0;
    validation_losses = NULL;
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
    return train_run(&f->options, &observer, err);
}

/* Resumes the run with another number of threads or epochs; 0 keeps the run's. */
static status resume_with(const char *run, int threads, int epochs, const train_observer *observer,
                          error *err)
{
    words kept = {0};
    train_options o = train_defaults();
    assert_int_equal(recipe_load_run(run, &o, &kept, err), STATUS_OK);
    o.resume = run;
    o.threads = threads ? threads : o.threads;
    o.epochs = epochs ? epochs : o.epochs;
    status result = train_run(&o, observer, err);
    words_free(&kept);
    return result;
}

static status resume(const char *run, const train_observer *observer, error *err)
{
    return resume_with(run, 0, 0, observer, err);
}

static void assert_same_tensors(const char *a_path, const char *b_path)
{
    error err;
    tensor_file *a, *b;
    CHECK_OK(tensor_file_open(a_path, &a, &err));
    CHECK_OK(tensor_file_open(b_path, &b, &err));
    assert_int_equal(tensor_file_count(a), tensor_file_count(b));
    for (size_t i = 0; i < tensor_file_count(a); i++) {
        const tensor_entry *entry = tensor_file_at(a, i);
        if (entry->type != SAFETENSORS_F32)
            continue;
        size_t count = tensor_elements(entry);
        float *values = calloc(2 * count, sizeof *values);
        assert_non_null(values);
        CHECK_OK(tensor_file_read_f32(a, entry, values, &err));
        CHECK_OK(tensor_file_read_f32(b, tensor_file_find(b, entry->name), values + count, &err));
        if (memcmp(values, values + count, count * sizeof *values) != 0)
            fail_msg("%s differs", entry->name);
        free(values);
    }
    tensor_file_close(a);
    tensor_file_close(b);
}

static void assert_same_file(const fixture *f, const char *name)
{
    char *a = text_format("%s/%s", f->whole, name), *b = text_format("%s/%s", f->stopped, name);
    assert_same_tensors(a, b);
    free(a);
    free(b);
}

static checkpoint read_info(const char *run)
{
    error err;
    checkpoint info;
    char *path = text_format("%s/last.safetensors", run);
    CHECK_OK(checkpoint_open(path, &info, &err));
    free(path);
    return info;
}

/* A run's metrics without the durations in the lines of epochs. */
static char *read_metrics(const char *run)
{
    error err;
    unsigned char *text;
    size_t size;
    char *path = text_format("%s/metrics.jsonl", run);
    CHECK_OK(file_read(path, 1 << 20, &text, &size, &err));
    free(path);
    for (char *at = (char *)text; (at = strstr(at, "\"seconds\":"));) {
        char *end = strstr(at, ",\"best\"");
        assert_non_null(end);
        memmove(at, end, strlen(end) + 1);
    }
    return (char *)text;
}

/* The number after the first "NAME":. */
static double value_of(const char *text, const char *name)
{
    char key[64];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(text, key);
    assert_non_null(at);
    return strtod(at + strlen(key), NULL);
}

/* Both runs ended bit-identical. */
static void assert_same_runs(const fixture *f)
{
    checkpoint a = read_info(f->whole), b = read_info(f->stopped);
    assert_same_file(f, "last.safetensors");
    assert_same_file(f, "best.safetensors");
    assert_non_null(a.optimizer_file);
    assert_same_file(f, a.optimizer_file);
    assert_true(a.state.step == b.state.step);
    assert_int_equal(a.state.epoch, b.state.epoch);
    assert_int_equal(a.state.best_epoch, b.state.best_epoch);
    assert_true(a.state.best_loss == b.state.best_loss);
    assert_true(a.state.rate.best == b.state.rate.best);
    assert_int_equal(a.state.rate.bad_epochs, b.state.rate.bad_epochs);
    checkpoint_close(&a);
    checkpoint_close(&b);
    char *whole = read_metrics(f->whole), *stopped = read_metrics(f->stopped);
    assert_string_equal(whole, stopped);
    assert_non_null(strstr(whole, "\"test_whole\""));
    free(whole);
    free(stopped);
}

/* A run that is stopped while `what` is evaluated for the first time ends within one batch. After a
 * resume it is bit-identical to an uninterrupted run. */
static void expect_same_end(fixture *f, const char *what, uint64_t steps, uint64_t epoch)
{
    error err;
    witness unbroken = {0}, first = {.stop_at = what}, second = {0};
    const train_observer observer = observer_of(&second);
    CHECK_OK(start(f, f->whole, &unbroken, &err));
    CHECK_FAILS(STATUS_INTERRUPTED, "everything is saved; continue with hcnn-cl train --resume",
                start(f, f->stopped, &first, &err));
    assert_non_null(strstr(err.message, f->stopped));
    assert_int_equal(first.stop, 1);
    assert_true(first.batches_after <= 1);
    checkpoint saved = read_info(f->stopped);
    assert_int_equal(saved.state.step, steps);
    assert_int_equal(saved.state.epoch, epoch);
    checkpoint_close(&saved);
    CHECK_OK(resume(f->stopped, &observer, &err));
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

/* Stopped in the middle of an epoch, with every random augmentation and every loss, and resumed
 * with another number of threads. */
static void test_stop_augmented(void **state)
{
    fixture *f = *state;
    error err;
    witness unbroken = {0}, first = {0}, second = {0};
    const train_observer observer = observer_of(&second);
    f->options.augment = "crop=4,flip,rotate=20,resized-crop=0.3,cutout=8,mixup=0.2,cutmix=1";
    f->options.label_smoothing = 0.1;
    f->options.coarse_loss = COARSE_LOSS_MARGINAL;
    f->options.loss_schedule = "2:0.25:1.5";
    staged_after = 10; /* the steps of the first epoch */
    f->options.threads = 1;
    CHECK_OK(start(f, f->whole, &unbroken, &err));
    f->options.max_steps = 13;
    CHECK_OK(start(f, f->stopped, &first, &err));
    assert_int_equal(first.steps, 13);
    CHECK_OK(resume_with(f->stopped, 3, 0, &observer, &err));
    assert_same_runs(f);
    /* Each epoch has its own weights, but validation losses use the weights of the run. */
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

/* The steps before the failing one are reported and recorded. */
static void test_failing_step(void **state)
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
    /* Resumed from its last checkpoint, the run ends bit-identical to an uninterrupted one. */
    const train_observer observer = observer_of(&w);
    failing_step = 0;
    CHECK_OK(resume(f->stopped, &observer, &err));
    CHECK_OK(start(f, f->whole, &w, &err));
    assert_same_runs(f);
}

/* The device runs out of memory in the middle of the second epoch. The run ends, says how to
 * continue, and can be resumed from the checkpoint after the first epoch. */
static void test_out_of_device_memory(void **state)
{
    fixture *f = *state;
    error err;
    witness w = {0};
    const train_observer observer = observer_of(&w);
    batches_with_room = 15;
    CHECK_FAILS(STATUS_FAILED, "a smaller --batch-size or --image-size needs less memory",
                start(f, f->stopped, &w, &err));
    assert_non_null(strstr(err.message, "CL_MEM_OBJECT_ALLOCATION_FAILURE"));
    assert_non_null(strstr(err.message, "continues from the last checkpoint"));
    checkpoint saved = read_info(f->stopped);
    assert_int_equal(saved.state.step, 10);
    checkpoint_close(&saved);
    batches_with_room = 0;
    CHECK_OK(resume(f->stopped, &observer, &err));
    CHECK_OK(start(f, f->whole, &w, &err));
    assert_same_runs(f);
}

/* Every option of a recipe: the 10 batches of an epoch make steps of 3, 3, 3 and 1. */
static void all_together(train_options *o)
{
    o->optimizer = OPTIMIZER_ADAMW;
    o->momentum = 0;
    o->weight_decay = 0.05;
    o->no_norm_decay = true;
    o->clip_norm = 0.5;
    o->accumulate = 3;
    o->ema = 0.9;
    o->schedule = SCHEDULE_COSINE;
    o->warmup = 0.5;
    o->min_lr = 1e-5;
    o->early_stop = 2;
    o->checkpoint_every = 2;
}

static void expect_same_after(fixture *f, uint64_t step)
{
    error err;
    witness unbroken = {0}, first = {.stop_after = step}, second = {0};
    const train_observer observer = observer_of(&second);
    CHECK_OK(start(f, f->whole, &unbroken, &err));
    CHECK_FAILS(STATUS_INTERRUPTED, "everything is saved", start(f, f->stopped, &first, &err));
    assert_true(first.steps <= step + 1);
    CHECK_OK(resume(f->stopped, &observer, &err));
    assert_true(unbroken.steps == 8 && second.steps == 8);
    for (uint64_t i = first.steps + 1; i <= 8; i++)
        assert_true(second.rates[i] == unbroken.rates[i]);
    assert_same_runs(f);
}

static void test_all_together(void **state)
{
    fixture *f = *state;
    all_together(&f->options);
    expect_same_after(f, 2);
}

static void test_all_together_fp16(void **state)
{
    fixture *f = *state;
    all_together(&f->options);
    f->options.precision = PRECISION_FP16;
    f->options.optimizer = OPTIMIZER_SGD;
    f->options.momentum = 0.9;
    expect_same_after(f, 5);
}

static void test_all_together_in_validation(void **state)
{
    fixture *f = *state;
    all_together(&f->options);
    expect_same_end(f, "validation", 4, 0);
}

/* The first values of a vector in a file. */
static void read_vector(const char *run, const char *file, const char *name, float head[WATCHED])
{
    error err;
    tensor_file *from;
    float values[1024];
    char *path = text_format("%s/%s", run, file);
    CHECK_OK(tensor_file_open(path, &from, &err));
    const tensor_entry *entry = tensor_file_find(from, name);
    assert_non_null(entry);
    assert_true(tensor_elements(entry) <= 1024);
    CHECK_OK(tensor_file_read_f32(from, entry, values, &err));
    memcpy(head, values, WATCHED * sizeof *head);
    tensor_file_close(from);
    free(path);
}

/* Validation uses the average, which best.safetensors contains; last.safetensors contains the
 * weights. */
static void test_average(void **state)
{
    fixture *f = *state;
    error err;
    witness w = {0};
    float best[WATCHED], last[WATCHED], average[WATCHED];
    f->options.epochs = 1;
    f->options.lr = 0.01;
    f->options.ema = 0.9;
    CHECK_OK(start(f, f->whole, &w, &err));
    read_vector(f->whole, "best.safetensors", watched_name, best);
    read_vector(f->whole, "last.safetensors", watched_name, last);
    read_vector(f->whole, "optimizer-10.safetensors", "fine_backbone.bn1.weight.average", average);
    assert_memory_equal(best, average, sizeof best);
    assert_memory_equal(watched, average, sizeof best);
    assert_memory_not_equal(last, average, sizeof best);
    /* Without an average, both files contain the weights. */
    f->options.ema = 0;
    CHECK_OK(start(f, f->stopped, &w, &err));
    read_vector(f->stopped, "best.safetensors", watched_name, best);
    assert_memory_equal(best, last, sizeof best);
    assert_memory_equal(watched, last, sizeof best);
}

static double number_after(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    assert_non_null(at);
    return strtod(at + strlen(key), NULL);
}

/* If all batches of an epoch make one step, the step's loss is the epoch's. The last step of an
 * epoch uses the remaining batches. */
static void test_accumulation(void **state)
{
    fixture *f = *state;
    error err;
    witness w = {0};
    f->options.epochs = 1;
    f->options.accumulate = 10;
    CHECK_OK(start(f, f->whole, &w, &err));
    assert_true(w.steps == 1 && w.batches == 10);
    char *lines = read_metrics(f->whole);
    double step = number_after(lines, "{\"step\":1,\"loss\":");
    double epoch = number_after(lines, "\"train\":{\"images\":40,\"loss\":");
    assert_true(fabs(step - epoch) < 1e-5 * epoch);
    free(lines);
    f->options.accumulate = 4;
    f->options.max_steps = 2;
    CHECK_OK(start(f, f->stopped, &w, &err));
    assert_true(w.steps == 2 && w.batches == 8);
    const train_observer observer = observer_of(&w);
    CHECK_OK(resume(f->stopped, &observer, &err));
    assert_true(w.steps == 3 && w.batches == 10);
}

/* The rate of each step is the schedule's; more epochs stretch the rest of the schedule. */
static void test_rates(void **state)
{
    fixture *f = *state;
    error err;
    witness w = {0};
    f->options.schedule = SCHEDULE_COSINE;
    f->options.warmup = 0.4;
    f->options.epochs = 1;
    CHECK_OK(start(f, f->whole, &w, &err));
    const schedule_terms terms = {SCHEDULE_COSINE, 1e-3, 0, 0.4, NULL};
    schedule s;
    CHECK_OK(schedule_start(&s, &terms, &err));
    schedule_span(&s, 1, 10);
    for (uint64_t step = 1; step <= 10; step++)
        assert_true(w.rates[step] == schedule_rate(&s, step));
    assert_true(w.rates[1] == 0.25e-3 && w.rates[4] == 1e-3 && w.rates[10] < 0.1e-3);
    const train_observer observer = observer_of(&w);
    CHECK_OK(resume_with(f->whole, 0, 2, &observer, &err));
    schedule_span(&s, 2, 10);
    for (uint64_t step = 11; step <= 20; step++)
        assert_true(w.rates[step] == schedule_rate(&s, step));
}

/* The number of bad epochs that plateau has counted survives a stop. */
static void test_plateau(void **state)
{
    static const double losses[] = {1, 2, 2, 2, 2, 2};
    fixture *f = *state;
    error err;
    witness unbroken = {0}, first = {.stop_after = 7}, second = {0};
    const train_observer observer = observer_of(&second);
    f->options.epochs = 6;
    f->options.accumulate = 5; /* two steps per epoch */
    validation_losses = losses;
    CHECK_OK(start(f, f->whole, &unbroken, &err));
    validation_losses = losses;
    CHECK_FAILS(STATUS_INTERRUPTED, "everything is saved", start(f, f->stopped, &first, &err));
    CHECK_OK(resume(f->stopped, &observer, &err));
    assert_true(unbroken.rates[8] == 1e-3 && unbroken.rates[9] == 1e-3 * 0.1);
    for (uint64_t step = 9; step <= 12; step++)
        assert_true(second.rates[step] == unbroken.rates[step]);
    assert_same_runs(f);
}

/* After two epochs without a lower loss the run ends and counts as finished. */
static void test_early_stop(void **state)
{
    static const double losses[] = {3, 2, 2.5, 1.5, 1.5, 1.6, 1, 0.5};
    fixture *f = *state;
    error err;
    witness w = {0};
    f->options.epochs = 8;
    f->options.accumulate = 5; /* two steps per epoch */
    f->options.early_stop = 2;
    validation_losses = losses;
    CHECK_OK(start(f, f->whole, &w, &err));
    assert_true(w.steps == 12);
    assert_int_equal(w.stopped_early, 6);
    assert_int_equal(w.best_epoch, 4);
    assert_non_null(strstr(w.said, "stopped early after epoch 6: the validation loss has not "
                                   "fallen for 2 epochs"));
    char *lines = read_metrics(f->whole);
    assert_non_null(strstr(lines, "\"test_whole\""));
    assert_non_null(strstr(lines, "\"stopped_early\":6"));
    /* Resuming it, even with more epochs, only tests it again. */
    const train_observer observer = observer_of(&w);
    w = (witness){0};
    validation_losses = losses + 6; /* both parts of the test set, with the same losses */
    CHECK_OK(resume_with(f->whole, 0, 20, &observer, &err));
    assert_true(w.steps == 0);
    assert_int_equal(w.stopped_early, 6);
    char *again = read_metrics(f->whole);
    assert_string_equal(again, lines);
    free(lines);
    free(again);
    /* A run whose epochs are over has not stopped early. */
    CHECK_OK(file_remove_tree(f->whole, &err));
    f->options.epochs = 6;
    validation_losses = losses;
    w = (witness){0};
    CHECK_OK(start(f, f->whole, &w, &err));
    assert_true(w.steps == 12);
    assert_int_equal(w.stopped_early, 0);
    assert_null(strstr(w.said, "stopped early"));
    /* Without --early-stop, the same losses do not end the run. */
    f->options.epochs = 8;
    validation_losses = losses;
    f->options.early_stop = 0;
    CHECK_OK(start(f, f->stopped, &w, &err));
    assert_true(w.steps == 16);
    assert_int_equal(w.stopped_early, 0);
}

/* ---- Several ranks ---- */

enum { RANKS = 2 };

typedef struct team {
    const fixture *f;
    thread_ranks *all;
    witness witnesses[RANKS];
    bool in_first_step; /* the last rank is asked to stop then */
} team;

static status train_rank(void *context, int rank, error *err)
{
    team *t = context;
    train_options o = t->f->options;
    const train_observer observer = observer_of(&t->witnesses[rank]);
    o.run = t->f->stopped;
    o.ranks = thread_ranks_of(t->all, rank);
    if (t->in_first_step && rank == RANKS - 1)
        stop_now = &t->witnesses[rank].stop;
    status result = train_run(&o, &observer, err);
    if (result == STATUS_OK)
        return error_set(err, STATUS_FAILED, "rank %d was not stopped", rank);
    return result == STATUS_INTERRUPTED ? STATUS_OK : result;
}

/* Only the last rank is asked to stop, and all end after this step. */
static void expect_all_stop_at(team *t, uint64_t step)
{
    t->all = thread_ranks_open(RANKS);
    several_ranks = true;
    thread_ranks_run(t->all, train_rank, t);
    several_ranks = false;
    thread_ranks_close(t->all);
    for (int rank = 0; rank < RANKS; rank++)
        assert_true(t->witnesses[rank].steps == step);
    checkpoint saved = read_info(t->f->stopped);
    assert_true(saved.state.step == step);
    checkpoint_close(&saved);
}

/* By the callback after a step, when the device is at the next one: as in one process. */
static void test_one_rank_stops(void **state)
{
    team t = {.f = *state};
    t.witnesses[RANKS - 1].stop_after = 3;
    expect_all_stop_at(&t, 4);
}

static void test_one_rank_stops_in_first_step(void **state)
{
    team t = {.f = *state, .in_first_step = true};
    expect_all_stop_at(&t, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_stop_in_validation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop_in_tests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop_in_last_tests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop_augmented, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failing_step, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_out_of_device_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_all_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_all_together_fp16, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_all_together_in_validation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_average, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_accumulation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rates, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_plateau, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_early_stop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_rank_stops, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_rank_stops_in_first_step, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("training loop", tests, NULL, NULL);
}
