/* SPDX-License-Identifier: Apache-2.0 */
/* choices.c: what is remembered comes back, and any file that is not for this device and program is
 * as good as none. */
#include "base/file.h"
#include "base/text.h"
#include "check.h"
#include "ops/choices.h"
#include "support.h"

static char *directory;

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
    return support_close_device(state);
}

/* As in a new process: nothing is known but the file. */
static void start_again(device *dev)
{
    error err;
    free(dev->choices);
    dev->choices = NULL;
    assert_ok(convolution_prepare(dev, &err), &err);
}

static void forget_all(device *dev)
{
    char *path = choices_path(dev);
    remove(path);
    free(path);
    start_again(dev);
}

static convolution_call make_call(int direction, int cin, int n)
{
    convolution_call call = {.direction = (enum convolution_direction)direction,
                             .shape = {cin, 32, 3, 1, 1},
                             .x = {NULL, n, 8, 8, cin}};
    call.y = convolution_output(&call.shape, call.x);
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

/* Writes the file with `from` replaced by `to`, once. */
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
    assert_null(choices_gemm(dev));
    for (int d = 0; d < CONVOLUTION_DIRECTIONS; d++)
        for (int i = 0; i < 50; i++) { /* more than the first allocation holds */
            const convolution_call call = make_call(d, 16 + i, 4);
            assert_null(choices_find(dev, &call));
            const convolution_algorithm *a = (i + d) % 2 ? &im2col_gemm : &implicit_gemm;
            CHECK_OK(choices_put(dev, &call, a, 0.5 * (i + 1), &err));
        }
    CHECK_OK(choices_put_gemm(dev, "cpu_tall", 0.25, &err));
    CHECK_OK(choices_save(dev, &err));
    start_again(dev);
    assert_string_equal(choices_gemm(dev), "cpu_tall");
    for (int d = 0; d < CONVOLUTION_DIRECTIONS; d++)
        for (int i = 0; i < 50; i++) {
            const convolution_call call = make_call(d, 16 + i, 4);
            const choice *c = choices_find(dev, &call);
            assert_non_null(c);
            assert_ptr_equal(c->algorithm, (i + d) % 2 ? &im2col_gemm : &implicit_gemm);
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
    CHECK_OK(choices_put(dev, &call, &im2col_gemm, 1, &err));
    convolution_call others[9];
    for (int i = 0; i < 9; i++)
        others[i] = call;
    others[0].direction = CONVOLUTION_BACKWARD_DATA;
    int *changed[] = {&others[1].shape.cin,    &others[2].shape.cout, &others[3].shape.kernel,
                      &others[4].shape.stride, &others[5].shape.pad,  &others[6].x.n,
                      &others[7].x.h,          &others[8].x.w};
    for (size_t i = 0; i < sizeof changed / sizeof changed[0]; i++)
        ++*changed[i];
    assert_non_null(choices_find(dev, &call));
    for (int i = 0; i < 9; i++) {
        assert_null(choices_find(dev, &others[i]));
        assert_false(choices_same_call(&call, &others[i]));
    }
    CHECK_OK(choices_put(dev, &call, &implicit_gemm, 2, &err));
    assert_ptr_equal(choices_find(dev, &call)->algorithm, &implicit_gemm);
    forget_all(dev);
}

/* The remembered choice is taken where it supports the call, unless a family is forced. */
static void test_choosing(void **state)
{
    device *dev = *state;
    error err;
    forget_all(dev);
    const convolution_call call = make_call(0, 16, 4);
    convolution_call strided = call;
    strided.shape.stride = 2;
    strided.y = convolution_output(&strided.shape, strided.x);
    const convolution_algorithm *quick = convolution_choose_quickly(dev, &call);
    assert_ptr_equal(convolution_choose(dev, &call), quick);
    const convolution_algorithm *other = quick == &im2col_gemm ? &implicit_gemm : &im2col_gemm;
    CHECK_OK(choices_put(dev, &call, other, 1, &err));
    CHECK_OK(choices_put(dev, &strided, &winograd4, 1, &err));
    assert_ptr_equal(convolution_choose(dev, &call), other);
    assert_ptr_equal(convolution_choose(dev, &strided), convolution_choose_quickly(dev, &strided));
    choices_ignore(dev, true);
    assert_ptr_equal(convolution_choose(dev, &call), quick);
    choices_ignore(dev, false);
    assert_ptr_equal(convolution_choose(dev, &call), other);
    setenv("HCNN_CONV", other == &im2col_gemm ? "gemm" : "im2col", 1);
    CHECK_OK(convolution_prepare(dev, &err));
    assert_string_equal(convolution_choose(dev, &call)->family, getenv("HCNN_CONV"));
    unsetenv("HCNN_CONV");
    forget_all(dev);
}

static const convolution_algorithm *after_replacing(device *dev, const char *from, const char *to)
{
    error err;
    const convolution_call call = make_call(0, 16, 4);
    char *path = choices_path(dev);
    free(dev->choices);
    dev->choices = NULL;
    remove(path);
    CHECK_OK(choices_put(dev, &call, &im2col_gemm, 1, &err));
    CHECK_OK(choices_save(dev, &err));
    replace(path, from, to);
    start_again(dev);
    const choice *found = choices_find(dev, &call);
    free(path);
    return found ? found->algorithm : NULL;
}

static void test_strangers(void **state)
{
    device *dev = *state;
    char *name = text_format("\"device\": \"%.3s", dev->info.name);
    assert_ptr_equal(after_replacing(dev, "\n", "\n "),
                     &im2col_gemm); /* a space more is no fault */
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

/* Cut anywhere or with any byte changed, it is read without a failure, or not at all. */
static void test_damage(void **state)
{
    device *dev = *state;
    error err;
    const convolution_call call = make_call(0, 16, 4);
    forget_all(dev);
    CHECK_OK(choices_put(dev, &call, &im2col_gemm, 1, &err));
    CHECK_OK(choices_put_gemm(dev, "cpu_tall", 1, &err));
    CHECK_OK(choices_save(dev, &err));
    char *path = choices_path(dev), *text = read_text(path);
    size_t size = strlen(text);
    for (size_t length = 0; length < size; length += 7) {
        CHECK_OK(file_write(path, text, length, &err));
        start_again(dev);
        assert_null(choices_find(dev, &call));
        assert_null(choices_gemm(dev));
    }
    for (size_t at = 0; at < size; at += 3) {
        char kept = text[at];
        text[at] = (char)(kept ^ (1 << at % 8));
        CHECK_OK(file_write(path, text, size, &err));
        start_again(dev);
        assert_true(convolution_choose(dev, &call)->supports(dev, &call));
        text[at] = kept;
    }
    /* Writing over a damaged one is how it is mended. */
    CHECK_OK(file_write(path, "{", 1, &err));
    start_again(dev);
    CHECK_OK(choices_put(dev, &call, &im2col_gemm, 1, &err));
    CHECK_OK(choices_save(dev, &err));
    start_again(dev);
    assert_non_null(choices_find(dev, &call));
    free(text);
    free(path);
    forget_all(dev);
}

static void test_no_place(void **state)
{
    device *dev = *state;
    error err;
    char *home = getenv("HOME") ? strdup(getenv("HOME")) : NULL;
    unsetenv("HOME");
    unsetenv("XDG_CACHE_HOME");
    start_again(dev);
    CHECK_FAILS(STATUS_FAILED, "XDG_CACHE_HOME", choices_save(dev, &err));
    setenv("XDG_CACHE_HOME", "/proc/no-such-place", 1);
    CHECK_FAILS(STATUS_FAILED, "/proc/no-such-place", choices_save(dev, &err));
    setenv("XDG_CACHE_HOME", directory, 1);
    if (home)
        setenv("HOME", home, 1);
    free(home);
}

/* Two processes that tune at once: each keeps its own measurements, and neither loses the other's.
 */
static void test_two_at_once(void **state)
{
    device *dev = *state;
    error err;
    const convolution_call both = make_call(0, 16, 4), mine = make_call(0, 17, 4);
    const convolution_call theirs = make_call(0, 18, 4);
    forget_all(dev);
    CHECK_OK(choices_put(dev, &both, &im2col_gemm, 1, &err));
    CHECK_OK(choices_put(dev, &mine, &im2col_gemm, 1, &err));
    struct choices *first = dev->choices;
    dev->choices = NULL;
    CHECK_OK(choices_put(dev, &both, &implicit_gemm, 2, &err));
    CHECK_OK(choices_put(dev, &theirs, &implicit_gemm, 2, &err));
    CHECK_OK(choices_put_gemm(dev, "cpu_tall", 1, &err));
    CHECK_OK(choices_save(dev, &err));
    free(dev->choices);
    dev->choices = first;
    CHECK_OK(choices_save(dev, &err));
    start_again(dev);
    assert_ptr_equal(choices_find(dev, &both)->algorithm, &im2col_gemm);
    assert_ptr_equal(choices_find(dev, &mine)->algorithm, &im2col_gemm);
    assert_ptr_equal(choices_find(dev, &theirs)->algorithm, &implicit_gemm);
    assert_string_equal(choices_gemm(dev), "cpu_tall");
    forget_all(dev);
}

/* What is read before TF32 is known is not taken for it. */
static void test_tf32_apart(void **state)
{
    device *dev = *state;
    error err;
    const convolution_call call = make_call(0, 16, 4);
    forget_all(dev);
    CHECK_OK(choices_put(dev, &call, &im2col_gemm, 1, &err));
    CHECK_OK(choices_save(dev, &err));
    char *without = choices_path(dev);
    dev->tf32 = true;
    char *with = choices_path(dev);
    assert_string_not_equal(with, without);
    CHECK_OK(choices_load(dev, &err));
    assert_null(choices_find(dev, &call));
    CHECK_OK(choices_put(dev, &call, &implicit_gemm, 1, &err));
    CHECK_OK(choices_save(dev, &err));
    dev->tf32 = false;
    CHECK_OK(choices_load(dev, &err));
    assert_ptr_equal(choices_find(dev, &call)->algorithm, &im2col_gemm);
    remove(with);
    free(with);
    free(without);
    forget_all(dev);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),  cmocka_unit_test(test_each_part_of_a_call_counts),
        cmocka_unit_test(test_choosing),    cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_damage),      cmocka_unit_test(test_no_place),
        cmocka_unit_test(test_two_at_once), cmocka_unit_test(test_tf32_apart),
    };
    return cmocka_run_group_tests_name("choices", tests, set_up, tear_down);
}
