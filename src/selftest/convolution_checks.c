/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of convolutions; see convolution_checks.h. */
#include "selftest/convolution_checks.h"
#include "device/matrix_unit.h"
#include "ops/batchnorm.h"
#include "selftest/reference_convolution.h"

#include <stdlib.h>
#include <string.h>

/* Shapes that fill no vector, no tile and no work-group. The first has more pixels than a part or a
 * chunk of a weight gradient's sum; the others are for algorithms that support only 1x1
 * convolutions, only a first layer, or only maps of 2x2. */
typedef struct check_shape {
    convolution_shape s;
    int n, h, w;
} check_shape;
static const check_shape check_shapes[] = {
    {{19, 37, 3, 1, 1}, 2, 13, 11}, {{70, 45, 1, 1, 0}, 3, 9, 11}, {{3, 21, 7, 2, 3}, 2, 15, 17},
    {{21, 35, 3, 2, 1}, 2, 9, 7},   {{33, 20, 1, 2, 0}, 2, 7, 9},  {{35, 19, 3, 1, 1}, 3, 1, 1},
    {{34, 21, 3, 1, 1}, 3, 2, 2},
};
enum { CHECK_SHAPES = sizeof check_shapes / sizeof check_shapes[0] };

/* The largest error of sums in single precision, in roundings of the largest result. The sums have
 * at most 630 products. Winograd's F(4x4) loses most: its transforms add numbers up to 100 times as
 * large as their result. TF32 rounds each factor to 11 bits, and where a unit multiplies bf16,
 * Winograd's F(2x2) rounds its transformed factors to 8. */
enum { SUMS = 64, SUMS_WINOGRAD = 1024, SUMS_TF32 = 1 << 14, SUMS_WINOGRAD_BF16 = 1 << 17 };

static double roundings_of(const device *dev, const convolution_algorithm *a)
{
    bool winograd = strcmp(a->family, "winograd") == 0;
    if (winograd && dev->unit->steps > 1)
        return SUMS_WINOGRAD_BF16;
    return a->tf32 ? SUMS_TF32 : winograd ? SUMS_WINOGRAD : SUMS;
}

static convolution_call call_of(convolution_choice by, enum convolution_direction direction,
                                const check_shape *c)
{
    const tensor x = {NULL, c->n, c->h, c->w, c->s.cin};
    return (convolution_call){.by = by,
                              .direction = direction,
                              .shape = c->s,
                              .x = x,
                              .y = reference_convolution_output(&c->s, x),
                              .terms = {1, 0}};
}

static bool supports(const device *dev, const convolution_call *call)
{
    return call->by.algorithm->supports(dev, call);
}

bool convolution_check_applies(const device *dev, convolution_choice by,
                               enum convolution_direction direction)
{
    for (int i = 0; i < CHECK_SHAPES; i++) {
        const convolution_call call = call_of(by, direction, &check_shapes[i]);
        if (supports(dev, &call))
            return true;
    }
    return false;
}

/* ---- Running ---- */

/* Runs the call with exactly the memory that it asks for. */
static status run_call(device *dev, const convolution_call *call, error *err)
{
    convolution_bytes bytes;
    convolution_memory memory = {0};
    status result;
    TRY_OR_DONE(call->by.algorithm->measure(dev, call, &bytes, err));
    TRY_OR_DONE(convolution_memory_create(dev, &bytes, &memory, err));
    TRY_OR_DONE(convolution_run(dev, call, memory, err));
    result = device_finish(dev, err);
done:
    convolution_memory_release(&memory);
    return result;
}

static const value_range ones = {-1, 1}, zeros = {0, 0};

