/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of losses, gradient clipping, optimizers and initial weights; see operation_checks.h.
 *
 * In OpenCL exp, log and sqrt may be off by 3 ulp, sin and cos by 4, and a division by 2.5; an ulp
 * is two roundings. */
#include "ops/cross_entropy.h"
#include "ops/gradients.h"
#include "ops/initialize.h"
#include "ops/moving_average.h"
#include "ops/optimizer.h"
#include "selftest/operation_checks.h"
#include "selftest/reference.h"

#include <math.h>

/* ---- Losses ---- */

enum { IMAGES = 5, CLASSES = 37, PARENTS = 4 };
static const int32_t labels[IMAGES] = {36, 0, 17, 5, 17};

/* A loss is below 16, and logits are below 4: the differences of logits round by as much as 2 of
 * their units, exp by 6, the sum over the classes by one for each, log and the rest by 10. The
 * marginal loss adds a second sum and a second logarithm. */
enum { LOSS = 2 * (CLASSES + 20) };

/* Compares the losses, and the integers, which are exact in floats. */
static void compare_heads(check_run *r, const loss_problem *p, const double *logits,
                          const head_result got[IMAGES])
{
    float losses[2 * IMAGES], integers[3 * IMAGES];
    double want_losses[2 * IMAGES], want_integers[3 * IMAGES];
    for (int i = 0; i < IMAGES; i++) {
        reference_head want = reference_head_of(p, logits + i * CLASSES, i);
        losses[i] = got[i].loss;
        want_losses[i] = want.loss;
        losses[IMAGES + i] = got[i].marginal_loss;
        want_losses[IMAGES + i] = want.marginal_loss;
        const int32_t found[3] = {got[i].rank, got[i].guess, got[i].label};
        const int expected[3] = {want.rank, want.guess, want.label};
        for (int k = 0; k < 3; k++) {
            integers[3 * i + k] = (float)found[k];
            want_integers[3 * i + k] = expected[k];
        }
    }
    deviation_add(r->found, losses, want_losses, 2 * IMAGES, LOSS * 0x1p-24);
    deviation_add(r->found, integers, want_integers, 3 * IMAGES, 0);
}

/* One batch; also->parents may be NULL. */
static status check_losses(check_run *r, const loss_terms *also, error *err)
{
    const loss_problem p = {IMAGES, CLASSES, labels, *also, 1.75};
    const operand *logits, *gradient;
    cl_mem device_labels, results, tree = NULL;
    head_result got[IMAGES];
    const tensor shape = {NULL, IMAGES, 1, 1, CLASSES};
    TRY(check_activation(r, shape, (value_range){-4, 4}, &logits, err));
    TRY(check_activation(r, shape, UNWRITTEN, &gradient, err));
    TRY(check_bytes(r, labels, sizeof labels, &device_labels, err));
    TRY(check_bytes(r, NULL, sizeof got, &results, err));
    if (also->parents)
        TRY(cross_entropy_tree(r->dev, also->parents, CLASSES, also->parent_count, &tree, err));
    const marginal_terms marginal = {tree, also->parent_count, also->marginal_weight};
    status result = cross_entropy_forward(r->dev, logits->t, device_labels, also->targets, marginal,
                                          results, gradient->t, (float)p.weight, err);
    if (result == STATUS_OK)
        result = buffer_read(r->dev, results, 0, got, sizeof got, err);
    buffer_release(&tree);
    TRY(result);
    for (int i = 0; i < IMAGES * CLASSES; i++)
        gradient->want[i] =
            reference_slope(&p, logits->want + i / CLASSES * CLASSES, i / CLASSES, i % CLASSES);
    compare_heads(r, &p, logits->want, got);
    return check_result(r, gradient, LOSS, err);
}

static const loss_terms plain_loss = {{0, 0}, NULL, 0, 0};
static const target_terms mixed = {.smoothing = 0.1f, .partner_share = 0.25f};

/* Labels as they are; smoothed and mixed labels. */
status check_cross_entropy(check_run *r, error *err)
{
    const loss_terms smooth = {.targets = mixed};
    TRY(check_losses(r, &plain_loss, err));
    return check_losses(r, &smooth, err);
}

/* Parents with one child, with many, and with none. */
status check_cross_entropy_marginal(check_run *r, error *err)
{
    int parents[CLASSES];
    for (int j = 0; j < CLASSES; j++)
        parents[j] = j == 17 ? 3 : j % 2;
    const loss_terms marginal = {
        .targets = mixed, .parents = parents, .parent_count = PARENTS, .marginal_weight = 0.75f};
    return check_losses(r, &marginal, err);
}

