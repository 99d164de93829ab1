/* SPDX-License-Identifier: Apache-2.0 */
/* What the solver does with a network's gradients besides the optimizer's formula: which weights
 * decay, clipping, accumulation over batches, and the moving average. */
#include "base/file.h"
#include "base/text.h"
#include "check.h"
#include "model/parameters.h"
#include "support.h"
#include "train/solver.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 4, SIDE = 16, COARSE = 3, FINE = 5, PIXELS = 3 * SIDE * SIDE, SETS = 3 };

/* A network with its solver and some batches. */
typedef struct subject {
    device *dev;
    network *net;
    solver *optimizer;
    train_options options;
    unsigned char pixels[SETS][BATCH * PIXELS];
    pixel_source images[BATCH];
    int32_t coarse[BATCH], fine[BATCH];
    uint64_t step;
} subject;

static train_options plain_options(void)
{
    train_options o = train_defaults();
    o.lr = 0.05;
    return o;
}

static subject *open_subject(enum precision precision, train_options o)
{
    error err;
    void *state;
    subject *s = support_memory(1, sizeof *s);
    const network_options n = {.backbone = "tiny",
                               .stem = STEM_CIFAR,
                               .coarse_classes = COARSE,
                               .fine_classes = FINE,
                               .image_size = SIDE,
                               .batch_size = BATCH,
                               .training = true,
                               .pixel_capacity = BATCH * PIXELS,
                               .steps_in_backward = solver_is_descent(&o),
                               .freeze = "coarse_backbone.layer1"};
    assert_int_equal(support_open_device(&state), 0);
    s->dev = state;
    s->options = o;
    device_set_precision(s->dev, precision);
    CHECK_OK(network_create(s->dev, &n, &s->net, &err));
    CHECK_OK(network_initialize(s->net, 5, true, &err));
    CHECK_OK(solver_create(s->net, &o, &s->optimizer, &err));
    for (int set = 0; set < SETS; set++)
        for (int i = 0; i < BATCH * PIXELS; i++)
            s->pixels[set][i] =
                (unsigned char)support_pick(11 + (uint64_t)set, (uint64_t)i, 0, 255);
    for (int i = 0; i < BATCH; i++) {
        s->images[i] =
            (pixel_source){.offset = i * PIXELS, .width = SIDE, .height = SIDE, .cosine = 1};
        s->coarse[i] = i % COARSE;
        s->fine[i] = (3 * i) % FINE;
    }
    return s;
}

static void close_subject(subject *s)
{
    solver_free(s->optimizer);
    network_free(s->net);
    device_close(s->dev);
    free(s);
}

/* Computes the gradients of `count` images of a set as batch `index` of a step, with the loss
 * divided by `parts`. */
static void run_batch(subject *s, int set, int count, int parts, int index)
{
    error err;
    int ticket;
    const step_results *results;
    const network_batch batch = {.count = count,
                                 .pixels = s->pixels[set],
                                 .pixel_bytes = sizeof s->pixels[set],
                                 .images = s->images,
                                 .coarse = s->coarse,
                                 .fine = s->fine};
    const gradient_terms terms = solver_terms(s->optimizer, s->options.lr, index);
    CHECK_OK(network_forward(s->net, &batch, STEP_TRAIN, 1.0f / (float)parts, 2.0f / (float)parts,
                             &err));
    CHECK_OK(network_backward(s->net, terms, &err));
    CHECK_OK(network_fetch(s->net, &ticket, &err));
    CHECK_OK(network_wait(s->net, ticket, &results, &err));
}

/* A whole step of a single batch. */
static void take_step(subject *s, int set)
{
    error err;
    s->step++;
    CHECK_OK(solver_begin(s->optimizer, s->step, &err));
    run_batch(s, set, BATCH, 1, 0);
    CHECK_OK(solver_step(s->optimizer, s->options.lr, s->step, &err));
}

typedef enum reading { VALUES, GRADIENTS } reading;

/* The gradients of all parameters that have one (GRADIENTS), or the values of all that training
 * changes (VALUES), one after the other. The caller frees the result. */
