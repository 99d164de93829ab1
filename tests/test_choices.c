/* SPDX-License-Identifier: Apache-2.0 */
/* choices.c: saved choices are read back, and a file made for another device or program, or a
 * damaged one, is ignored. */
#include "base/file.h"
#include "base/text.h"
#include "check.h"
#include "convolution_check.h"
#include "ops/convolver.h"
#include "selftest/reference_convolution.h"
#include "support.h"

static char *directory;

/* Opened again and again by the tests. */
static convolver chooser;

static int set_up(void **state)
{
    directory = check_directory();
    setenv("XDG_CACHE_HOME", directory, 1);
    return support_open_device(state);
}

static int tear_down(void **state)
{
    error err;
    convolver_close(&chooser);
    file_remove_tree(directory, &err);
    free(directory);
    return support_close_device(state);
}

/* Opens the choices as a new process would: only the file is known. */
static void start_again(device *dev)
{
    error err;
    convolver_close(&chooser);
    CHECK_OK(convolver_open(dev, &chooser, &err));
}

static void forget_all(device *dev)
{
    start_again(dev);
    remove(choices_path(chooser.known));
    start_again(dev);
}

static convolution_choice by(const convolution_algorithm *algorithm)
{
    return (convolution_choice){algorithm, 0};
}

static convolution_call make_call(int direction, int cin, int n)
{
    convolution_call call = {.direction = (enum convolution_direction)direction,
                             .shape = {cin, 32, 3, 1, 1},
                             .x = {NULL, n, 8, 8, cin}};
    call.y = reference_convolution_output(&call.shape, call.x);
    return call;
}

static char *read_text(const char *path)
{
    error err;
    unsigned char *data;
    size_t size;
    CHECK_OK(file_read(path, 1 << 20, &data, &size, &err));
    char *text = text_format("%s", (const char *)data);
    assert_non_null(text);
    free(data);
    return text;
}