/* ---- Between the gradients and the weights ---- */

/* Two parameters. Squares are positive, so a sum of `terms` rounds by at most terms: here at most
 * 256 vectors, their 16 lanes, and the parts, which are gathered before they are added. The root
 * halves that. */
status check_gradients(check_run *r, error *err)
{
    enum { LARGE = 9001, SMALL = 37 };
    const float factor = 0.125f, most = 0.7f;
    size_t large = gradients_parts(r->dev, LARGE), parts = large + gradients_parts(r->dev, SMALL);
    const operand *a, *b, *clip;
    cl_mem sums, gathered;
    double squares = 0;
    TRY(check_floats(r, LARGE, (value_range){-2, 1}, &a, err));
    TRY(check_floats(r, SMALL, (value_range){-2, 1}, &b, err));
    TRY(check_floats(r, 1, UNWRITTEN, &clip, err));
    TRY(check_bytes(r, NULL, parts * sizeof(float), &sums, err));
    TRY(check_bytes(r, NULL, GRADIENTS_GATHERED * sizeof(float), &gathered, err));
    for (size_t i = 0; i < LARGE; i++)
        squares += a->want[i] * a->want[i];
    for (size_t i = 0; i < SMALL; i++)
        squares += b->want[i] * b->want[i];
    clip->want[0] = reference_clip((double)(factor * factor) * squares, (double)most);
    TRY(gradients_squares(r->dev, LARGE, a->t.buffer, factor, sums, 0, err));
    TRY(gradients_squares(r->dev, SMALL, b->t.buffer, factor, sums, large, err));
    TRY(gradients_clip(r->dev, sums, parts, gathered, most, clip->t.buffer, err));
    double terms = 256 + 16 + (double)parts + 1;
    return check_result(r, clip, terms / 2 + 10, err);
}

/* The difference may be twice the largest value, which the share makes smaller again. */
status check_moving_average(check_run *r, error *err)
{
    const float share = 0.3f;
    const operand *value, *average;
    TRY(check_floats(r, 1003, around_zero, &value, err));
    TRY(check_floats(r, 1003, around_zero, &average, err));
    TRY(moving_average(r->dev, average->count, value->t.buffer, average->t.buffer, share, err));
    for (size_t i = 0; i < average->count; i++)
        average->want[i] += (double)share * (value->want[i] - average->want[i]);
    return check_result(r, average, 4, err);
}

/* ---- Optimizers ---- */

enum { WEIGHTS = 1003 };
static const float factor = 0.5f, clip = 0.75f;

/* A weight, its gradient and its state, and what is applied to the gradient. */
typedef struct weights {
    const operand *gradient, *value, *m, *v;
    unscaling unscale;
} weights;

static status open_step(check_run *r, cl_int overflow, weights *w, error *err)
{
    TRY(check_floats(r, WEIGHTS, around_zero, &w->gradient, err));
    TRY(check_floats(r, WEIGHTS, around_zero, &w->value, err));
    TRY(check_floats(r, WEIGHTS, around_zero, &w->m, err));
    TRY(check_floats(r, WEIGHTS, positive, &w->v, err));
    w->unscale.factor = factor;
    TRY(check_bytes(r, &clip, sizeof clip, &w->unscale.clip, err));
    return check_bytes(r, &overflow, sizeof overflow, &w->unscale.overflow, err);
}

/* A step multiplies and adds a dozen times; Adam's root and divisions come to 16 more. No term is
 * more than twice the largest result. */
enum { STEP = 2 * (12 + 16) };

static status compare_step(check_run *r, const weights *w, error *err)
{
    TRY(check_result(r, w->value, STEP, err));
    TRY(check_result(r, w->m, STEP, err));
    return check_result(r, w->v, STEP, err);
}

/* In fp16, an overflow of the gradients is noticed and the step is skipped. */
static status check_overflow(check_run *r, const weights *w, error *err)
{
    const float bad = INFINITY;
    size_t last = (WEIGHTS - 1) * sizeof bad;
    cl_mem gradient = w->gradient->t.buffer;
    const double want[2] = {0, 1};
    float got[2];
    if (!precision_scales_loss(r->dev->precision))
        return STATUS_OK;
    for (int turn = 0; turn < 2; turn++) {
        cl_int found;
        TRY(find_overflow(r->dev, WEIGHTS, gradient, w->unscale.overflow, err));
        TRY(buffer_read(r->dev, w->unscale.overflow, 0, &found, sizeof found, err));
        got[turn] = (float)found;
        TRY(buffer_write(r->dev, gradient, last, &bad, sizeof bad, err));
    }
    deviation_add(r->found, got, want, 2, 0);
    return STATUS_OK;
}