static status check_weights(check_run *r, convolution_call *call, error *err)
{
    const operand *x, *dy, *dw;
    reference_convolution reference = {0};
    const gradient_terms terms[] = {{1, 0}, {-0.5F, 1}}; /* stored; a step of descent */
    /* A stored gradient leaves taps that meet only padding unchanged. */
    const bool all_meet = call->shape.kernel <= call->x.h && call->shape.kernel <= call->x.w;
    const value_range before = all_meet ? UNWRITTEN : zeros;
    TRY(check_activation(r, call->x, ones, &x, err));
    TRY(check_activation(r, call->y, ones, &dy, err));
    for (int i = 0; i < 2; i++) {
        TRY(check_floats(r, convolution_weights(&call->shape), i ? ones : before, &dw, err));
        double *gradient = calloc(dw->count, sizeof *gradient);
        TRY(got_memory(gradient, err, "a check's values"));
        reference = (reference_convolution){.x = x->values, .dy = dy->values, .dw = gradient};
        reference_convolution_add(&call->shape, call->x, &reference);
        for (size_t k = 0; k < dw->count; k++)
            dw->want[k] = terms[i].alpha * gradient[k] +
                          (terms[i].beta == 0 ? 0 : terms[i].beta * dw->want[k]);
        free(gradient);
        call->x = x->t;
        call->y = dy->t;
        call->weights = dw->t.buffer;
        call->terms = terms[i];
        TRY(run_call(r->dev, call, err));
        TRY(check_result(r, dw, roundings_of(r->dev, call->by.algorithm), err));
    }
    return STATUS_OK;
}

static status check_data(check_run *r, convolution_call *call, error *err)
{
    const operand *w, *dy, *dx;
    TRY(check_factors(r, convolution_weights(&call->shape), ones, &w, err));
    TRY(check_activation(r, call->y, ones, &dy, err));
    for (int i = 0; i < 2; i++) {
        call->accumulate = call->fixed = i == 1;
        TRY(check_activation(r, call->x, i ? ones : UNWRITTEN, &dx, err));
        if (!call->accumulate)
            memset(dx->want, 0, dx->count * sizeof *dx->want);
        const reference_convolution reference = {.w = w->values, .dy = dy->values, .dx = dx->want};
        reference_convolution_add(&call->shape, call->x, &reference);
        call->x = dx->t;
        call->y = dy->t;
        call->weights = w->t.buffer;
        TRY(run_call(r->dev, call, err));
        TRY(check_result(r, dx, roundings_of(r->dev, call->by.algorithm), err));
    }
    return STATUS_OK;
}

/* Compares the statistics that a forward pass computed with those of its expected results. */
static status compare_sums(check_run *r, const float *sums, size_t runs, const operand *y,
                           double *work, error *err)
{
    size_t c = (size_t)y->t.c, pixels = y->count / c;
    double *mean = work, *squares = work + c, *want = work + 2 * c;
    if (reference_combine_runs(sums, runs, c, mean, squares) != pixels)
        return error_set(err, STATUS_FAILED, "the statistics of a forward pass lack pixels");
    for (size_t i = 0; i < y->count; i++)
        want[i % c] += y->want[i] / (double)pixels;
    for (size_t i = 0; i < y->count; i++)
        want[c + i % c] += (y->want[i] - want[i % c]) * (y->want[i] - want[i % c]);
    float *got = malloc(2 * c * sizeof *got);
    TRY(got_memory(got, err, "a check's results"));
    for (size_t i = 0; i < 2 * c; i++)
        got[i] = (float)work[i];
    double bound = 8 * SUMS_WINOGRAD * 0x1p-24 + 2 * precision_rounding(r->dev->precision);
    deviation_add(r->found, got, want, c, bound);
    deviation_add(r->found, got + c, want + c, c, bound);
    free(got);
    return STATUS_OK;
}

static status check_sums(check_run *r, convolution_call *call, const operand *y, error *err)
{
    size_t runs = call->by.algorithm->sum_runs(r->dev, call), c = (size_t)call->shape.cout;
    const operand *sums;
    if (runs == 0)
        return STATUS_OK;
    size_t count = batchnorm_sums_bytes(runs, call->shape.cout) / sizeof(float);
    TRY(check_floats(r, count, UNWRITTEN, &sums, err));
    call->sums = sums->t.buffer;
    TRY(run_call(r->dev, call, err));
    call->sums = NULL;
    TRY(check_result(r, y, roundings_of(r->dev, call->by.algorithm), err));
    TRY(buffer_read(r->dev, sums->t.buffer, 0, sums->values, count * sizeof(float), err));
    double *work = calloc(4 * c, sizeof *work);
    TRY(got_memory(work, err, "a check's values"));
    status result = compare_sums(r, sums->values, runs, y, work, err);
    free(work);
    return result;
}

