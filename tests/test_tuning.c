/* SPDX-License-Identifier: Apache-2.0 */
/* tune.c and tune_gemm.c; test_tune.sh tests the command. Checks what is measured, that a wrong or
 * greedy algorithm is never chosen, and that a misbehaving child process is left out. */
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "check.h"
#include "model/convolutions.h"
#include "support.h"
#include "tune/tune.h"

#include <math.h>
#include <sys/stat.h>

static char *directory, *notes;

static int set_up(void **state)
{
    directory = check_directory();
    setenv("XDG_CACHE_HOME", directory, 1);
    return support_open_device(state);
}

static int tear_down(void **state)
{
    error err;
    file_remove_tree(directory, &err);
    free(directory);
    free(notes);
    return support_close_device(state);
}

static void keep_note(void *context, const char *text)
{
    (void)context;
    char *longer = text_format("%s%s\n", notes ? notes : "", text);
    free(notes);
    notes = longer;
}

static const tune_observer observer = {.note = keep_note};

/* Opens the choices as a new process would. */
static convolver open_chooser(device *dev)
{
    error err;
    convolver c;
    CHECK_OK(convolver_open(dev, &c, &err));
    return c;
}

static void forget_all(device *dev)
{
    convolver c = open_chooser(dev);
    remove(choices_path(c.known));
    convolver_close(&c);
    free(notes);
    notes = NULL;
}

static tune_options small_options(bool training)
{
    return (tune_options){.network = {.backbone = "tiny",
                                      .only_fine = true,
                                      .fine_classes = 10,
                                      .image_size = 9,
                                      .batch_size = 3,
                                      .training = training}};
}

/* The calls are distinct, have the batch's size, and include backward ones only for training. */
static void test_convolutions(void **state)
{
    (void)state;
    error err;
    convolution_call *forward, *all;
    size_t forward_count, count, by_direction[CONVOLUTION_DIRECTIONS] = {0};
    tune_options o = small_options(false);
    CHECK_OK(network_convolutions(&o.network, &forward, &forward_count, &err));
    o.network.training = true;
    CHECK_OK(network_convolutions(&o.network, &all, &count, &err));
    for (size_t i = 0; i < count; i++) {
        by_direction[all[i].direction]++;
        assert_int_equal(all[i].x.n, 3);
        for (size_t j = 0; j < i; j++)
            assert_false(choices_same_call(&all[i], &all[j]));
    }
    assert_true(forward_count > 10);
    assert_int_equal(by_direction[CONVOLUTION_FORWARD], forward_count);
    assert_int_equal(by_direction[CONVOLUTION_BACKWARD_WEIGHTS], forward_count);
    /* The input of the first layer is the image. */
    assert_int_equal(by_direction[CONVOLUTION_BACKWARD_DATA], forward_count - 1);
    free(forward);
    free(all);
}

static void test_remembers(void **state)
{
    device *dev = *state;
    error err;
    tune_report report;
    tune_options o = small_options(true);
    forget_all(dev);
    CHECK_OK(tune_run(dev, &o, &observer, &report, &err));
    assert_null(notes);
    assert_true(report.count > 20);
    convolver c = open_chooser(dev);
    for (size_t i = 0; i < report.count; i++) {
        const tune_row *row = &report.rows[i];
        const choice *found = choices_find(c.known, &row->call);
        assert_non_null(found);
        assert_ptr_equal(found->by.algorithm, row->chosen.algorithm);
        assert_int_equal(found->by.tile, row->chosen.tile);
        assert_ptr_equal(convolver_choose(&c, &row->call, true).algorithm, row->chosen.algorithm);
        assert_true(row->seconds > 0 && row->seconds <= row->quick_seconds);
    }
    convolver_close(&c);
    tune_free(&report);
    o.only_missing = true;
    CHECK_OK(tune_run(dev, &o, &observer, &report, &err));
    assert_int_equal(report.count, 0);
    tune_free(&report);
    o.network.batch_size = 2;
    o.network.training = false;
    CHECK_OK(tune_run(dev, &o, &observer, &report, &err));
    assert_true(report.count > 10);
    tune_free(&report);
}

