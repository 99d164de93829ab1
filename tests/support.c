/* SPDX-License-Identifier: Apache-2.0 */
/* See support.h. */
#include "support.h"
#include "base/file.h"
#include "base/random.h"
#include "base/text.h"
#include "check.h"
#include "device/verdicts.h"
#include "model/fit.h"
#include "model/parameters.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int support_open_device(void **state)
{
    error err;
    device *dev;
    if (device_open(&dev, &err) != STATUS_OK ||
        verdicts_open(&dev->info, &dev->verdicts, &err) != STATUS_OK) {
        print_error("%s\n", err.message);
        device_close(dev);
        return -1;
    }
    *state = dev; /* tests that copy it share its verdicts, which it closes */
    return 0;
}

static int open_with(enum precision precision, void **state)
{
    if (support_open_device(state) != 0)
        return -1;
    device_set_precision(*state, precision);
    return 0;
}

int support_open_tf32_device(void **state)
{
    return open_with(PRECISION_TF32, state);
}

int support_open_bf16_device(void **state)
{
    return open_with(PRECISION_BF16, state);
}

int support_open_fp16_device(void **state)
{
    return open_with(PRECISION_FP16, state);
}

void support_measure(device *dev, const network_options *options, uint64_t *bytes, int *largest)
{
    error err;
    graph g;
    convolver chooser;
    bool fits;
    CHECK_OK(convolver_open(dev, &chooser, &err));
    CHECK_OK(convolver_prepare_gemm(&chooser, &err));
    CHECK_OK(hcnn_build(options, &g, &err));
    CHECK_OK(parameters_freeze(&g, options->freeze, &err));
    CHECK_OK(graph_finish(&g, options->training, &err));
    CHECK_OK(fit_batch(&chooser, options, &g, options->batch_size, bytes, &fits, &err));
    CHECK_OK(fit_largest_batch(&chooser, options, &g, largest, &err));
    graph_free(&g);
    convolver_close(&chooser);
}

device *support_open_another(const device *dev)
{
    error err;
    device *another;
    assert_ok(device_open_info(&dev->info, &another, &err), &err);
    device_set_precision(another, dev->precision);
    return another;
}

int support_close_device(void **state)
{
    device_close(*state);
    return 0;
}

void *support_memory(size_t count, size_t size)
{
    void *memory = calloc(count > 0 ? count : 1, size);
    assert_non_null(memory);
    return memory;
}

void support_fill(float *values, size_t count, uint64_t seed, double low, double high)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(low + (high - low) * random_uniform(seed, RANDOM_TEST, i));
}

float *support_random(size_t count, uint64_t seed, double low, double high)
{
    float *values = support_memory(count, sizeof *values);
    support_fill(values, count, seed, low, high);
    return values;
}

float *support_activations(const device *dev, size_t count, uint64_t seed, double low, double high)
{
    float *values = support_random(count, seed, low, high);
    for (size_t i = 0; i < count; i++)
        values[i] = tensor_stored(dev, values[i]);
    return values;
}

double support_rounding(const device *dev)
{
    return precision_rounding(dev->precision);
}

double support_smallest(const device *dev)
{
    return dev->precision == PRECISION_FP16 ? 0x1p-25 : 0;
}

int support_pick(uint64_t seed, uint64_t draw, int low, int high)
{
    return low + (int)((high - low + 1) * random_uniform(~seed, RANDOM_TEST, draw));
}

__attribute__((constructor)) static void choose_tests(void)
{
    const char *only = getenv("HCNN_TEST_ONLY");
    if (only && *only)
        cmocka_set_test_filter(only);
}

int support_cases(int all)
{
    const char *most = getenv("HCNN_TEST_CASES");
    int given = most ? atoi(most) : 0; /* NOLINT(cert-err34-c): nonsense means all */
    return given > 0 && given < all ? given : all;
}

bool support_is_short(int all)
{
    return support_cases(all) < all;
}

int support_case(int i, int all)
{
    int cases = support_cases(all);
    return (2 * i + 1) * all / (2 * cases);
}

double *support_widen(const float *values, size_t count)
{
    double *wide = support_memory(count, sizeof *wide);
    for (size_t i = 0; i < count; i++)
        wide[i] = values[i];
    return wide;
}

static float *poisoned(size_t count)
{
    float *poison = support_memory(count, sizeof *poison);
    for (size_t i = 0; i < count; i++)
        poison[i] = NAN;
    return poison;
}