/* Without momentum, with it, and Nesterov's; the last step is skipped. */
status check_optimizer_sgd(check_run *r, error *err)
{
    const optimizer_rule rules[] = {
        {.lr = 0.125},
        {.lr = 0.125, .momentum = 0.75, .weight_decay = 0.0625},
        {.lr = 0.125, .momentum = 0.75, .weight_decay = 0.0625, .nesterov = true},
    };
    for (int i = 0; i < 4; i++) {
        const optimizer_rule *rule = &rules[i % 3];
        bool first = i == 1, skipped = i == 3;
        weights w;
        TRY(open_step(r, skipped, &w, err));
        for (size_t k = 0; k < WEIGHTS && !skipped; k++)
            reference_sgd(rule, (double)(factor * clip) * w.gradient->want[k], first,
                          &w.value->want[k], &w.m->want[k]);
        TRY(sgd_step(r->dev, WEIGHTS, w.value->t.buffer, w.gradient->t.buffer, w.m->t.buffer,
                     w.unscale, (float)rule->lr, (float)rule->momentum, (float)rule->weight_decay,
                     rule->nesterov, first, err));
        TRY(compare_step(r, &w, err));
        if (i == 0)
            TRY(check_overflow(r, &w, err));
    }
    return STATUS_OK;
}

/* Adam, AdamW, and a step that is skipped. */
status check_optimizer_adam(check_run *r, error *err)
{
    enum { TIME = 3 };
    const float beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f;
    for (int i = 0; i < 3; i++) {
        const optimizer_rule rule = {.lr = 0.0625,
                                     .weight_decay = 0.125,
                                     .beta1 = (double)beta1,
                                     .beta2 = (double)beta2,
                                     .epsilon = (double)epsilon,
                                     .decoupled = i == 1};
        weights w;
        TRY(open_step(r, i == 2, &w, err));
        for (size_t k = 0; k < WEIGHTS && i < 2; k++)
            reference_adam(&rule, (double)(factor * clip) * w.gradient->want[k], TIME,
                           &w.value->want[k], &w.m->want[k], &w.v->want[k]);
        TRY(adam_step(r->dev, WEIGHTS, w.value->t.buffer, w.gradient->t.buffer, w.m->t.buffer,
                      w.v->t.buffer, w.unscale, (float)rule.lr, beta1, beta2, epsilon,
                      (float)rule.weight_decay, rule.decoupled, TIME, err));
        TRY(compare_step(r, &w, err));
        if (i == 0)
            TRY(check_overflow(r, &w, err));
    }
    return STATUS_OK;
}

/* ---- Initial weights ---- */

/* A uniform number rounds twice. A normal one is sqrt(-2 log(a)) * cos(2 pi b): the angle, up to
 * 6.3, rounds twice and so moves the cosine by up to 13 roundings; the logarithm and the root come
 * to 9, the cosine to 8, and products to 3. */
status check_initialize(check_run *r, error *err)
{
    enum { COUNT = 1003 };
    const uint64_t seed = 0x123456789abcdefu;
    const uint32_t id = 0xfedcba98u;
    const float scale = 0.25f;
    const operand *uniform, *normal, *constant;
    TRY(check_floats(r, COUNT, UNWRITTEN, &uniform, err));
    TRY(check_floats(r, COUNT, UNWRITTEN, &normal, err));
    TRY(check_floats(r, COUNT, UNWRITTEN, &constant, err));
    for (uint32_t i = 0; i < COUNT; i++) {
        double radius = sqrt(-2 * log((double)reference_unit(seed, id, i & ~1u)));
        double angle = 2 * acos(-1) * (double)reference_unit(seed, id, i | 1u);
        uniform->want[i] = (double)scale * (2 * (double)reference_unit(seed, id, i) - 1);
        normal->want[i] = (double)scale * radius * (i % 2 ? sin(angle) : cos(angle));
        constant->want[i] = (double)scale;
    }
    TRY(initialize_uniform(r->dev, uniform->t.buffer, COUNT, seed, id, scale, err));
    TRY(initialize_normal(r->dev, normal->t.buffer, COUNT, seed, id, scale, err));
    TRY(initialize_constant(r->dev, constant->t.buffer, COUNT, scale, err));
    TRY(check_result(r, uniform, 2, err));
    TRY(check_result(r, normal, 13 + 9 + 8 + 3, err));
    return check_result(r, constant, 0, err);
}