static bool supports_all(const device *dev, const convolution_call *call)
{
    (void)dev;
    (void)call;
    return true;
}

static status needs_nothing(device *dev, const convolution_call *call, convolution_bytes *bytes,
                            error *err)
{
    (void)dev;
    (void)call;
    (void)err;
    *bytes = (convolution_bytes){0};
    return STATUS_OK;
}

static status needs_all(device *dev, const convolution_call *call, convolution_bytes *bytes,
                        error *err)
{
    (void)call;
    (void)err;
    *bytes = (convolution_bytes){.scratch = (size_t)dev->info.memory_bytes};
    return STATUS_OK;
}

static status does_nothing(device *dev, const convolution_call *call, convolution_memory memory,
                           error *err)
{
    (void)dev;
    (void)call;
    (void)memory;
    (void)err;
    return STATUS_OK;
}

static status fails(device *dev, const convolution_call *call, convolution_memory memory,
                    error *err)
{
    (void)dev;
    (void)call;
    (void)memory;
    return error_set(err, STATUS_FAILED, "out of order");
}

static status needs_all_for_sums(device *dev, const convolution_call *call,
                                 convolution_bytes *bytes, error *err)
{
    (void)call;
    (void)err;
    *bytes = (convolution_bytes){.sums = (size_t)dev->info.memory_bytes};
    return STATUS_OK;
}

/* Each of these would be the fastest by far. */
static const convolution_algorithm wrong = {.name = "wrong",
                                            .family = "gemm",
                                            .supports = supports_all,
                                            .measure = needs_nothing,
                                            .run = does_nothing};
static const convolution_algorithm broken = {.name = "broken",
                                             .family = "gemm",
                                             .supports = supports_all,
                                             .measure = needs_nothing,
                                             .run = fails};
static const convolution_algorithm greedy = {.name = "greedy",
                                             .family = "gemm",
                                             .supports = supports_all,
                                             .measure = needs_all,
                                             .run = does_nothing};
static const convolution_algorithm greedy_sums = {.name = "greedy_sums",
                                                  .family = "gemm",
                                                  .supports = supports_all,
                                                  .measure = needs_all_for_sums,
                                                  .run = does_nothing};

/* Tunes with these algorithms alone, as a device on which nothing is remembered. */
static tune_report tune_among(device *dev, const convolution_algorithm *const *algorithms,
                              bool training)
{
    error err;
    tune_report report;
    tune_options o = small_options(training);
    forget_all(dev);
    o.algorithms = algorithms;
    CHECK_OK(tune_run(dev, &o, &observer, &report, &err));
    return report;
}

static void test_never_chosen(void **state)
{
    static const convolution_algorithm *const table[] = {&wrong, &broken, &greedy, &greedy_sums,
                                                         NULL};
    tune_report report = tune_among(*state, table, true);
    for (size_t i = 0; i < report.count; i++)
        assert_ptr_equal(report.rows[i].chosen.algorithm, report.rows[i].quick.algorithm);
    assert_non_null(strstr(notes, "wrong is not chosen for forward 7x7"));
    assert_non_null(strstr(notes, "wrong is not chosen for weights 1x1"));
    assert_non_null(strstr(notes, "differs from im2col"));
    assert_non_null(strstr(notes, "broken is not chosen for data 3x3"));
    assert_non_null(strstr(notes, "out of order"));
    assert_null(strstr(notes, "greedy"));
    tune_free(&report);
}

static status measure_im2col(device *dev, const convolution_call *call, convolution_bytes *bytes,
                             error *err)
{
    return im2col_gemm.measure(dev, call, bytes, err);
}