cl_mem support_buffer(device *dev, size_t count, const float *values)
{
    error err;
    cl_mem buffer;
    assert_ok(buffer_create(dev, count * sizeof(float), &buffer, &err), &err);
    float *poison = NULL;
    if (!values)
        values = poison = poisoned(count);
    assert_ok(buffer_write(dev, buffer, 0, values, count * sizeof(float), &err), &err);
    free(poison);
    return buffer;
}

float *support_read_buffer(device *dev, cl_mem buffer, size_t count)
{
    error err;
    float *values = support_memory(count, sizeof *values);
    assert_ok(buffer_read(dev, buffer, 0, values, count * sizeof(float), &err), &err);
    return values;
}

gradient_terms support_terms(uint64_t seed, int index)
{
    float drawn[2];
    support_fill(drawn, 2, seed + (uint64_t)index, -1, 1);
    const gradient_terms terms[SUPPORT_TERMS] = {
        {1, 0}, {1, 1}, {-0.25f, 1}, {drawn[0], drawn[1]}, {drawn[0], 0}};
    return terms[index];
}

support_target support_target_open(device *dev, size_t count, uint64_t seed, gradient_terms terms,
                                   const double *gradient)
{
    float *before = support_random(count, seed, -1, 1);
    support_target t = {support_buffer(dev, count, terms.beta != 0 ? before : NULL), terms,
                        support_memory(count, sizeof *t.want), count};
    for (size_t i = 0; i < count; i++)
        t.want[i] = terms.alpha * gradient[i] + terms.beta * before[i];
    free(before);
    return t;
}

void support_target_close(device *dev, support_target *t, double relative, double absolute)
{
    float *got = support_read_buffer(dev, t->buffer, t->count);
    double rounding = t->terms.beta != 0 ? 1e-7 : 0; /* of the values before */
    assert_close(got, t->want, t->count, relative, fabs(t->terms.alpha) * absolute + rounding);
    free(got);
    free(t->want);
    buffer_release(&t->buffer);
}

tensor support_tensor(device *dev, int n, int h, int w, int c, const float *values)
{
    error err;
    tensor t;
    float *poison = NULL;
    assert_ok(tensor_create(dev, n, h, w, c, &t, &err), &err);
    if (!values)
        values = poison = poisoned(tensor_size(t));
    assert_ok(tensor_write(dev, t, values, &err), &err);
    free(poison);
    return t;
}

float *support_read(device *dev, tensor t)
{
    error err;
    float *values = support_memory(tensor_size(t), sizeof *values);
    assert_ok(tensor_read(dev, t, values, &err), &err);
    return values;
}

void support_assert_ok(status result, const error *err, const char *file, int line)
{
    if (result == STATUS_OK)
        return;
    print_error("%s\n", err->message);
    _fail(file, line);
}

void support_assert_close(const char *what, const float *got, const double *want, size_t count,
                          double relative, double absolute, const char *file, int line)
{
    size_t worst = 0, wrong = 0;
    double worst_excess = 0;
    for (size_t i = 0; i < count; i++) {
        double difference = fabs(got[i] - want[i]);
        double excess = difference / (absolute + relative * fabs(want[i]));
        if (got[i] == want[i] || (isnan(got[i]) && isnan(want[i])) || excess <= 1)
            continue;
        wrong++;
        /* A NaN fails every comparison and counts as the worst. */
        if (wrong == 1 || !(excess <= worst_excess)) {
            worst = i;
            worst_excess = isnan(excess) ? INFINITY : excess;
        }
    }
    if (wrong == 0)
        return;
    print_error("%s: %zu of %zu differ; the worst is [%zu]: %.9g, expected %.9g (off by %.3g, "
                "%.3g times the tolerance)\n",
                what, wrong, count, worst, got[worst], want[worst], fabs(got[worst] - want[worst]),
                worst_excess);
    _fail(file, line);
}

void support_assert_same_bits(const char *what, const float *a, const float *b, size_t count,
                              const char *file, int line)
{
    if (memcmp(a, b, count * sizeof *a) == 0)
        return;
    size_t i = 0;
    while (memcmp(&a[i], &b[i], sizeof *a) == 0)
        i++;
    print_error("%s: the bits differ at [%zu] of %zu: %.9g and %.9g\n", what, i, count, a[i], b[i]);
    _fail(file, line);
}

int support_files_set_up(void **state, const char *name)
{
    support_files *f = support_memory(1, sizeof *f);
    f->directory = check_directory();
    f->path = text_format("%s/%s", f->directory, name);
    *state = f;
    return f->path ? 0 : -1;
}

int support_files_tear_down(void **state)
{
    support_files *f = *state;
    error err;
    CHECK_OK(file_remove_tree(f->directory, &err));
    free(f->directory);
    free(f->path);
    free(f);
    return 0;
}
