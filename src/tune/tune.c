/* SPDX-License-Identifier: Apache-2.0 */
/* Tries every algorithm on every convolution of a network, and then every tile of the fastest; see
 * tune.h.
 *
 * All work on the same random numbers, and a result is compared with the reference's (im2col's, in
 * fp32) before its time counts. A weight gradient is timed by itself, without the step of plain SGD
 * that some algorithms can include: one choice serves every optimizer, and a time that is right for
 * only one of them would mislead the others. The contents of the caches differ from those in a step
 * of the network, where other layers run in between. */
#include "tune/tune.h"
#include "ops/initialize.h"
#include "tune/timing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 1, CONFIRMATIONS = 2 };

const double tune_tolerance = 1e-4;
const double tune_worth_changing = 0.97;
/* The tolerance if results are rounded, or if TF32 rounds the factors, by up to 2^-11 of
 * themselves; bfloat16 rounds eight times as much. Such rounding makes a difference of at most
 * 3e-4, or 2.4e-3; a mistake makes more than this. */
static const double rounded_tolerance = 1e-3, bfloat16_tolerance = 8e-3;
/* A candidate is given up if its first run takes longer than this many times the best time so
 * far. */
static const double hopeless_factor = 3;

/* One call, its memory and the reference's result. */
typedef struct trial {
    const convolver *chooser;
    device *dev;
    const tune_observer *observer;
    convolution_call call; /* with buffers of random numbers */
    convolution_choice reference;
    uint64_t bytes;  /* bytes of these buffers */
    int check_batch; /* images that are compared: as many as the reference has memory for */
    size_t count;    /* elements of the whole result */
    float *want, *got;
} trial;

/* A choice that is being tried, and its memory. */
typedef struct candidate {
    trial *t;
    convolution_choice by;
    convolution_memory memory;
} candidate;

static size_t result_count(const convolution_call *c)
{
    return c->direction == CONVOLUTION_FORWARD         ? tensor_size(c->y)
           : c->direction == CONVOLUTION_BACKWARD_DATA ? tensor_size(c->x)
                                                       : convolution_weights(&c->shape);
}

static convolution_call with_batch(convolution_call call, int batch)
{
    call.x.n = call.y.n = batch;
    return call;
}

/* ---- Memory ---- */

/* Whether the memory fits the device, including the sums, which a network needs but the measurement
 * does not. */
static bool fits(const trial *t, convolution_bytes b)
{
    uint64_t most = t->dev->info.max_allocation_bytes;
    return b.columns <= most && b.weights <= most && b.scratch <= most && b.sums <= most &&
           b.prepared <= most &&
           t->bytes + b.columns + b.weights + b.scratch + b.prepared + b.sums <=
               t->dev->info.memory_bytes;
}

static status make_random(trial *t, size_t count, uint32_t id, cl_mem *made, error *err)
{
    TRY(buffer_create(t->dev, count * sizeof(float), made, err));
    return initialize_uniform(t->dev, *made, count, SEED, id, 1, err);
}

/* Random activations: the same numbers in every precision, rounded as the device stores them. */
static status make_activation(trial *t, tensor *a, uint32_t id, error *err)
{
    t->bytes += tensor_bytes(t->dev, *a);
    if (!precision_is_small(t->dev->precision))
        return make_random(t, tensor_size(*a), id, &a->buffer, err);
    cl_mem floats = NULL;
    size_t bytes = tensor_size(*a) * sizeof(float);
    float *values = malloc(bytes);
    status result;
    TRY_OR_DONE(got_memory(values, err, "the input of a convolution"));
    TRY_OR_DONE(make_random(t, tensor_size(*a), id, &floats, err));
    TRY_OR_DONE(buffer_read(t->dev, floats, 0, values, bytes, err));
    buffer_release(&floats);
    TRY_OR_DONE(buffer_create(t->dev, tensor_bytes(t->dev, *a), &a->buffer, err));
    TRY_OR_DONE(tensor_write(t->dev, *a, values, err));
done:
    buffer_release(&floats);
    free(values);
    return result;
}