/* im2col's result, multiplied by 1 + share: its relative error is share. */
static status run_enlarged(device *dev, const convolution_call *call, convolution_memory memory,
                           float share, error *err)
{
    bool weights = call->direction == CONVOLUTION_BACKWARD_WEIGHTS;
    tensor activation = call->direction == CONVOLUTION_FORWARD ? call->y : call->x;
    const convolution_shape *s = &call->shape;
    size_t count =
        weights ? (size_t)(s->kernel * s->kernel * s->cin * s->cout) : tensor_size(activation);
    cl_mem result = weights ? call->weights : activation.buffer;
    float *values = malloc(count * sizeof *values);
    assert_non_null(values);
    assert_true(call->terms.alpha == 1 && call->terms.beta == 0); /* one choice for all terms */
    assert_ok(im2col_gemm.run(dev, call, memory, err), err);
    assert_ok(buffer_read(dev, result, 0, values, count * sizeof *values, err), err);
    for (size_t i = 0; i < count; i++)
        values[i] *= 1 + share;
    assert_ok(buffer_write(dev, result, 0, values, count * sizeof *values, err), err);
    free(values);
    return STATUS_OK;
}

static status run_rounded(device *dev, const convolution_call *call, convolution_memory memory,
                          error *err)
{
    return run_enlarged(dev, call, memory, 3e-4f, err);
}

static status run_too_rounded(device *dev, const convolution_call *call, convolution_memory memory,
                              error *err)
{
    return run_enlarged(dev, call, memory, 3e-3f, err);
}

/* The rounding of TF32 is accepted for algorithms that use it, and is an error for others. */
static void test_tolerance(void **state)
{
    static const convolution_algorithm made[] = {
        {.name = "tf32", .family = "tensor", .run = run_rounded, .tf32 = true},
        {.name = "bad_tf32", .family = "tensor", .run = run_too_rounded, .tf32 = true},
        {.name = "bad_fp32", .family = "gemm", .run = run_rounded},
    };
    convolution_algorithm whole[3];
    const convolution_algorithm *table[4] = {NULL};
    for (int i = 0; i < 3; i++) {
        whole[i] = made[i];
        whole[i].supports = supports_all;
        whole[i].measure = measure_im2col;
        table[i] = &whole[i];
    }
    tune_report report = tune_among(*state, table, true);
    assert_non_null(strstr(notes, "bad_tf32 is not chosen for weights 1x1"));
    assert_non_null(strstr(notes, "bad_fp32 is not chosen for data 3x3"));
    assert_non_null(strstr(notes, "3.0e-04"));
    assert_null(strstr(notes, "\ntf32 is not chosen"));
    assert_false(strncmp(notes, "tf32", 4) == 0);
    tune_free(&report);
}

/* All memory except what a call's buffers of halves take. */
static status needs_the_rest(device *dev, const convolution_call *call, convolution_bytes *bytes,
                             error *err)
{
    (void)err;
    const convolution_shape *s = &call->shape;
    size_t weights = (size_t)(s->kernel * s->kernel * s->cin * s->cout) * sizeof(float);
    size_t used = tensor_bytes(dev, call->x) + tensor_bytes(dev, call->y) + weights;
    *bytes = (convolution_bytes){.scratch = (size_t)dev->info.memory_bytes - used};
    return STATUS_OK;
}

/* In fp16, a call's buffers of floats exist only for a moment: an algorithm that needs all
 * remaining memory is tried. */
static void test_memory_of_halves(void **state)
{
    static const convolution_algorithm snug = {.name = "snug",
                                               .family = "gemm",
                                               .supports = supports_all,
                                               .measure = needs_the_rest,
                                               .run = does_nothing};
    static const convolution_algorithm *const table[] = {&snug, NULL};
    (void)state;
    error err;
    device *dev;
    CHECK_OK(device_open(&dev, &err));
    device_set_precision(dev, PRECISION_FP16);
    dev->info.memory_bytes = 16 << 20;
    tune_report report = tune_among(dev, table, false);
    for (size_t i = 0; i < report.count; i++)
        assert_ptr_equal(report.rows[i].chosen.algorithm, report.rows[i].quick.algorithm);
    assert_non_null(notes);
    size_t noted = 0;
    for (const char *at = notes; (at = strstr(at, "snug is not chosen")) != NULL; at++)
        noted++;
    assert_int_equal(noted, report.count);
    tune_free(&report);
    device_close(dev);
}