static float *read_all(subject *s, reading what, size_t *count)
{
    error err;
    float *values = NULL;
    *count = 0;
    for (size_t i = 0; i < network_parameter_count(s->net); i++) {
        const parameter *p = network_parameter(s->net, i);
        if (what == GRADIENTS ? !p->gradient : !parameter_moves(p))
            continue;
        values = realloc(values, (*count + p->count) * sizeof *values);
        assert_non_null(values);
        if (what == GRADIENTS)
            CHECK_OK(network_gradient_read(s->net, p, values + *count, &err));
        else
            CHECK_OK(network_parameter_read(s->net, p, values + *count, &err));
        *count += p->count;
    }
    return values;
}

static float *read_one(subject *s, const parameter *p)
{
    error err;
    float *values = support_memory(p->count, sizeof *values);
    CHECK_OK(network_parameter_read(s->net, p, values, &err));
    return values;
}

/* ---- Weight decay ---- */

/* A weight of 0 does not decay. */
static bool starts_at_zero(subject *s, const parameter *p)
{
    bool zero = true;
    float *values = read_one(s, p);
    for (size_t i = 0; i < p->count; i++)
        zero &= values[i] == 0;
    free(values);
    return zero;
}

/* Checks, after one step, which parameters weight decay has changed: all but normalisation and
 * biases, or those as well if vectors_too. */
static void expect_decay(train_options o, bool vectors_too)
{
    train_options without = o;
    without.weight_decay = 0;
    subject *a = open_subject(PRECISION_FP32, without), *b = open_subject(PRECISION_FP32, o);
    int seen[2] = {0};
    bool *zero = support_memory(network_parameter_count(a->net), sizeof *zero);
    for (size_t i = 0; i < network_parameter_count(a->net); i++)
        zero[i] = !parameter_is_trained(network_parameter(a->net, i)) ||
                  starts_at_zero(a, network_parameter(a->net, i));
    take_step(a, 0);
    take_step(b, 0);
    for (size_t i = 0; i < network_parameter_count(a->net); i++) {
        const parameter *p = network_parameter(a->net, i);
        if (zero[i])
            continue;
        float *plain = read_one(a, p), *decayed = read_one(b, network_parameter(b->net, i));
        bool differs = memcmp(plain, decayed, p->count * sizeof *plain) != 0;
        if (differs != (p->kind != PARAMETER_VECTOR || vectors_too))
            fail_msg("%s %s", p->name, differs ? "decays" : "does not decay");
        seen[p->kind == PARAMETER_VECTOR]++;
        free(plain);
        free(decayed);
    }
    assert_true(seen[0] > 0 && seen[1] > 0);
    free(zero);
    close_subject(a);
    close_subject(b);
}

static void test_decay(void **state)
{
    static const enum optimizer optimizers[] = {OPTIMIZER_SGD, OPTIMIZER_ADAM, OPTIMIZER_ADAMW};
    (void)state;
    for (int i = 0; i < 3; i++) {
        train_options o = plain_options();
        o.optimizer = optimizers[i];
        o.weight_decay = 0.1;
        expect_decay(o, true);
        o.no_norm_decay = true;
        expect_decay(o, false);
    }
}

/* ---- Clipping ---- */

static double norm_of(const float *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)values[i] * values[i];
    return sqrt(sum);
}

/* One step of descent, with clipping to `share` of the gradients' norm, against the formula. */
static void check_clipping(enum precision precision, double share)
{
    error err;
    size_t count, moved;
    train_options o = plain_options();
    o.clip_norm = 1; /* so that gradients are kept, which plain descent does not do */
    subject *s = open_subject(precision, o);
    loss_scale scale;
    CHECK_OK(solver_begin(s->optimizer, 1, &err));
    run_batch(s, 0, BATCH, 1, 0);
    CHECK_OK(solver_get_loss_scale(s->optimizer, &scale, &err));
    double unscale = precision_scales_loss(precision) ? 1 / scale.scale : 1;
    float *gradients = read_all(s, GRADIENTS, &count);
    double norm = norm_of(gradients, count) * unscale;
    double *want = support_memory(count, sizeof *want);
    float *got = support_memory(count, sizeof *got);
    /* The solver again, now with the clipping to test. The gradients are still the same, because no
     * step was taken. */
    solver_free(s->optimizer);
    o.clip_norm = norm * share;
    CHECK_OK(solver_create(s->net, &o, &s->optimizer, &err));
    CHECK_OK(solver_begin(s->optimizer, 1, &err));
    size_t at = 0;
    for (size_t i = 0; i < network_parameter_count(s->net); i++) {
        const parameter *p = network_parameter(s->net, i);
        if (!p->gradient)
            continue;
        float *values = read_one(s, p);
        for (size_t j = 0; j < p->count; j++, at++)
            want[at] = values[j] - o.lr * fmin(1, share) * unscale * gradients[at];
        free(values);
    }
    CHECK_OK(solver_step(s->optimizer, o.lr, 1, &err));
    at = moved = 0;
    for (size_t i = 0; i < network_parameter_count(s->net); i++) {
        const parameter *p = network_parameter(s->net, i);
        if (!p->gradient)
            continue;
        CHECK_OK(network_parameter_read(s->net, p, got + at, &err));
        at += p->count;
    }
    assert_close(got, want, count, 1e-6, 1e-7 * norm);
    free(gradients);
    free(want);
    free(got);
    close_subject(s);
}

