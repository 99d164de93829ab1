/* SPDX-License-Identifier: Apache-2.0 */
/* See convolution_check.h. The expected values are sums in double precision, and their gradients
 * are themselves checked by finite differences. */
#include "convolution_check.h"
#include "device/matrix_unit.h"
#include "ops/batchnorm.h"
#include "selftest/reference_convolution.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Error of fp32 sums of up to a few thousand products of numbers below 1. */
const tolerance convolution_tolerance = {2e-5, 5e-5};

static size_t x_count(const problem *p)
{
    return (size_t)p->n * (size_t)p->h * (size_t)p->w * (size_t)p->s.cin;
}

static size_t y_count(const problem *p)
{
    return (size_t)p->n * (size_t)p->oh * (size_t)p->ow * (size_t)p->s.cout;
}

static size_t w_count(const problem *p)
{
    return (size_t)p->s.kernel * (size_t)p->s.kernel * (size_t)p->s.cin * (size_t)p->s.cout;
}

/* x as a tensor without a buffer. */
static tensor x_of(const problem *p)
{
    return (tensor){NULL, p->n, p->h, p->w, p->s.cin};
}

/* The first problems are odd cases, the others are random; a kernel of 0 is drawn too. */
problem convolution_problem(int index, int kernel)
{
    static const problem odd[] = {
        {{1, 1, 3, 1, 1}, 1, 1, 1, 0, 0},    {{5, 3, 3, 2, 1}, 2, 2, 2, 0, 0},
        {{3, 17, 7, 2, 3}, 1, 9, 11, 0, 0},  {{33, 16, 3, 1, 1}, 3, 1, 1, 0, 0},
        {{16, 20, 3, 1, 1}, 2, 1, 5, 0, 0},  {{3, 8, 7, 2, 3}, 2, 1, 1, 0, 0},
        {{300, 70, 3, 1, 1}, 3, 2, 2, 0, 0}, {{130, 290, 3, 2, 1}, 2, 3, 3, 0, 0},
        {{5, 37, 3, 1, 1}, 2, 13, 11, 0, 0},
    };
    static const problem odd_pointwise[] = {
        {{1, 1, 1, 1, 0}, 1, 1, 1, 0, 0},     {{530, 45, 1, 1, 0}, 5, 1, 1, 0, 0},
        {{20, 530, 1, 2, 0}, 3, 3, 4, 0, 0},  {{33, 100, 1, 1, 0}, 1, 25, 13, 0, 0},
        {{130, 290, 1, 2, 0}, 1, 1, 2, 0, 0},
    };
    uint64_t seed = (uint64_t)index + 100u * (uint64_t)kernel;
    problem p;
    if (!kernel && (size_t)index < sizeof odd / sizeof odd[0]) {
        p = odd[index];
    } else if (kernel == 1 && (size_t)index < sizeof odd_pointwise / sizeof odd_pointwise[0]) {
        p = odd_pointwise[index];
    } else {
        int k = kernel ? kernel : 2 * support_pick(seed, 0, 1, 3) + 1;
        p.s = (convolution_shape){support_pick(seed, 1, 1, 40), support_pick(seed, 2, 1, 40), k,
                                  support_pick(seed, 3, 1, 2), k / 2};
        p.n = support_pick(seed, 4, 1, 4);
        p.h = support_pick(seed, 5, 1, 12);
        p.w = support_pick(seed, 6, 1, 12);
    }
    p.oh = (p.h + 2 * p.s.pad - p.s.kernel) / p.s.stride + 1;
    p.ow = (p.w + 2 * p.s.pad - p.s.kernel) / p.s.stride + 1;
    return p;
}

/* Values after each result, so that a kernel that writes past its end is noticed. */
enum { GUARD = 4096 };
static const float guard = 77;

static float *guarded_values(size_t count, const float *values)
{
    float *all = support_memory(count + GUARD, sizeof *all);
    for (size_t i = 0; i < count + GUARD; i++)
        all[i] = i >= count ? guard : values ? values[i] : NAN;
    return all;
}

static cl_mem guarded_buffer(device *dev, size_t count, const float *values)
{
    float *all = guarded_values(count, values);
    cl_mem buffer = support_buffer(dev, count + GUARD, all);
    free(all);
    return buffer;
}