static status make_trial(trial *t, error *err)
{
    convolution_call *c = &t->call;
    size_t weights = convolution_weights(&c->shape);
    TRY(make_activation(t, &c->x, 0, err));
    TRY(make_activation(t, &c->y, 1, err));
    t->bytes += weights * sizeof(float);
    TRY(make_random(t, weights, 2, &c->weights, err));
    t->count = result_count(c);
    t->want = malloc(t->count * sizeof *t->want);
    t->got = malloc(t->count * sizeof *t->got);
    return t->want && t->got ? STATUS_OK : error_memory(err, "the results of a convolution");
}

static void free_trial(trial *t)
{
    tensor_release(&t->call.x);
    tensor_release(&t->call.y);
    buffer_release(&t->call.weights);
    free(t->want);
    free(t->got);
}

/* ---- Right results ---- */

/* The result for check_batch images. It is computed over zeros, so elements that are never written
 * count as zero. */
static status run_checked(candidate *c, float *result, error *err)
{
    trial *t = c->t;
    const convolution_call call = with_batch(convolution_by(c->by, &t->call), t->check_batch);
    bool weights = call.direction == CONVOLUTION_BACKWARD_WEIGHTS;
    tensor activation = call.direction == CONVOLUTION_FORWARD ? call.y : call.x;
    size_t bytes = weights ? result_count(&call) * sizeof(float) : tensor_bytes(t->dev, activation);
    TRY(buffer_zero(t->dev, convolution_result(&call), 0, bytes, err));
    TRY(convolution_run(t->dev, &call, c->memory, err));
    return weights ? buffer_read(t->dev, call.weights, 0, result, bytes, err)
                   : tensor_read(t->dev, activation, result, err);
}

/* Finds the largest batch that the reference has memory for: im2col unrolls its whole input, which
 * is too much for the largest batches. */
static status find_check_batch(trial *t, convolution_bytes *bytes, error *err)
{
    for (t->check_batch = t->call.x.n;; t->check_batch /= 2) {
        const convolution_call call =
            with_batch(convolution_by(t->reference, &t->call), t->check_batch);
        TRY(t->reference.algorithm->measure(t->dev, &call, bytes, err));
        if (t->check_batch == 1 || fits(t, *bytes))
            return STATUS_OK;
    }
}

static status run_reference(trial *t, error *err)
{
    candidate reference = {t, t->reference, {0}};
    convolution_bytes bytes;
    TRY(find_check_batch(t, &bytes, err));
    status result = convolution_memory_create(t->dev, &bytes, &reference.memory, err);
    if (result == STATUS_OK)
        result = run_checked(&reference, t->want, err);
    convolution_memory_release(&reference.memory);
    return result;
}

/* The relative root mean square difference; NaN if a result contains NaN. */
static double difference(const float *got, const float *want, size_t count)
{
    double apart = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        double d = (double)got[i] - want[i];
        apart += d * d;
        size += (double)want[i] * want[i];
    }
    return sqrt(apart / size);
}

/* ---- Times ---- */

static status run_timed(void *context, error *err)
{
    candidate *c = context;
    const convolution_call call = convolution_by(c->by, &c->t->call);
    return (call.fixed ? call.by.algorithm->run : convolution_run)(c->t->dev, &call, c->memory,
                                                                   err);
}

static void note(const trial *t, convolution_choice by, const char *what)
{
    const convolution_call *c = &t->call;
    const convolution_shape *s = &c->shape;
    const char *tile = convolution_tile_name(by);
    char text[512];
    snprintf(text, sizeof text,
             "%s%s%s is not chosen for %s %dx%d stride %d, %d to %d channels: %s",
             by.algorithm->name, tile ? " " : "", tile ? tile : "",
             convolution_direction_names[c->direction], s->kernel, s->kernel, s->stride, s->cin,
             s->cout, what);
    if (t->observer->note)
        t->observer->note(t->observer->context, text);
}