/* Writes the file with the first `from` replaced by `to`. */
static void replace(const char *path, const char *from, const char *to)
{
    error err;
    char *text = read_text(path), *at = strstr(text, from);
    assert_non_null(at);
    char *changed = text_format("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    assert_non_null(changed);
    CHECK_OK(file_write(path, changed, strlen(changed), &err));
    free(changed);
    free(text);
}

static void test_round_trip(void **state)
{
    device *dev = *state;
    error err;
    forget_all(dev);
    assert_null(choices_gemm(chooser.known));
    for (int d = 0; d < CONVOLUTION_DIRECTIONS; d++)
        for (int i = 0; i < 50; i++) { /* more than the first allocation holds */
            const convolution_call call = make_call(d, 16 + i, 4);
            assert_null(choices_find(chooser.known, &call));
            const convolution_algorithm *a = (i + d) % 2 ? &im2col_gemm : &implicit_gemm;
            CHECK_OK(choices_put(chooser.known, &call, by(a), 0.5 * (i + 1), &err));
        }
    choices_put_gemm(chooser.known, "cpu_tall", 0.25);
    CHECK_OK(choices_save(chooser.known, &err));
    start_again(dev);
    assert_string_equal(choices_gemm(chooser.known), "cpu_tall");
    for (int d = 0; d < CONVOLUTION_DIRECTIONS; d++)
        for (int i = 0; i < 50; i++) {
            const convolution_call call = make_call(d, 16 + i, 4);
            const choice *c = choices_find(chooser.known, &call);
            assert_non_null(c);
            assert_ptr_equal(c->by.algorithm, (i + d) % 2 ? &im2col_gemm : &implicit_gemm);
            assert_true(c->seconds == 0.5 * (i + 1));
        }
    forget_all(dev);
}

static void test_each_part_of_a_call_counts(void **state)
{
    device *dev = *state;
    error err;
    forget_all(dev);
    const convolution_call call = make_call(0, 16, 4);
    CHECK_OK(choices_put(chooser.known, &call, by(&im2col_gemm), 1, &err));
    convolution_call others[9];
    for (int i = 0; i < 9; i++)
        others[i] = call;
    others[0].direction = CONVOLUTION_BACKWARD_DATA;
    int *changed[] = {&others[1].shape.cin,    &others[2].shape.cout, &others[3].shape.kernel,
                      &others[4].shape.stride, &others[5].shape.pad,  &others[6].x.n,
                      &others[7].x.h,          &others[8].x.w};
    for (size_t i = 0; i < sizeof changed / sizeof changed[0]; i++)
        ++*changed[i];
    assert_non_null(choices_find(chooser.known, &call));
    for (int i = 0; i < 9; i++) {
        assert_null(choices_find(chooser.known, &others[i]));
        assert_false(choices_same_call(&call, &others[i]));
    }
    CHECK_OK(choices_put(chooser.known, &call, by(&implicit_gemm), 2, &err));
    assert_ptr_equal(choices_find(chooser.known, &call)->by.algorithm, &implicit_gemm);
    forget_all(dev);
}

/* A saved choice is used if it supports the call, unless HCNN_CONV forces a family. */
static void test_choosing(void **state)
{
    device *dev = *state;
    error err;
    forget_all(dev);
    const convolution_call call = make_call(0, 16, 4);
    convolution_call strided = call;
    strided.shape.stride = 2;
    strided.y = reference_convolution_output(&strided.shape, strided.x);
    const convolution_algorithm *quick = convolver_choose_quickly(&chooser, &call).algorithm;
    assert_ptr_equal(convolver_choose(&chooser, &call, true).algorithm, quick);
    const convolution_algorithm *other = quick == &im2col_gemm ? &implicit_gemm : &im2col_gemm;
    CHECK_OK(choices_put(chooser.known, &call, by(other), 1, &err));
    CHECK_OK(choices_put(chooser.known, &strided, by(&winograd4), 1, &err));
    assert_ptr_equal(convolver_choose(&chooser, &call, true).algorithm, other);
    assert_ptr_equal(convolver_choose(&chooser, &strided, true).algorithm,
                     convolver_choose_quickly(&chooser, &strided).algorithm);
    assert_ptr_equal(convolver_choose(&chooser, &call, false).algorithm, quick);
    setenv("HCNN_CONV", other == &im2col_gemm ? "gemm" : "im2col", 1);
    CHECK_OK(choices_save(chooser.known, &err));
    start_again(dev);
    assert_string_equal(convolver_choose(&chooser, &call, true).algorithm->family,
                        getenv("HCNN_CONV"));
    unsetenv("HCNN_CONV");
    forget_all(dev);
}

/* A tile is saved by its name. For an unknown tile, or one that the device cannot run, the default
 * is used. */
static void test_tiles(void **state)
{
    device *dev = *state;
    error err;
    const convolution_call call = make_call(0, 16, 4);
    const convolution_choice tall = {&direct_convolution,
                                     convolution_find_tile(&direct_convolution, "8x4")};
    assert_true(tall.tile > 0);
    forget_all(dev);
    CHECK_OK(choices_put(chooser.known, &call, tall, 1, &err));
    CHECK_OK(choices_save(chooser.known, &err));
    start_again(dev);
    convolution_choice found = convolver_choose(&chooser, &call, true);
    assert_ptr_equal(found.algorithm, &direct_convolution);
    assert_int_equal(found.tile, tall.tile);
    replace(choices_path(chooser.known), "\"8x4\"", "\"8x5\"");
    start_again(dev);
    found = convolver_choose(&chooser, &call, true);
    assert_ptr_equal(found.algorithm, &direct_convolution);
    assert_int_equal(found.tile, 0);
    CHECK_OK(
        choices_put(chooser.known, &call, (convolution_choice){&direct_convolution, 99}, 1, &err));
    found = convolver_choose(&chooser, &call, true);
    assert_ptr_equal(found.algorithm, &direct_convolution);
    assert_int_equal(found.tile, 0);
    forget_all(dev);
}

static const convolution_algorithm *after_replacing(device *dev, const char *from, const char *to)
{
    error err;
    const convolution_call call = make_call(0, 16, 4);
    forget_all(dev);
    char *path = strdup(choices_path(chooser.known));
    CHECK_OK(choices_put(chooser.known, &call, by(&im2col_gemm), 1, &err));
    CHECK_OK(choices_save(chooser.known, &err));
    replace(path, from, to);
    start_again(dev);
    const choice *found = choices_find(chooser.known, &call);
    free(path);
    return found ? found->by.algorithm : NULL;
}

static void test_foreign_files(void **state)
{
    device *dev = *state;
    char *name = text_format("\"device\": \"%.3s", dev->info.name);
    assert_ptr_equal(after_replacing(dev, "\n", "\n "),
                     &im2col_gemm); /* one more space does no harm */
    assert_null(after_replacing(dev, "\"format\": 1", "\"format\": 2"));
    assert_null(after_replacing(dev, "\"units\": ", "\"units\": 9"));
    assert_null(after_replacing(dev, name, "\"device\": \"another "));
    assert_null(after_replacing(dev, "\"driver\": \"", "\"driver\": \"new "));
    assert_null(after_replacing(dev, "\"program\": \"", "\"program\": \"9"));
    assert_null(after_replacing(dev, "\"kernels\": \"", "\"kernels\": \"0"));
    assert_null(after_replacing(dev, "\"made_for\"", "\"made\""));
    assert_null(after_replacing(dev, "\"im2col\"", "\"faster_than_all\""));
    assert_null(after_replacing(dev, "\"forward\"", "\"sideways\""));
    assert_null(after_replacing(dev, "\"cin\": 16", "\"cin\": \"16\""));
    free(name);
    forget_all(dev);
}

/* The file cut anywhere, or with any byte changed, is either read or ignored. */
static void test_damage(void **state)
{
    device *dev = *state;
    error err;
    const convolution_call call = make_call(0, 16, 4);
    forget_all(dev);
    CHECK_OK(choices_put(chooser.known, &call, by(&im2col_gemm), 1, &err));
    choices_put_gemm(chooser.known, "cpu_tall", 1);
    CHECK_OK(choices_save(chooser.known, &err));
    char *path = strdup(choices_path(chooser.known)), *text = read_text(path);
    size_t size = strlen(text);
    for (size_t length = 0; length < size; length += 7) {
        CHECK_OK(file_write(path, text, length, &err));
        start_again(dev);
        assert_null(choices_find(chooser.known, &call));
        assert_null(choices_gemm(chooser.known));
    }
    for (size_t at = 0; at < size; at += 3) {
        char kept = text[at];
        text[at] = (char)(kept ^ (1 << at % 8));
        CHECK_OK(file_write(path, text, size, &err));
        start_again(dev);
        assert_true(convolver_choose(&chooser, &call, true).algorithm->supports(dev, &call));
        text[at] = kept;
    }
    /* Saving over a damaged file repairs it. */
    CHECK_OK(file_write(path, "{", 1, &err));
    start_again(dev);
    CHECK_OK(choices_put(chooser.known, &call, by(&im2col_gemm), 1, &err));
    CHECK_OK(choices_save(chooser.known, &err));
    start_again(dev);
    assert_non_null(choices_find(chooser.known, &call));
    free(text);
    free(path);
    forget_all(dev);
}

/* Each entry is found among many, also after it was put again, and after all were read. */
static void test_many_entries(void **state)
{
    enum { ENTRIES = 5000 };
    device *dev = *state;
    error err;
    forget_all(dev);
    for (int twice = 0; twice < 2; twice++)
        for (int n = ENTRIES; n > 0; n--) {
            const convolution_call call = make_call(n % 3, 16, n);
            CHECK_OK(choices_put(chooser.known, &call, by(&im2col_gemm), twice * n, &err));
        }
    CHECK_OK(choices_save(chooser.known, &err));
    start_again(dev);
    for (int n = 1; n <= ENTRIES; n++) {
        const convolution_call call = make_call(n % 3, 16, n);
        const choice *found = choices_find(chooser.known, &call);
        assert_true(found && found->seconds == n);
    }
    forget_all(dev);
}

static void test_no_cache_directory(void **state)
{
    device *dev = *state;
    error err;
    char *home = getenv("HOME") ? strdup(getenv("HOME")) : NULL;
    unsetenv("HOME");
    unsetenv("XDG_CACHE_HOME");
    start_again(dev);
    CHECK_FAILS(STATUS_FAILED, "XDG_CACHE_HOME", choices_save(chooser.known, &err));
    setenv("XDG_CACHE_HOME", "/proc/no-such-place", 1);
    start_again(dev);
    CHECK_FAILS(STATUS_FAILED, "/proc/no-such-place", choices_save(chooser.known, &err));
    setenv("XDG_CACHE_HOME", directory, 1);
    if (home)
        setenv("HOME", home, 1);
    free(home);
}

/* Two processes that tune at the same time: each keeps its own measurements, and neither loses
 * those of the other. */
static void test_two_at_once(void **state)
{
    device *dev = *state;
    error err;
    const convolution_call both = make_call(0, 16, 4), mine = make_call(0, 17, 4);
    const convolution_call theirs = make_call(0, 18, 4);
    forget_all(dev);
    CHECK_OK(choices_put(chooser.known, &both, by(&im2col_gemm), 1, &err));
    CHECK_OK(choices_put(chooser.known, &mine, by(&im2col_gemm), 1, &err));
    convolver first = chooser;
    chooser = (convolver){0};
    start_again(dev);
    CHECK_OK(choices_put(chooser.known, &both, by(&implicit_gemm), 2, &err));
    CHECK_OK(choices_put(chooser.known, &theirs, by(&implicit_gemm), 2, &err));
    choices_put_gemm(chooser.known, "cpu_tall", 1);
    CHECK_OK(choices_save(chooser.known, &err));
    convolver_close(&chooser);
    chooser = first;
    CHECK_OK(choices_save(chooser.known, &err));
    start_again(dev);
    assert_ptr_equal(choices_find(chooser.known, &both)->by.algorithm, &im2col_gemm);
    assert_ptr_equal(choices_find(chooser.known, &mine)->by.algorithm, &im2col_gemm);
    assert_ptr_equal(choices_find(chooser.known, &theirs)->by.algorithm, &implicit_gemm);
    assert_string_equal(choices_gemm(chooser.known), "cpu_tall");
    forget_all(dev);
}

/* The choices of each precision have a file of their own. */
static void test_a_file_for_each_precision(void **state)
{
    device *dev = *state;
    error err;
    choices *with;
    const convolution_call call = make_call(0, 16, 4);
    forget_all(dev);
    CHECK_OK(choices_put(chooser.known, &call, by(&im2col_gemm), 1, &err));
    CHECK_OK(choices_save(chooser.known, &err));
    for (int p = 1; word_list_at(&precision_words, p); p++) {
        dev->precision = (enum precision)p;
        CHECK_OK(choices_open(dev, &with, &err));
        assert_string_not_equal(choices_path(with), choices_path(chooser.known));
        assert_null(choices_find(with, &call));
        CHECK_OK(choices_put(with, &call, by(&implicit_gemm), 1, &err));
        CHECK_OK(choices_save(with, &err));
        dev->precision = PRECISION_FP32;
        start_again(dev);
        assert_ptr_equal(choices_find(chooser.known, &call)->by.algorithm, &im2col_gemm);
        remove(choices_path(with));
        choices_close(with);
    }
    forget_all(dev);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_each_part_of_a_call_counts),
        cmocka_unit_test(test_choosing),      cmocka_unit_test(test_tiles),
        cmocka_unit_test(test_foreign_files), cmocka_unit_test(test_damage),
        cmocka_unit_test(test_many_entries),  cmocka_unit_test(test_no_cache_directory),
        cmocka_unit_test(test_two_at_once),   cmocka_unit_test(test_a_file_for_each_precision),
    };
    return cmocka_run_group_tests_name("choices", tests, set_up, tear_down);
}