static void test_clipping(void **state)
{
    static const enum precision precisions[] = {PRECISION_FP32, PRECISION_BF16, PRECISION_FP16};
    (void)state;
    for (int i = 0; i < 3; i++) {
        check_clipping(precisions[i], 0.1);
        check_clipping(precisions[i], 0.9);
        check_clipping(precisions[i], 1.5);
    }
}

/* ---- Accumulation ---- */

/* The accumulated gradient is bit-identical to the sum of the batches' gradients in the same
 * order. */
static void check_sum(enum precision precision, int batches)
{
    error err;
    size_t count;
    train_options o = plain_options();
    o.accumulate = SETS;
    subject *s = open_subject(precision, o);
    float *sum = NULL;
    CHECK_OK(solver_begin(s->optimizer, 1, &err));
    for (int set = 0; set < batches; set++) {
        run_batch(s, set, BATCH - set, batches, 0);
        float *one = read_all(s, GRADIENTS, &count);
        for (size_t i = 0; sum && i < count; i++)
            sum[i] += one[i];
        if (!sum)
            sum = one;
        else
            free(one);
    }
    /* Twice, because the second sum must not include the first one. */
    for (int again = 0; again < 2; again++) {
        for (int set = 0; set < batches; set++)
            run_batch(s, set, BATCH - set, batches, set);
        float *got = read_all(s, GRADIENTS, &count);
        assert_true(norm_of(got, count) > 0);
        assert_same_bits(got, sum, count);
        free(got);
    }
    free(sum);
    close_subject(s);
}

static void test_accumulation(void **state)
{
    (void)state;
    for (int batches = 1; batches <= SETS; batches++) {
        check_sum(PRECISION_FP32, batches);
        check_sum(PRECISION_BF16, batches);
        check_sum(PRECISION_FP16, batches);
    }
}

/* If both halves of a batch are the same images, its statistics, its gradients and its step are
 * those of its halves. */
static void test_batches_as_one(void **state)
{
    error err;
    size_t count;
    train_options o = plain_options();
    (void)state;
    o.accumulate = 2;
    o.momentum = 0.9;
    subject *halves = open_subject(PRECISION_FP32, o), *whole = open_subject(PRECISION_FP32, o);
    size_t half = BATCH / 2 * PIXELS;
    for (int i = 0; i < BATCH / 2; i++) {
        whole->coarse[BATCH / 2 + i] = whole->coarse[i];
        whole->fine[BATCH / 2 + i] = whole->fine[i];
    }
    memcpy(whole->pixels[0] + half, whole->pixels[0], half);
    for (uint64_t step = 1; step <= 2; step++) {
        CHECK_OK(solver_begin(halves->optimizer, step, &err));
        CHECK_OK(solver_begin(whole->optimizer, step, &err));
        run_batch(whole, 0, BATCH, 1, 0);
        for (int i = 0; i < 2; i++)
            run_batch(halves, 0, BATCH / 2, 2, i);
        CHECK_OK(solver_step(halves->optimizer, o.lr, step, &err));
        CHECK_OK(solver_step(whole->optimizer, o.lr, step, &err));
        float *got = read_all(halves, GRADIENTS, &count), *one = read_all(whole, GRADIENTS, &count);
        double *want = support_widen(one, count);
        assert_close(got, want, count, 1e-3, 2e-5 * norm_of(one, count));
        free(got);
        free(one);
        free(want);
    }
    close_subject(halves);
    close_subject(whole);
}