/* ---- Tiles ---- */

static const char *const three_tiles[] = {"slow", "fast", "broken"};

static bool unchecked; /* the next run is the compared one */

static status measure_unchecked(device *dev, const convolution_call *call, convolution_bytes *bytes,
                                error *err)
{
    unchecked = true;
    return im2col_gemm.measure(dev, call, bytes, err);
}

/* Right at first; later runs are faster than any kernel can be launched. The default tile takes 4
 * microseconds. */
static status run_by_tile(device *dev, const convolution_call *call, convolution_memory memory,
                          error *err)
{
    if (call->by.tile == 3)
        return error_set(err, STATUS_FAILED, "out of order");
    if (unchecked) {
        unchecked = false;
        return im2col_gemm.run(dev, call, memory, err);
    }
    double end = clock_now() + (call->by.tile == 2 ? 0 : call->by.tile == 1 ? 1e-3 : 4e-6);
    while (clock_now() < end)
        ;
    return STATUS_OK;
}

/* The tiles of the fastest algorithm are tried, and the file names the winner. */
static void test_tiles(void **state)
{
    static const convolution_algorithm tiled = {.name = "direct",
                                                .family = "gemm",
                                                TILE_TABLE(three_tiles),
                                                .supports = supports_all,
                                                .measure = measure_unchecked,
                                                .run = run_by_tile};
    static const convolution_algorithm *const table[] = {&tiled, NULL};
    error err;
    size_t won = 0;
    tune_report report = tune_among(*state, table, false);
    for (size_t i = 0; i < report.count; i++) {
        const tune_row *row = &report.rows[i];
        if (row->chosen.algorithm != &tiled)
            continue;
        assert_int_equal(row->chosen.tile, 2);
        won++;
    }
    assert_true(won > 0);
    assert_non_null(strstr(notes, "direct broken is not chosen for forward"));
    unsigned char *text;
    size_t size;
    CHECK_OK(file_read(report.file, 1 << 20, &text, &size, &err));
    assert_non_null(strstr((const char *)text, "\"tile\": \"fast\""));
    assert_null(strstr((const char *)text, "\"tile\": \"slow\""));
    free(text);
    tune_free(&report);
}

static int lucky_trials; /* of its tile, for the current call */

static status measure_lucky(device *dev, const convolution_call *call, convolution_bytes *bytes,
                            error *err)
{
    static convolution_call before;
    if (!choices_same_call(&before, call))
        lucky_trials = 0;
    before = *call;
    lucky_trials += call->by.tile != 0;
    return measure_unchecked(dev, call, bytes, err);
}

/* The first time, its tile takes no time; later it takes longer than the default, but still less
 * than any kernel. */
static status run_lucky(device *dev, const convolution_call *call, convolution_memory memory,
                        error *err)
{
    if (unchecked)
        return run_by_tile(dev, call, memory, err);
    double took = !call->by.tile ? 2e-6 : lucky_trials == 1 ? 0 : 6e-6, end = clock_now() + took;
    while (clock_now() < end)
        ;
    return STATUS_OK;
}

/* A tile that was fast by chance must beat its algorithm's default again. */
static void test_lucky_tile(void **state)
{
    static const char *const tiles[] = {"lucky"};
    static const convolution_algorithm lucky = {.name = "direct",
                                                .family = "gemm",
                                                TILE_TABLE(tiles),
                                                .supports = supports_all,
                                                .measure = measure_lucky,
                                                .run = run_lucky};
    static const convolution_algorithm *const table[] = {&lucky, NULL};
    size_t won = 0;
    tune_report report = tune_among(*state, table, false);
    for (size_t i = 0; i < report.count; i++) {
        assert_int_equal(report.rows[i].chosen.tile, 0);
        won += report.rows[i].chosen.algorithm == &lucky;
    }
    assert_true(won > 0);
    tune_free(&report);
}

static volatile sig_atomic_t stop;

static void stop_at_third(void *context, const char *what, size_t done, size_t total)
{
    (void)context;
    (void)what;
    (void)total;
    stop = done == 2;
}