static double tolerance_for(const device *dev, const convolution_algorithm *a)
{
    if (dev->precision == PRECISION_BF16)
        return bfloat16_tolerance;
    bool rounds = dev->precision == PRECISION_FP16 || a->tf32;
    return rounds ? rounded_tolerance : tune_tolerance;
}

/* Checks, warms up and times a candidate; *seconds does not change if the result is wrong. */
static status run_candidate(candidate *c, double hopeless, double *seconds, error *err)
{
    trial *t = c->t;
    char text[96];
    TRY(run_checked(c, t->got, err));
    const convolution_call checked = with_batch(t->call, t->check_batch);
    double apart = difference(t->got, t->want, result_count(&checked));
    if (!(apart < tolerance_for(t->dev, c->by.algorithm))) {
        snprintf(text, sizeof text, "its result differs from %s's by %.1e (relative rms)",
                 t->reference.algorithm->name, apart);
        note(t, c->by, text);
        return STATUS_OK;
    }
    TRY(run_timed(c, err));
    return timing_measure(t->dev, run_timed, c, hopeless, seconds, err);
}

/* The time of a choice, or INFINITY if it cannot be used. A failure is noted but is not an error,
 * because another choice may work. */
static double time_choice(trial *t, convolution_choice by, double hopeless)
{
    const convolution_call call = convolution_by(by, &t->call);
    candidate c = {t, by, {0}};
    convolution_bytes bytes;
    double seconds = INFINITY;
    error fault;
    if (!convolver_supports(t->chooser, by, &call))
        return seconds;
    status result = by.algorithm->measure(t->dev, &call, &bytes, &fault);
    if (result == STATUS_OK && !fits(t, bytes))
        return seconds;
    if (result == STATUS_OK)
        result = convolution_memory_create(t->dev, &bytes, &c.memory, &fault);
    if (result == STATUS_OK)
        result = run_candidate(&c, hopeless, &seconds, &fault);
    convolution_memory_release(&c.memory);
    if (result == STATUS_OK)
        return seconds;
    note(t, by, fault.message);
    return INFINITY;
}

/* Measures both choices again, one after the other, because other work on the machine may have
 * caused the difference. row->chosen must win every time, or `before` is chosen. */
static void confirm(trial *t, convolution_choice before, double *before_seconds, tune_row *row)
{
    for (int round = 0; round < CONFIRMATIONS; round++) {
        double old = time_choice(t, before, INFINITY);
        double chosen = time_choice(t, row->chosen, INFINITY);
        *before_seconds = fmin(*before_seconds, old);
        row->seconds = fmin(row->seconds, chosen);
        if (chosen < tune_worth_changing * old)
            continue;
        row->chosen = before;
        row->seconds = *before_seconds;
        return;
    }
}

static void try_choice(trial *t, convolution_choice by, tune_row *row)
{
    double seconds = time_choice(t, by, hopeless_factor * row->seconds);
    if (seconds >= row->seconds)
        return;
    row->chosen = by;
    row->seconds = seconds;
}

/* Tries each algorithm with its default tile, then the other tiles of the fastest algorithm. Trying
 * all tiles of all algorithms would mean compiling many kernels. */
static status choose(trial *t, const convolution_algorithm *const *algorithms, tune_row *row,
                     error *err)
{
    row->chosen = row->quick;
    row->seconds = row->quick_seconds = time_choice(t, row->quick, INFINITY);
    for (int i = 0; algorithms[i]; i++)
        if (algorithms[i] != row->quick.algorithm)
            try_choice(t, (convolution_choice){algorithms[i], 0}, row);
    if (isinf(row->seconds))
        return error_set(err, STATUS_FAILED,
                         "no algorithm works for a %dx%d convolution from %d to %d channels on %s",
                         t->call.shape.kernel, t->call.shape.kernel, t->call.shape.cin,
                         t->call.shape.cout, t->dev->info.name);
    const convolution_choice fastest = row->chosen;
    double seconds = row->seconds;
    for (int tile = 1; tile <= fastest.algorithm->tile_count; tile++)
        try_choice(t, (convolution_choice){fastest.algorithm, tile}, row);
    if (row->chosen.tile)
        confirm(t, fastest, &seconds, row);
    if (fastest.algorithm == row->quick.algorithm)
        row->quick_seconds = seconds;
    else if (!isinf(row->quick_seconds))
        confirm(t, row->quick, &row->quick_seconds, row);
    return STATUS_OK;
}