/* The same for an activation, which is stored in the device's precision. */
static tensor guarded_tensor(device *dev, int n, int h, int w, int c, const float *values)
{
    tensor shape = {NULL, n, h, w, c};
    size_t count = tensor_size(shape);
    float *all = guarded_values(count, values);
    shape.buffer = support_tensor(dev, 1, 1, 1, (int)count + GUARD, all).buffer;
    free(all);
    return shape;
}

/* Checks the values after `count`, and frees `all`. */
static void assert_guard(float *all, size_t count)
{
    for (size_t i = count; i < count + GUARD; i++)
        if (all[i] != guard)
            fail_msg("the value %zu past the end is %g", i - count, all[i]);
    free(all);
}

static void assert_guarded(device *dev, cl_mem buffer, size_t count)
{
    assert_guard(support_read_buffer(dev, buffer, count + GUARD), count);
}

static void assert_guarded_tensor(device *dev, tensor t)
{
    size_t count = tensor_size(t);
    assert_guard(support_read(dev, (tensor){t.buffer, 1, 1, 1, (int)count + GUARD}), count);
}

typedef struct tensors {
    tensor x, y, dy, dx;
    cl_mem w, dw;
} tensors;

/* Rounds up: halves may end in the middle of a float. */
static size_t floats_in(size_t bytes)
{
    return (bytes + sizeof(float) - 1) / sizeof(float);
}

/* Runs one direction with exactly the memory that the algorithm asked for. */
static void run_call(device *dev, convolution_choice by, const convolution_call *given)
{
    error err;
    convolution_bytes bytes;
    convolution_call call = convolution_by(by, given);
    /* The direct convolution computes what the algorithm does not support, so that the comparison
     * below still works. Every algorithm supports one direction. */
    if (call.direction != CONVOLUTION_BACKWARD_WEIGHTS && !by.algorithm->supports(dev, &call))
        call.by = (convolution_choice){&direct_convolution, 0};
    assert_true(call.by.algorithm->supports(dev, &call));
    assert_ok(call.by.algorithm->measure(dev, &call, &bytes, &err), &err);
    convolution_memory memory = {0};
    if (bytes.columns)
        memory.columns = support_buffer(dev, floats_in(bytes.columns), NULL);
    if (bytes.weights)
        memory.weights = support_buffer(dev, floats_in(bytes.weights), NULL);
    if (bytes.scratch)
        memory.scratch = support_buffer(dev, floats_in(bytes.scratch), NULL);
    if (bytes.prepared)
        memory.prepared = support_buffer(dev, floats_in(bytes.prepared), NULL);
    assert_ok(convolution_run(dev, &call, memory, &err), &err);
    convolution_memory_release(&memory);
}

/* The memory measured for a batch must be enough for every smaller batch. */
static void check_smaller_batches(device *dev, convolution_choice by, const convolution_call *given)
{
    error err;
    convolution_bytes most, bytes;
    const convolution_call largest = convolution_by(by, given);
    if (!by.algorithm->supports(dev, &largest))
        return;
    assert_ok(by.algorithm->measure(dev, &largest, &most, &err), &err);
    for (int n = 1; n < largest.x.n; n++) {
        convolution_call call = largest;
        call.x.n = call.y.n = n;
        assert_true(by.algorithm->supports(dev, &call));
        assert_ok(by.algorithm->measure(dev, &call, &bytes, &err), &err);
        assert_true(bytes.columns <= most.columns && bytes.weights <= most.weights);
        assert_true(bytes.scratch <= most.scratch && bytes.sums <= most.sums);
        assert_true(bytes.prepared <= most.prepared);
    }
}

static void run_all(device *dev, convolution_choice by, const problem *p, const tensors *t,
                    bool accumulate)
{
    const convolution_call forward = {.direction = CONVOLUTION_FORWARD,
                                      .shape = p->s,
                                      .x = t->x,
                                      .y = t->y,
                                      .weights = t->w,
                                      .fixed = accumulate};
    const convolution_call data = {.direction = CONVOLUTION_BACKWARD_DATA,
                                   .shape = p->s,
                                   .x = t->dx,
                                   .y = t->dy,
                                   .weights = t->w,
                                   .fixed = !accumulate,
                                   .accumulate = accumulate};
    const convolution_call weights = {.direction = CONVOLUTION_BACKWARD_WEIGHTS,
                                      .shape = p->s,
                                      .x = t->x,
                                      .y = t->dy,
                                      .weights = t->dw,
                                      .terms = {1, 0}};
    const convolution_call *const calls[] = {&forward, &weights, &data};
    for (int i = 0; i < CONVOLUTION_DIRECTIONS; i++) {
        run_call(dev, by, calls[i]);
        check_smaller_batches(dev, by, calls[i]);
    }
}