/* The current measurement is finished and everything so far is saved; a later tuning does the
 * rest. */
static void test_stop(void **state)
{
    device *dev = *state;
    error err;
    tune_report report;
    tune_options o = small_options(false);
    const tune_observer stopping = {NULL, stop_at_third, keep_note, &stop};
    forget_all(dev);
    assert_int_equal(tune_run(dev, &o, &stopping, &report, &err), STATUS_INTERRUPTED);
    assert_non_null(strstr(err.message, "after 3 of"));
    assert_int_equal(report.count, 3);
    convolver c = open_chooser(dev);
    for (int i = 0; i < 3; i++)
        assert_non_null(choices_find(c.known, &report.rows[i].call));
    convolver_close(&c);
    tune_free(&report);
    stop = 0;
}

/* im2col unrolls every window, so it needs more memory than the quick choice. If that is not
 * available, the network silently uses the quick choices. */
static void test_choices_that_do_not_fit(void **state)
{
    device *dev = *state;
    error err;
    convolution_call *calls;
    size_t count;
    uint64_t quick_bytes, tuned_bytes, bytes;
    int largest;
    network *net;
    network_options o = small_options(true).network;
    o.image_size = 32;
    o.batch_size = 64;
    if (!(dev->info.type & CL_DEVICE_TYPE_CPU))
        skip(); /* on a GPU the quick choices are im2col */
    forget_all(dev);
    support_measure(dev, &o, &quick_bytes, &largest);
    CHECK_OK(network_convolutions(&o, &calls, &count, &err));
    convolver c = open_chooser(dev);
    for (size_t i = 0; i < count; i++)
        CHECK_OK(choices_put(c.known, &calls[i], (convolution_choice){&im2col_gemm, 0}, 1, &err));
    CHECK_OK(choices_save(c.known, &err));
    convolver_close(&c);
    support_measure(dev, &o, &tuned_bytes, &largest);
    assert_true(tuned_bytes > quick_bytes);

    uint64_t memory = dev->info.memory_bytes;
    dev->info.memory_bytes = tuned_bytes - 1;
    support_measure(dev, &o, &bytes, &largest);
    assert_int_equal(bytes, quick_bytes);
    CHECK_OK(network_create(dev, &o, &net, &err));
    assert_int_equal(network_memory_bytes(net), quick_bytes);
    const char *label = "fine_backbone.layer1.0.conv2.weight";
    assert_string_not_equal(convolutions_algorithm(network_graph(net), label, CONVOLUTION_FORWARD),
                            "im2col");
    network_free(net);

    dev->info.memory_bytes = memory;
    CHECK_OK(network_create(dev, &o, &net, &err));
    assert_string_equal(convolutions_algorithm(network_graph(net), label, CONVOLUTION_FORWARD),
                        "im2col");
    label = "fine_backbone.conv1.weight";
    assert_null(convolutions_algorithm(network_graph(net), label, CONVOLUTION_BACKWARD_DATA));
    assert_null(convolutions_algorithm(network_graph(net), "concat", CONVOLUTION_FORWARD));
    network_free(net);
    free(calls);
}

/* A program that runs instead of hcnn-cl when a set of parameters is tested. */
static char *make_program(const char *script)
{
    error err;
    char *path = text_format("%s/program", directory),
         *text = text_format("#!/bin/sh\n%s\n", script);
    CHECK_OK(file_write(path, text, strlen(text), &err));
    assert_int_equal(chmod(path, 0700), 0);
    free(text);
    return path;
}

/* The set that the search chooses, or NULL if there is none. */
static const char *search(device *dev, const char *script, const char *names, status expected,
                          error *err)
{
    char *program = make_program(script);
    convolution_call *calls;
    size_t count;
    tune_report report = {0};
    tune_options o = small_options(false);
    forget_all(dev);
    o.program = program;
    o.gemm = names;
    o.patience = 2;
    convolver c = open_chooser(dev);
    assert_ok(network_convolutions(&o.network, &calls, &count, err), err);
    assert_int_equal(tune_gemm(&c, &o, calls, count, &observer, &report, err), expected);
    free(calls);
    free(program);
    if (!report.gemm)
        assert_null(choices_gemm(c.known));
    else
        assert_string_equal(choices_gemm(c.known), report.gemm->name);
    convolver_close(&c);
    return report.gemm ? report.gemm->name : NULL;
}