/* ---- The moving average ---- */

static void exchange_and_read(subject *s, float **average, size_t *count)
{
    solver_swap_average(s->optimizer);
    *average = read_all(s, VALUES, count);
    solver_swap_average(s->optimizer);
}

static void check_average(train_options o, double decay)
{
    enum { STEPS = 5 };
    error err;
    size_t count;
    o.ema = decay;
    subject *s = open_subject(PRECISION_FP32, o);
    float *start = read_all(s, VALUES, &count), *average, *weights;
    double *want = support_widen(start, count);
    assert_true(solver_averages(s->optimizer));
    for (int step = 1; step <= STEPS; step++) {
        take_step(s, step % SETS);
        weights = read_all(s, VALUES, &count);
        double d = fmin(decay, (1.0 + step) / (10.0 + step));
        for (size_t i = 0; i < count; i++)
            want[i] += (1 - d) * (weights[i] - want[i]);
        exchange_and_read(s, &average, &count);
        assert_close(average, want, count, 1e-5, 1e-6);
        assert_true(memcmp(average, weights, count * sizeof *average) != 0);
        free(average);
        /* Afterwards the weights are back. */
        average = read_all(s, VALUES, &count);
        assert_same_bits(average, weights, count);
        free(average);
        free(weights);
    }
    /* Loading the state from a file restores the average and the momentum. */
    char *directory = check_directory(), *path = text_format("%s/state.safetensors", directory);
    float *again;
    assert_true(solver_state(s->optimizer)->count > 0);
    CHECK_OK(state_file_save(solver_state(s->optimizer), s->dev, path, &err));
    exchange_and_read(s, &average, &count);
    take_step(s, 0);
    CHECK_OK(state_file_load(solver_state(s->optimizer), s->dev, path, &err));
    exchange_and_read(s, &again, &count);
    assert_same_bits(again, average, count);
    CHECK_OK(file_remove_tree(directory, &err));
    free(directory);
    free(path);
    free(average);
    free(again);
    free(start);
    free(want);
    close_subject(s);
}

/* Also with plain descent, which takes its steps in the backward pass. */
static void test_average(void **state)
{
    (void)state;
    train_options o = plain_options();
    check_average(o, 0.25); /* soon lower than the rising factor */
    check_average(o, 0.999);
    o.momentum = 0.9;
    check_average(o, 0.999);
}

/* Only the optimizer's own buffers count; accumulation needs none. */
static void test_memory(void **state)
{
    (void)state;
    train_options o = plain_options();
    assert_int_equal(solver_slots(&o), 0);
    assert_true(solver_is_descent(&o));
    o.ema = 0.9;
    assert_true(solver_is_descent(&o));
    o.accumulate = 2;
    assert_int_equal(solver_slots(&o), 0);
    assert_false(solver_is_descent(&o));
    o.momentum = 0.9;
    assert_int_equal(solver_slots(&o), 1);
    o = plain_options();
    o.clip_norm = 1;
    assert_int_equal(solver_slots(&o), 0);
    assert_false(solver_is_descent(&o));
    o.optimizer = OPTIMIZER_ADAMW;
    assert_int_equal(solver_slots(&o), 2);
}

static void test_average_is_counted(void **state)
{
    void *opened;
    uint64_t without, with, moving = 0;
    int largest;
    (void)state;
    subject *s = open_subject(PRECISION_FP32, plain_options());
    for (size_t i = 0; i < network_parameter_count(s->net); i++)
        if (parameter_moves(network_parameter(s->net, i)))
            moving += network_parameter(s->net, i)->count * sizeof(float);
    network_options n = *network_get_options(s->net);
    assert_int_equal(support_open_device(&opened), 0);
    support_measure(opened, &n, &without, &largest);
    n.averaged = true;
    support_measure(opened, &n, &with, &largest);
    assert_true(with == without + moving);
    support_close_device(&opened);
    close_subject(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decay),
        cmocka_unit_test(test_clipping),
        cmocka_unit_test(test_accumulation),
        cmocka_unit_test(test_batches_as_one),
        cmocka_unit_test(test_average),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_average_is_counted),
    };
    return cmocka_run_group_tests_name("solver", tests, NULL, NULL);
}