static double largest_of(const double *values, size_t count)
{
    double largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = __builtin_fmax(largest, __builtin_fabs(values[i]));
    return largest;
}

/* Fills an activation with NaNs before a pass, so that a value that the pass leaves out is
 * noticed. */
static void forget(device *dev, tensor t)
{
    error err;
    float *values = support_memory(tensor_size(t), sizeof *values);
    for (size_t i = 0; i < tensor_size(t); i++)
        values[i] = NAN;
    assert_ok(tensor_write(dev, t, values, &err), &err);
    free(values);
}

/* The forward pass with a finish. The seed decides about the scale, the residual and the ReLU. */
static void check_finish(device *dev, convolution_choice by, const problem *p, const tensors *t,
                         const double *plain, uint64_t seed, tolerance within)
{
    size_t ny = y_count(p), c = (size_t)p->s.cout;
    bool relu = seed / 1000 % 2, scaled = seed / 1000 % 3, added = seed / 1000 % 5 < 3;
    float *scale = support_random(c, seed + 4, -2, 2), *shift = support_random(c, seed + 5, -2, 2);
    float *residual = support_activations(dev, ny, seed + 6, -1, 1);
    double *want = support_memory(ny, sizeof *want);
    for (size_t i = 0; i < ny; i++) {
        want[i] = plain[i] * (scaled ? (double)scale[i % c] : 1) + (double)shift[i % c] +
                  (added ? (double)residual[i] : 0);
        want[i] = relu && want[i] < 0 ? 0 : want[i];
    }
    tensor added_tensor = {0};
    if (added)
        added_tensor = support_tensor(dev, p->n, p->oh, p->ow, p->s.cout, residual);
    convolution_finish finish = {.scale = scaled ? support_buffer(dev, c, scale) : NULL,
                                 .shift = support_buffer(dev, c, shift),
                                 .residual = added_tensor.buffer,
                                 .relu = relu};
    const convolution_call call = {.direction = CONVOLUTION_FORWARD,
                                   .shape = p->s,
                                   .x = t->x,
                                   .y = t->y,
                                   .weights = t->w,
                                   .fixed = true,
                                   .finish = finish};
    forget(dev, t->y);
    run_call(dev, by, &call);
    assert_guarded_tensor(dev, t->y);
    float *y = support_read(dev, t->y);
    /* The scale multiplies the error of the sums, and of a plain result that may have been stored,
     * by up to 2. */
    double rounding = support_rounding(dev), stored = rounding * largest_of(plain, ny);
    assert_close(y, want, ny, within.relative + rounding, 2 * (within.absolute + stored));
    buffer_release(&finish.scale);
    buffer_release(&finish.shift);
    tensor_release(&added_tensor);
    free(scale);
    free(shift);
    free(residual);
    free(want);
    free(y);
}

/* The forward pass with statistics, in a buffer of exactly as many runs as it announces. */
static void check_sums(device *dev, convolution_choice by, const problem *p, const tensors *t,
                       const double *plain, tolerance within)
{
    size_t ny = y_count(p), c = (size_t)p->s.cout, pixels;
    error err;
    convolution_call call = {.by = by,
                             .direction = CONVOLUTION_FORWARD,
                             .shape = p->s,
                             .x = t->x,
                             .y = t->y,
                             .weights = t->w};
    bool supported = by.algorithm->supports(dev, &call);
    size_t runs = supported ? by.algorithm->sum_runs(dev, &call) : 0;
    if (runs == 0)
        return;
    size_t floats = batchnorm_sums_bytes(runs, p->s.cout) / sizeof(float);
    convolution_bytes bytes;
    assert_ok(by.algorithm->measure(dev, &call, &bytes, &err), &err);
    assert_true(floats * sizeof(float) <= bytes.sums);
    call.sums = guarded_buffer(dev, floats, NULL);
    forget(dev, t->y);
    run_call(dev, by, &call);
    assert_guarded(dev, call.sums, floats);
    assert_guarded_tensor(dev, t->y);

    float *sums = support_read_buffer(dev, call.sums, floats);
    double *mean = support_memory(c, sizeof *mean), *squares = support_memory(c, sizeof *squares);
    pixels = reference_combine_runs(sums, runs, c, mean, squares);
    assert_int_equal(pixels, ny / c);
    double stored = support_rounding(dev) * largest_of(plain, ny); /* of one result */
    for (size_t i = 0; i < c; i++) {
        double want = 0, deviation = 0;
        for (size_t at = i; at < ny; at += c)
            want += plain[at] / (double)pixels;
        for (size_t at = i; at < ny; at += c)
            deviation += (plain[at] - want) * (plain[at] - want);
        double turned = 2 * stored * __builtin_sqrt(deviation * (double)pixels) +
                        stored * stored * (double)pixels;
        assert_true(__builtin_fabs(mean[i] - want) <= within.absolute + stored);
        assert_true(__builtin_fabs(squares[i] - deviation) <=
                    within.absolute * (double)pixels + 1e-4 * deviation + turned);
    }
    buffer_release(&call.sums);
    free(sums);
    free(mean);
    free(squares);
}