static void test_parameters(void **state)
{
    device *dev = *state;
    error err;
    const char *first = gemm_default_parameters(dev)->name;
    const char *good = "case $2 in cpu_tall) echo 0.5 1e-6 ;; *) echo 1.0 1e-6 ;; esac";
    assert_string_equal(search(dev, good, "all", STATUS_OK, &err), "cpu_tall");
    assert_null(notes);
    assert_string_equal(search(dev, good, "cpu,gpu_64x64", STATUS_OK, &err), first);
    /* Less than 3 % faster is not enough. */
    assert_string_equal(
        search(dev, "[ $2 = cpu_tall ] && echo 0.98 0 || echo 1 0", "all", STATUS_OK, &err), first);
    assert_string_equal(search(dev,
                               "case $2 in cpu_tall) echo 0.1 0.5 ;; gpu_64x64) kill -SEGV $$ ;;\n"
                               "gpu_32x32) echo what ;; gpu_128x64) echo 0.1 0; exit 3 ;;\n"
                               "gpu_128x128) echo 0.1 nan ;; *) echo 1.0 1e-6 ;; esac",
                               "all", STATUS_OK, &err),
                        first);
    assert_non_null(strstr(notes, "cpu_tall is not chosen: its products are wrong by 5.0e-01"));
    assert_non_null(strstr(notes, "gpu_64x64 is not chosen: it was ended by signal 11"));
    assert_non_null(
        strstr(notes, "gpu_32x32 is not chosen: its answer cannot be read; expected two numbers"));
    assert_non_null(strstr(notes, "gpu_128x64 is not chosen: it failed with exit code 3"));
    assert_non_null(strstr(notes, "gpu_128x128 is not chosen: its products are wrong by"));
    /* Faster by chance, only the first time. */
    assert_string_equal(
        search(dev,
               "seen=${0%/*}/seen-$2\nif [ $2 = cpu_tall ] && [ ! -e $seen ]; then\n"
               ": >$seen; echo 0.5 0; else echo 1 0; fi",
               "all", STATUS_OK, &err),
        first);
    /* A program that hangs before its answer, or after it in the driver's exit. */
    assert_null(search(dev, "exec sleep 60", first, STATUS_OK, &err));
    assert_non_null(strstr(notes, "it gave no answer within 2 seconds"));
    assert_null(search(dev, "echo 1 0; exec sleep 60 >&-", first, STATUS_OK, &err));
    assert_non_null(strstr(notes, "it did not exit within 2 seconds"));
    /* Ctrl-C ends the child too; this says nothing about the set. */
    assert_null(search(dev, "kill -INT $$; sleep 60", "all", STATUS_INTERRUPTED, &err));
    assert_null(notes);
    assert_null(search(dev, "exit 1", "all", STATUS_OK, &err));
    assert_null(search(dev, good, "cpu,fast", STATUS_USAGE, &err));
    assert_non_null(strstr(err.message, "'fast'"));
}

/* On a CPU no quick choice uses CLBlast: its sets are searched only on request. */
static void test_parameters_unasked(void **state)
{
    device *dev = *state;
    error err;
    bool cpu = dev->info.type & CL_DEVICE_TYPE_CPU;
    const char *found = search(dev, "echo 1.0 0", NULL, STATUS_OK, &err);
    assert_true(cpu == (found == NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convolutions),
        cmocka_unit_test(test_remembers),
        cmocka_unit_test(test_never_chosen),
        cmocka_unit_test(test_tolerance),
        cmocka_unit_test(test_memory_of_halves),
        cmocka_unit_test(test_tiles),
        cmocka_unit_test(test_lucky_tile),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_choices_that_do_not_fit),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_parameters_unasked),
    };
    return cmocka_run_group_tests_name("tuning", tests, set_up, tear_down);
}
