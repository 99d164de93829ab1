/* SPDX-License-Identifier: Apache-2.0 */
/* im2col copies the right pixels, and col2im is its transpose: <im2col(x), c> = <x, col2im(c)>. */
#include "ops/im2col.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>

enum { CASES = 30 };

typedef struct shape {
    int n, c;
    window_shape windows;
} shape;

static shape make_shape(int index)
{
    uint64_t seed = (uint64_t)index + 50;
    int kernel = support_pick(seed, 0, 1, 7), stride = support_pick(seed, 1, 1, 3);
    int pad = support_pick(seed, 2, 0, kernel / 2);
    int low = kernel - pad; /* room for at least one window */
    return (shape){support_pick(seed, 3, 1, 3), support_pick(seed, 4, 1, 35),
                   window_of(support_pick(seed, 5, low, 11), support_pick(seed, 6, low, 11), kernel,
                             stride, pad)};
}

static double pixel(const shape *s, const float *x, int n, int y, int column, int c)
{
    const window_shape *w = &s->windows;
    if (y < 0 || y >= w->h || column < 0 || column >= w->w)
        return 0;
    return x[((n * w->h + y) * w->w + column) * s->c + c];
}

static void unroll(const shape *s, const float *x, double *cols)
{
    const window_shape *w = &s->windows;
    for (int n = 0; n < s->n; n++)
        for (int o = 0; o < w->oh * w->ow; o++)
            for (int tap = 0; tap < w->rows * w->taps; tap++)
                for (int c = 0; c < s->c; c++)
                    *cols++ =
                        pixel(s, x, n, o / w->ow * w->stride - w->pad + w->ky0 + tap / w->taps,
                              o % w->ow * w->stride - w->pad + w->kx0 + tap % w->taps, c);
}

static double dot(const float *a, const float *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

static void check_shape(device *dev, const shape *s, uint64_t seed)
{
    error err;
    const window_shape *w = &s->windows;
    tensor x = support_tensor(dev, s->n, w->h, w->w, s->c, NULL);
    tensor back = support_tensor(dev, s->n, w->h, w->w, s->c, NULL);
    size_t nx = tensor_size(x);
    size_t nc = (size_t)(s->n * w->oh * w->ow * w->rows * w->taps * s->c);
    float *values = support_activations(dev, nx, seed, -1, 1);
    float *other = support_activations(dev, nc, seed + 1, -1, 1);
    double *want = support_memory(nc, sizeof *want);
    assert_ok(tensor_write(dev, x, values, &err), &err);
    tensor cols = support_tensor(dev, 1, 1, 1, (int)nc, NULL);
    tensor others = support_tensor(dev, 1, 1, 1, (int)nc, other);

    assert_ok(im2col_run(dev, x, w, cols.buffer, &err), &err);
    float *got = support_read(dev, cols);
    unroll(s, values, want);
    assert_close(got, want, nc, 0, 0);

    assert_ok(col2im_run(dev, others.buffer, w, back, false, &err), &err);
    float *folded = support_read(dev, back);
    /* Each of the sums is below 50 and is rounded once. */
    double slack = 1e-5 * (double)nc + 50 * support_rounding(dev) * (double)nx;
    assert_true(fabs(dot(got, other, nc) - dot(values, folded, nx)) < slack);

    assert_ok(col2im_run(dev, others.buffer, w, back, true, &err), &err);
    double *doubled = support_widen(folded, nx);
    for (size_t i = 0; i < nx; i++)
        doubled[i] *= 2;
    float *twice = support_read(dev, back);
    assert_close(twice, doubled, nx, 1e-6 + 2 * support_rounding(dev), 1e-6);

    void *host[] = {values, other, want, got, folded, doubled, twice};
    for (size_t i = 0; i < sizeof host / sizeof host[0]; i++)
        free(host[i]);
    tensor_release(&x);
    tensor_release(&back);
    tensor_release(&cols);
    tensor_release(&others);
}

static void test_random_shapes(void **state)
{
    for (int i = 0; i < support_cases(CASES); i++) {
        shape s = make_shape(i);
        check_shape(*state, &s, (uint64_t)i * 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_shapes),
                                       support_small_tests(test_random_shapes)};
    return cmocka_run_group_tests_name("im2col", tests, support_open_device, support_close_device);
}