/* Whether tap k, along a side of `size` pixels, meets the image for any of the `out` outputs. */
static bool tap_meets(const problem *p, int k, int size, int out)
{
    for (int o = 0; o < out; o++)
        if (o * p->s.stride - p->s.pad + k >= 0 && o * p->s.stride - p->s.pad + k < size)
            return true;
    return false;
}

/* Clears the weights of taps that meet only padding: an algorithm may leave those as they are. */
static void clear_unmet(const problem *p, float *weights)
{
    size_t matrix = (size_t)p->s.cin * (size_t)p->s.cout;
    for (int tap = 0; tap < p->s.kernel * p->s.kernel; tap++)
        if (!tap_meets(p, tap / p->s.kernel, p->h, p->oh) ||
            !tap_meets(p, tap % p->s.kernel, p->w, p->ow))
            memset(weights + (size_t)tap * matrix, 0, matrix * sizeof *weights);
}

/* The weight gradient with other terms. The buffer starts with random values, or with NaNs if beta
 * is 0. */
static void check_terms(device *dev, convolution_choice by, const problem *p, const tensors *t,
                        const double *gradient, gradient_terms terms, uint64_t seed,
                        tolerance within)
{
    size_t nw = w_count(p);
    float *before = support_random(nw, seed, -1, 1);
    for (size_t i = 0; i < nw && terms.beta == 0; i++)
        before[i] = NAN;
    if (terms.beta != 1)
        clear_unmet(p, before);
    double *want = support_memory(nw, sizeof *want);
    for (size_t i = 0; i < nw; i++)
        want[i] = terms.alpha * gradient[i] + (isnan(before[i]) ? 0 : terms.beta * before[i]);
    const convolution_call call = {.direction = CONVOLUTION_BACKWARD_WEIGHTS,
                                   .shape = p->s,
                                   .x = t->x,
                                   .y = t->dy,
                                   .weights = guarded_buffer(dev, nw, before),
                                   .terms = terms};
    run_call(dev, by, &call);
    assert_guarded(dev, call.weights, nw);
    float *got = support_read_buffer(dev, call.weights, nw);
    double rounding = terms.beta != 0 ? 1e-7 : 0; /* of the values before */
    assert_close(got, want, nw, within.relative, fabs(terms.alpha) * within.absolute + rounding);
    clReleaseMemObject(call.weights);
    free(before);
    free(want);
    free(got);
}

void convolution_check(device *dev, const convolution_algorithm *algorithm, const problem *p,
                       uint64_t seed, bool accumulate, tolerance within)
{
    convolution_check_by(dev, (convolution_choice){algorithm, 0}, p, seed, accumulate, within);
}

/* Weights, which the device's unit does not round. */
static float *make_factors(const device *dev, size_t count, uint64_t seed)
{
    return dev->unit->precision == dev->precision ? support_activations(dev, count, seed, -1, 1)
                                                  : support_random(count, seed, -1, 1);
}