/* The most general algorithm, which is the last that supports the call: im2col in fp32. */
static convolution_choice reference_for(const convolver *c, const convolution_call *call)
{
    convolution_choice last = {0};
    for (int i = 0; convolution_algorithms[i]; i++) {
        const convolution_choice by = {convolution_algorithms[i], 0};
        if (convolver_supports(c, by, call))
            last = by;
    }
    return last;
}

static status tune_call(const convolver *c, const tune_options *o, const tune_observer *observer,
                        tune_row *row, error *err)
{
    status result = STATUS_OK;
    trial t = {.chooser = c, .dev = c->dev, .observer = observer, .call = row->call};
    row->quick = convolver_choose_quickly(c, &row->call);
    t.reference = reference_for(c, &row->call);
    TRY_OR_DONE(make_trial(&t, err));
    TRY_OR_DONE(run_reference(&t, err));
    TRY_OR_DONE(choose(&t, o->algorithms ? o->algorithms : convolution_algorithms, row, err));
    TRY_OR_DONE(choices_put(c->known, &row->call, row->chosen, row->seconds, err));
    TRY_OR_DONE(choices_save(c->known, err));
done:
    free_trial(&t);
    return result;
}

static void leave_out_known(const choices *known, convolution_call *calls, size_t *count)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++)
        if (!choices_find(known, &calls[i]))
            calls[kept++] = calls[i];
    *count = kept;
}

bool tune_stop_wanted(const tune_observer *observer)
{
    return observer->stop && *observer->stop;
}

static status interrupted(size_t done, size_t count, error *err)
{
    return error_set(err, STATUS_INTERRUPTED,
                     "tuning stopped after %zu of %zu convolutions, which are remembered; train "
                     "--tune or bench --tune measures the others",
                     done, count);
}

static status tune_convolutions(const convolver *c, const tune_options *o, convolution_call *calls,
                                size_t count, const tune_observer *observer, tune_report *report,
                                error *err)
{
    if (o->only_missing)
        leave_out_known(c->known, calls, &count);
    report->rows = calloc(count ? count : 1, sizeof *report->rows);
    if (!report->rows)
        return error_memory(err, "the measured convolutions");
    for (size_t i = 0; i < count; i++) {
        if (tune_stop_wanted(observer))
            return interrupted(i, count, err);
        if (observer->progress)
            observer->progress(observer->context, "tuning convolutions", i, count);
        report->rows[i].call = calls[i];
        TRY(tune_call(c, o, observer, &report->rows[i], err));
        report->count++;
    }
    /* If the stop came during the last convolution, the caller must not start its next work. */
    return tune_stop_wanted(observer) ? interrupted(count, count, err) : STATUS_OK;
}

status tune_run(device *dev, const tune_options *options, const tune_observer *observer,
                tune_report *report, error *err)
{
    convolver c = {0};
    convolution_call *calls = NULL;
    size_t count;
    status result = STATUS_OK;
    *report = (tune_report){0};
    TRY_OR_DONE(convolver_open(dev, &c, err));
    TRY_OR_DONE(network_convolutions(&options->network, &calls, &count, err));
    /* CLBlast comes first, because its speed decides how im2col compares with the other
     * algorithms. */
    TRY_OR_DONE(tune_gemm(&c, options, calls, count, observer, report, err));
    TRY_OR_DONE(convolver_prepare_gemm(&c, err));
    TRY_OR_DONE(tune_convolutions(&c, options, calls, count, observer, report, err));
    if (choices_path(c.known) && !(report->file = strdup(choices_path(c.known))))
        result = error_memory(err, "a path");
done:
    free(calls);
    convolver_close(&c);
    return result;
}

void tune_free(tune_report *report)
{
    free(report->rows);
    free(report->file);
    *report = (tune_report){0};
}