/* The forward pass with a scale, a shift, a residual and a ReLU. */
static status check_finish(check_run *r, convolution_call *call, const operand *plain, error *err)
{
    const operand *scale, *shift, *residual, *y;
    size_t c = (size_t)call->shape.cout;
    TRY(check_floats(r, c, ones, &scale, err));
    TRY(check_floats(r, c, ones, &shift, err));
    TRY(check_activation(r, call->y, ones, &residual, err));
    TRY(check_activation(r, call->y, UNWRITTEN, &y, err));
    for (size_t i = 0; i < y->count; i++) {
        double value = scale->want[i % c] * plain->want[i] + shift->want[i % c] + residual->want[i];
        y->want[i] = value < 0 ? 0 : value;
    }
    call->y = y->t;
    call->finish = (convolution_finish){scale->t.buffer, shift->t.buffer, residual->t.buffer, true};
    call->fixed = true; /* as in evaluation */
    TRY(run_call(r->dev, call, err));
    /* The plain result may have been stored in between. */
    double stored = 2 * precision_rounding(r->dev->precision) / 0x1p-24;
    return check_result(r, y, 2 * roundings_of(r->dev, call->by.algorithm) + stored, err);
}

static status check_forward(check_run *r, convolution_call *call, error *err)
{
    const operand *x, *w, *y;
    TRY(check_activation(r, call->x, ones, &x, err));
    TRY(check_factors(r, convolution_weights(&call->shape), ones, &w, err));
    TRY(check_activation(r, call->y, UNWRITTEN, &y, err));
    memset(y->want, 0, y->count * sizeof *y->want);
    const reference_convolution reference = {.x = x->values, .w = w->values, .y = y->want};
    reference_convolution_add(&call->shape, call->x, &reference);
    call->x = x->t;
    call->y = y->t;
    call->weights = w->t.buffer;
    TRY(run_call(r->dev, call, err));
    TRY(check_result(r, y, roundings_of(r->dev, call->by.algorithm), err));
    if (call->by.algorithm->sum_runs)
        TRY(check_sums(r, call, y, err));
    return call->by.algorithm->finishes ? check_finish(r, call, y, err) : STATUS_OK;
}

static status check_shape_by(device *dev, convolution_choice by,
                             enum convolution_direction direction, const check_shape *shape,
                             deviation *found, error *err)
{
    static status (*const bodies[])(check_run *, convolution_call *,
                                    error *) = {check_forward, check_data, check_weights};
    convolution_call call = call_of(by, direction, shape);
    check_run r = {.dev = dev, .found = found};
    status result = bodies[direction](&r, &call, err);
    check_release(&r);
    return result;
}

/* Without a tile, an algorithm that multiplies with tiled_gemm.h's tiles takes the large or the
 * small one by the size of the call. These shapes are small, so the large one is asked for by its
 * number, which other algorithms do not support for this purpose. */
static bool may_be_large(const device *dev, const convolution_call *call)
{
    bool own = call->by.algorithm == &tiled_gemm || call->by.algorithm == &tensor_gemm;
    const convolution_call large =
        convolution_by((convolution_choice){call->by.algorithm, 1}, call);
    return call->by.tile == 0 && (own || !(dev->info.type & CL_DEVICE_TYPE_CPU)) &&
           supports(dev, &large);
}

status convolution_check_run(device *dev, convolution_choice by,
                             enum convolution_direction direction, int shapes, deviation *found,
                             error *err)
{
    *found = deviation_none;
    for (int i = 0; i < CHECK_SHAPES && shapes > 0; i++) {
        const convolution_call call = call_of(by, direction, &check_shapes[i]);
        if (!supports(dev, &call))
            continue;
        shapes--;
        TRY(check_shape_by(dev, by, direction, &check_shapes[i], found, err));
        if (may_be_large(dev, &call))
            TRY(check_shape_by(dev, (convolution_choice){by.algorithm, 1}, direction,
                               &check_shapes[i], found, err));
    }
    return STATUS_OK;
}