void convolution_check_by(device *dev, convolution_choice by, const problem *p, uint64_t seed,
                          bool accumulate, tolerance within)
{
    size_t nx = x_count(p), ny = y_count(p), nw = w_count(p);
    float *x = support_activations(dev, nx, seed, -1, 1), *w = make_factors(dev, nw, seed + 1);
    float *dy = support_activations(dev, ny, seed + 2, -1, 1);
    float *before = support_activations(dev, nx, seed + 3, -1, 1);
    float *zeros = support_memory(nw, sizeof *zeros);
    reference_convolution want = {
        x, w, dy, support_memory(ny, sizeof(double)), NULL, support_memory(nw, sizeof(double))};
    want.dx = accumulate ? support_widen(before, nx) : support_memory(nx, sizeof(double));
    reference_convolution_add(&p->s, x_of(p), &want);

    tensors t = {.x = support_tensor(dev, p->n, p->h, p->w, p->s.cin, x),
                 .y = guarded_tensor(dev, p->n, p->oh, p->ow, p->s.cout, NULL),
                 .dy = support_tensor(dev, p->n, p->oh, p->ow, p->s.cout, dy),
                 .dx = guarded_tensor(dev, p->n, p->h, p->w, p->s.cin, accumulate ? before : NULL),
                 .w = support_buffer(dev, nw, w),
                 .dw = guarded_buffer(dev, nw, zeros)};
    run_all(dev, by, p, &t, accumulate);
    assert_guarded_tensor(dev, t.y);
    assert_guarded_tensor(dev, t.dx);
    assert_guarded(dev, t.dw, nw);

    float *y = support_read(dev, t.y), *dx = support_read(dev, t.dx);
    float *dw = support_read_buffer(dev, t.dw, nw);
    double stored = within.relative + support_rounding(dev);
    assert_close(y, want.y, ny, stored, within.absolute);
    assert_close(dx, want.dx, nx, stored, within.absolute);
    assert_close(dw, want.dw, nw, within.relative, within.absolute);

    for (int i = 0; i < SUPPORT_TERMS; i++)
        check_terms(dev, by, p, &t, want.dw, support_terms(seed, i), seed + 7, within);
    if (by.algorithm->finishes)
        check_finish(dev, by, p, &t, want.y, seed, within);
    if (by.algorithm->sum_runs)
        check_sums(dev, by, p, &t, want.y, within);

    float *host[] = {x, w, dy, before, zeros, y, dx, dw};
    for (size_t i = 0; i < sizeof host / sizeof host[0]; i++)
        free(host[i]);
    free(want.y);
    free(want.dx);
    free(want.dw);
    tensor *device_tensors[] = {&t.x, &t.y, &t.dy, &t.dx};
    for (size_t i = 0; i < sizeof device_tensors / sizeof device_tensors[0]; i++)
        tensor_release(device_tensors[i]);
    cl_mem *buffers[] = {&t.w, &t.dw};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        buffer_release(buffers[i]);
}

/* Gradients of sum(y * dy) by central differences in double precision. */
static double loss_of(const problem *p, const float *x, const float *w, const float *dy)
{
    double loss = 0, *y = support_memory(y_count(p), sizeof *y);
    const reference_convolution r = {.x = x, .w = w, .y = y};
    reference_convolution_add(&p->s, x_of(p), &r);
    for (size_t i = 0; i < y_count(p); i++)
        loss += y[i] * dy[i];
    free(y);
    return loss;
}

static double slope(const problem *p, const float *x, const float *w, const float *dy, float *moved)
{
    float before = *moved;
    *moved = before + 0.125f; /* the loss is linear in each value, so any step is exact */
    double high = loss_of(p, x, w, dy);
    *moved = before - 0.125f;
    double low = loss_of(p, x, w, dy);
    *moved = before;
    return (high - low) / 0.25;
}

void convolution_check_reference(void)
{
    problem p = {{3, 4, 3, 2, 1}, 2, 5, 4, 3, 2};
    size_t nx = x_count(&p), nw = w_count(&p), ny = y_count(&p);
    float *x = support_random(nx, 1, -1, 1), *w = support_random(nw, 2, -1, 1);
    float *dy = support_random(ny, 3, -1, 1);
    reference_convolution a = {x,
                               w,
                               dy,
                               support_memory(ny, sizeof(double)),
                               support_memory(nx, sizeof(double)),
                               support_memory(nw, sizeof(double))};
    reference_convolution_add(&p.s, x_of(&p), &a);
    for (size_t i = 0; i < nx; i++)
        assert_true(__builtin_fabs(slope(&p, x, w, dy, &x[i]) - a.dx[i]) < 1e-6);
    for (size_t i = 0; i < nw; i++)
        assert_true(__builtin_fabs(slope(&p, x, w, dy, &w[i]) - a.dw[i]) < 1e-6);
    free(x);
    free(w);
    free(dy);
    free(a.y);
    free(a.dx);
    free(a.dw);
}
