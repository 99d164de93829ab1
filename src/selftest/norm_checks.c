/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of normalisations; see operation_checks.h.
 *
 * Every result is made of sums over the `count` values that are normalised together. A sum of count
 * terms rounds at most count times, each time by 2^-24 of the sum of the magnitudes. With these
 * inputs that sum is less than six times the largest result, and errors of mean and deviation
 * together at most double it: 12 * count roundings. */
#include "ops/batchnorm.h"
#include "ops/group_norm.h"
#include "ops/weight_standardise.h"
#include "selftest/operation_checks.h"
#include "selftest/reference.h"

#include <math.h>
#include <string.h>

enum { SUMMED = 12 * ODD_PIXELS };

static const value_range off_centre = {-1.7, 2.3}, gammas = {0.5, 1.5}, betas = {-0.5, 0.5};
static const value_range variances = {0.5, 2};

/* ---- Batch normalisation ---- */

/* What all directions read. */
typedef struct norm_inputs {
    const operand *x, *gamma, *beta;
    double mean[ODD_C], variance[ODD_C];
    reference_batchnorm r;
} norm_inputs;

static status open_norm(check_run *run, norm_inputs *in, error *err)
{
    TRY(check_activation(run, odd_tensor, off_centre, &in->x, err));
    TRY(check_floats(run, ODD_C, gammas, &in->gamma, err));
    TRY(check_floats(run, ODD_C, betas, &in->beta, err));
    in->r = (reference_batchnorm){.pixels = ODD_PIXELS,
                                  .c = ODD_C,
                                  .size = in->x->count,
                                  .x = in->x->want,
                                  .gamma = in->gamma->want,
                                  .beta = in->beta->want,
                                  .mean = in->mean,
                                  .variance = in->variance};
    return STATUS_OK;
}

/* The statistics that a training step leaves. */
typedef struct norm_state {
    const operand *running_mean, *running_variance, *mean, *inverse;
} norm_state;

static status open_state(check_run *run, norm_state *s, error *err)
{
    TRY(check_floats(run, ODD_C, betas, &s->running_mean, err));
    TRY(check_floats(run, ODD_C, variances, &s->running_variance, err));
    TRY(check_floats(run, ODD_C, UNWRITTEN, &s->mean, err));
    return check_floats(run, ODD_C, UNWRITTEN, &s->inverse, err);
}

static batchnorm_layer layer_of(const norm_inputs *in, const norm_state *s)
{
    return (batchnorm_layer){.gamma = in->gamma->t.buffer,
                             .beta = in->beta->t.buffer,
                             .running_mean = s->running_mean->t.buffer,
                             .running_variance = s->running_variance->t.buffer,
                             .mean = s->mean->t.buffer,
                             .inverse_deviation = s->inverse->t.buffer};
}

static status compare_state(check_run *run, const norm_inputs *in, const norm_state *s, error *err)
{
    for (size_t k = 0; k < ODD_C; k++) {
        double unbiased = in->variance[k] * ODD_PIXELS / (ODD_PIXELS - 1);
        s->mean->want[k] = in->mean[k];
        s->inverse->want[k] = 1 / sqrt(in->variance[k] + reference_epsilon);
        s->running_mean->want[k] = 0.9 * s->running_mean->want[k] + 0.1 * in->mean[k];
        s->running_variance->want[k] = 0.9 * s->running_variance->want[k] + 0.1 * unbiased;
    }
    TRY(check_result(run, s->mean, SUMMED, err));
    TRY(check_result(run, s->inverse, SUMMED, err));
    TRY(check_result(run, s->running_mean, SUMMED, err));
    return check_result(run, s->running_variance, SUMMED, err);
}

/* One training step: as it is, with the ReLU, and with the ReLU and a residual. */
status check_batchnorm(check_run *run, error *err)
{
    norm_inputs in;
    const operand *residual;
    TRY(open_norm(run, &in, err));
    TRY(check_activation(run, odd_tensor, around_zero, &residual, err));
    reference_batchnorm_statistics(&in.r);
    for (int form = 0; form < 3; form++) {
        const operand *y;
        norm_state state;
        batchnorm_sums sums;
        cl_mem workspace;
        TRY(check_activation(run, odd_tensor, UNWRITTEN, &y, err));
        TRY(open_state(run, &state, err));
        TRY(check_bytes(run, NULL, batchnorm_workspace(run->dev, in.x->t), &workspace, err));
        const batchnorm_layer layer = layer_of(&in, &state);
        in.r.relu = form > 0;
        in.r.residual = form > 1 ? residual->want : NULL;
        in.r.y = y->want;
        reference_batchnorm_normalise(&in.r);
        TRY(batchnorm_sum(run->dev, in.x->t, workspace, &sums, err));
        TRY(batchnorm_forward(run->dev, in.x->t, &layer, sums, form > 1 ? residual->t : (tensor){0},
                              in.r.relu, y->t, err));
        TRY(check_result(run, y, SUMMED, err));
        TRY(compare_state(run, &in, &state, err));
    }
    return STATUS_OK;
}

/* A square root and a division may be off by 3 and 2.5 ulp, which is 11 roundings; six operations
 * come to that. Terms may be twice as large as the largest result. */
enum { EVALUATED = 2 * (11 + 6) };

status check_batchnorm_inference(check_run *run, error *err)
{
    norm_inputs in;
    norm_state state;
    const operand *residual, *y, *scale, *shift;
    cl_mem workspace;
    TRY(open_norm(run, &in, err));
    TRY(open_state(run, &state, err));
    TRY(check_activation(run, odd_tensor, around_zero, &residual, err));
    TRY(check_activation(run, odd_tensor, UNWRITTEN, &y, err));
    TRY(check_floats(run, ODD_C, UNWRITTEN, &scale, err));
    TRY(check_floats(run, ODD_C, UNWRITTEN, &shift, err));
    TRY(check_bytes(run, NULL, batchnorm_workspace(run->dev, in.x->t), &workspace, err));
    const batchnorm_layer layer = layer_of(&in, &state);
    in.r.mean = state.running_mean->want;
    in.r.variance = state.running_variance->want;
    in.r.relu = true;
    in.r.residual = residual->want;
    in.r.y = y->want;
    reference_batchnorm_normalise(&in.r);
    for (size_t k = 0; k < ODD_C; k++) {
        scale->want[k] = in.gamma->want[k] / sqrt(in.r.variance[k] + reference_epsilon);
        shift->want[k] = in.beta->want[k] - in.r.mean[k] * scale->want[k];
    }
    TRY(batchnorm_evaluate(run->dev, in.x->t, &layer, residual->t, true, y->t, workspace, err));
    TRY(batchnorm_fold(run->dev, &layer, ODD_C, scale->t.buffer, shift->t.buffer, err));
    TRY(check_result(run, y, EVALUATED, err));
    TRY(check_result(run, scale, EVALUATED, err));
    TRY(check_result(run, shift, EVALUATED, err));
    TRY(check_result(run, state.running_mean, 0, err));
    return check_result(run, state.running_variance, 0, err);
}

/* The results of a backward pass. */
typedef struct norm_gradients {
    const operand *gamma, *beta, *x, *residual;
} norm_gradients;

static status open_gradients(check_run *run, bool add, norm_gradients *g, error *err)
{
    value_range range = add ? around_zero : UNWRITTEN;
    TRY(check_floats(run, ODD_C, range, &g->gamma, err));
    TRY(check_floats(run, ODD_C, range, &g->beta, err));
    TRY(check_activation(run, odd_tensor, range, &g->x, err));
    return check_activation(run, odd_tensor, range, &g->residual, err);
}

static status run_gradients(check_run *run, const norm_inputs *in, const batchnorm_layer *layer,
                            const operand *y, const operand *dy, bool add, const norm_gradients *to,
                            error *err)
{
    cl_mem workspace;
    const batchnorm_gradients g = {.gamma = to->gamma->t.buffer,
                                   .beta = to->beta->t.buffer,
                                   .terms = add ? add_terms : store_terms,
                                   .x = to->x->t,
                                   .residual = to->residual->t,
                                   .accumulate_x = add,
                                   .accumulate_residual = add};
    TRY(check_bytes(run, NULL, batchnorm_workspace(run->dev, in->x->t), &workspace, err));
    TRY(batchnorm_gradient_sums(run->dev, in->x->t, layer, true, y->t, dy->t, &g, true, workspace,
                                err));
    return batchnorm_backward(run->dev, in->x->t, layer, true, y->t, dy->t, &g, workspace, err);
}

static status compare_gradients(check_run *run, const norm_gradients *g, bool add, error *err)
{
    TRY(check_result(run, g->gamma, SUMMED, err));
    TRY(check_result(run, g->beta, SUMMED, err));
    TRY(check_result(run, g->x, SUMMED, err));
    return check_result(run, g->residual, add ? 1 : 0, err);
}

/* y only says where the ReLU was active, so random numbers will do. */
status check_batchnorm_backward(check_run *run, error *err)
{
    norm_inputs in;
    const operand *y, *dy, *mean, *inverse;
    norm_gradients stored, added;
    double inverses[ODD_C];
    TRY(open_norm(run, &in, err));
    TRY(check_activation(run, odd_tensor, around_zero, &y, err));
    TRY(check_activation(run, odd_tensor, around_zero, &dy, err));
    reference_batchnorm_statistics(&in.r);
    for (size_t k = 0; k < ODD_C; k++)
        inverses[k] = 1 / sqrt(in.variance[k] + reference_epsilon);
    TRY(check_known(run, ODD_C, in.mean, &mean, err));
    TRY(check_known(run, ODD_C, inverses, &inverse, err));
    TRY(open_gradients(run, false, &stored, err));
    TRY(open_gradients(run, true, &added, err));
    in.r.relu = true;
    reference_batchnorm_gradients g = {stored.x->want, stored.residual->want, stored.gamma->want,
                                       stored.beta->want};
    reference_batchnorm_backward(&in.r, y->want, dy->want, &g);
    check_terms(added.gamma, stored.gamma);
    check_terms(added.beta, stored.beta);
    for (size_t i = 0; i < dy->count; i++) {
        added.x->want[i] += stored.x->want[i];
        added.residual->want[i] += stored.residual->want[i];
    }
    const batchnorm_layer layer = {.gamma = in.gamma->t.buffer,
                                   .mean = mean->t.buffer,
                                   .inverse_deviation = inverse->t.buffer};
    TRY(run_gradients(run, &in, &layer, y, dy, false, &stored, err));
    TRY(run_gradients(run, &in, &layer, y, dy, true, &added, err));
    TRY(compare_gradients(run, &stored, false, err));
    return compare_gradients(run, &added, true, err);
}

/* What ranks that share a batch add: the merged sums of one, and means from the sums of several. */
status check_batchnorm_shared(check_run *run, error *err)
{
    enum { PARTS = 3, PIXELS = 77 };
    norm_inputs in;
    batchnorm_sums sums;
    cl_mem workspace;
    double means[3 * ODD_C] = {0};
    const operand *merged, *parts, *inverse;
    TRY(open_norm(run, &in, err));
    TRY(check_bytes(run, NULL, batchnorm_workspace(run->dev, in.x->t), &workspace, err));
    TRY(check_floats(run, 2 * ODD_C, UNWRITTEN, &merged, err));
    TRY(check_floats(run, PARTS * 2 * ODD_C, around_zero, &parts, err));
    TRY(check_floats(run, ODD_C, gammas, &inverse, err));
    reference_batchnorm_statistics(&in.r);
    for (size_t k = 0; k < ODD_C; k++) {
        merged->want[k] = in.mean[k];
        merged->want[ODD_C + k] = in.variance[k] * ODD_PIXELS;
        means[2 * ODD_C + k] = in.gamma->want[k] * inverse->want[k];
    }
    for (size_t i = 0; i < PARTS * 2 * ODD_C; i++)
        means[i % (2 * ODD_C)] += parts->want[i] / PIXELS;
    for (size_t i = 0; i < 3 * ODD_C; i++)
        parts->want[i] = means[i];
    const batchnorm_layer layer = {.gamma = in.gamma->t.buffer,
                                   .inverse_deviation = inverse->t.buffer};
    TRY(batchnorm_sum(run->dev, in.x->t, workspace, &sums, err));
    TRY(batchnorm_merge(run->dev, sums, ODD_C, merged->t.buffer, err));
    TRY(check_result(run, merged, SUMMED, err));
    TRY(batchnorm_gradient_means(run->dev, &layer, PARTS, PIXELS, ODD_C, parts->t.buffer, err));
    return check_result(run, parts, PARTS + 5, err);
}

/* ---- Group normalisation ---- */

enum { GROUPED_C = 33, GROUPS = 3, GROUPED = 12 * ODD_AREA * GROUPED_C / GROUPS };
static const tensor grouped = {NULL, ODD_N, ODD_H, ODD_W, GROUPED_C};

/* Operands of both directions, with the results in double precision. */
typedef struct group_inputs {
    const operand *x, *gamma, *beta, *dy, *mean, *inverse, *y;
    cl_mem workspace;
    reference_group_norm r;
} group_inputs;

static status open_groups(check_run *run, group_inputs *in, error *err)
{
    size_t statistics = (size_t)ODD_N * GROUPED_C;
    TRY(check_activation(run, grouped, off_centre, &in->x, err));
    TRY(check_floats(run, GROUPED_C, gammas, &in->gamma, err));
    TRY(check_floats(run, GROUPED_C, betas, &in->beta, err));
    TRY(check_activation(run, grouped, around_zero, &in->dy, err));
    TRY(check_activation(run, grouped, UNWRITTEN, &in->y, err));
    TRY(check_floats(run, statistics, UNWRITTEN, &in->mean, err));
    TRY(check_floats(run, statistics, UNWRITTEN, &in->inverse, err));
    TRY(check_bytes(run, NULL, group_norm_workspace(run->dev, grouped), &in->workspace, err));
    in->r = (reference_group_norm){.n = ODD_N,
                                   .pixels = ODD_AREA,
                                   .c = GROUPED_C,
                                   .groups = GROUPS,
                                   .size = in->x->count,
                                   .relu = true,
                                   .x = in->x->want,
                                   .gamma = in->gamma->want,
                                   .beta = in->beta->want,
                                   .dy = in->dy->want,
                                   .mean = in->mean->want,
                                   .inverse = in->inverse->want,
                                   .y = in->y->want};
    reference_group_norm_forward(&in->r);
    return STATUS_OK;
}

static group_norm_layer group_layer(const group_inputs *in, cl_mem mean, cl_mem inverse)
{
    return (group_norm_layer){GROUPS, in->gamma->t.buffer, in->beta->t.buffer, mean, inverse};
}

status check_group_norm(check_run *run, error *err)
{
    group_inputs in;
    TRY(open_groups(run, &in, err));
    const group_norm_layer layer = group_layer(&in, in.mean->t.buffer, in.inverse->t.buffer);
    TRY(group_norm_forward(run->dev, in.x->t, &layer, true, in.y->t, in.workspace, err));
    TRY(check_result(run, in.mean, GROUPED, err));
    TRY(check_result(run, in.inverse, GROUPED, err));
    return check_result(run, in.y, GROUPED, err);
}

status check_group_norm_backward(check_run *run, error *err)
{
    group_inputs in;
    const operand *mask, *mean, *inverse, *gamma, *beta, *dx;
    TRY(open_groups(run, &in, err));
    TRY(check_activation(run, grouped, around_zero, &mask, err));
    TRY(check_known(run, in.mean->count, in.mean->want, &mean, err));
    TRY(check_known(run, in.inverse->count, in.inverse->want, &inverse, err));
    TRY(check_floats(run, GROUPED_C, UNWRITTEN, &gamma, err));
    TRY(check_floats(run, GROUPED_C, UNWRITTEN, &beta, err));
    TRY(check_activation(run, grouped, around_zero, &dx, err));
    double before[ODD_PIXELS * GROUPED_C];
    memcpy(before, dx->want, sizeof before);
    for (size_t k = 0; k < GROUPED_C; k++)
        gamma->want[k] = beta->want[k] = 0;
    in.r.dx = dx->want;
    in.r.dgamma = gamma->want;
    in.r.dbeta = beta->want;
    reference_group_norm_backward(&in.r, mask->want);
    for (size_t i = 0; i < dx->count; i++)
        dx->want[i] += before[i];
    const group_norm_layer layer = group_layer(&in, mean->t.buffer, inverse->t.buffer);
    const group_norm_gradients to = {.gamma = gamma->t.buffer,
                                     .beta = beta->t.buffer,
                                     .terms = store_terms,
                                     .x = dx->t,
                                     .accumulate_x = true};
    TRY(group_norm_backward(run->dev, in.x->t, &layer, true, mask->t, in.dy->t, &to, in.workspace,
                            err));
    TRY(check_result(run, gamma, GROUPED, err));
    TRY(check_result(run, beta, GROUPED, err));
    return check_result(run, dx, GROUPED, err);
}

/* ---- Weight standardisation ---- */

enum { ROWS = 135, STANDARDISED = 12 * ROWS };

static status open_weights(check_run *run, reference_weight_standardise *r, const operand **w,
                           const operand **mean, const operand **inverse, const operand **v,
                           error *err)
{
    TRY(check_floats(run, (size_t)ROWS * ODD_C, around_zero, w, err));
    TRY(check_floats(run, (size_t)ROWS * ODD_C, UNWRITTEN, v, err));
    TRY(check_floats(run, ODD_C, UNWRITTEN, mean, err));
    TRY(check_floats(run, ODD_C, UNWRITTEN, inverse, err));
    *r = (reference_weight_standardise){.rows = ROWS,
                                        .c = ODD_C,
                                        .w = (*w)->want,
                                        .mean = (*mean)->want,
                                        .inverse = (*inverse)->want,
                                        .v = (*v)->want};
    reference_weight_standardise_forward(r);
    return STATUS_OK;
}

status check_weight_standardise(check_run *run, error *err)
{
    reference_weight_standardise r;
    const operand *w, *mean, *inverse, *v;
    cl_mem workspace;
    TRY(open_weights(run, &r, &w, &mean, &inverse, &v, err));
    TRY(check_bytes(run, NULL, weight_standardise_workspace(ROWS, ODD_C), &workspace, err));
    const weight_standardise_layer layer = {ROWS, ODD_C, w->t.buffer, mean->t.buffer,
                                            inverse->t.buffer};
    TRY(weight_standardise_measure(run->dev, &layer, workspace, err));
    TRY(weight_standardise_apply(run->dev, &layer, v->t.buffer, err));
    TRY(check_result(run, mean, STANDARDISED, err));
    TRY(check_result(run, inverse, STANDARDISED, err));
    return check_result(run, v, STANDARDISED, err);
}

status check_weight_standardise_backward(check_run *run, error *err)
{
    reference_weight_standardise r;
    const operand *w, *mean, *inverse, *v, *g, *stored, *added, *known_mean, *known_inverse;
    cl_mem workspaces[2];
    TRY(open_weights(run, &r, &w, &mean, &inverse, &v, err));
    TRY(check_known(run, ODD_C, mean->want, &known_mean, err));
    TRY(check_known(run, ODD_C, inverse->want, &known_inverse, err));
    TRY(check_floats(run, w->count, around_zero, &g, err));
    TRY(check_floats(run, w->count, UNWRITTEN, &stored, err));
    TRY(check_floats(run, w->count, around_zero, &added, err));
    for (int i = 0; i < 2; i++)
        TRY(check_bytes(run, NULL, weight_standardise_workspace(ROWS, ODD_C), &workspaces[i], err));
    r.g = g->want;
    r.dw = stored->want;
    reference_weight_standardise_backward(&r);
    check_terms(added, stored);
    const weight_standardise_layer layer = {ROWS, ODD_C, w->t.buffer, known_mean->t.buffer,
                                            known_inverse->t.buffer};
    TRY(weight_standardise_backward(run->dev, &layer, g->t.buffer, stored->t.buffer, store_terms,
                                    workspaces[0], err));
    TRY(weight_standardise_backward(run->dev, &layer, g->t.buffer, added->t.buffer, add_terms,
                                    workspaces[1], err));
    TRY(check_result(run, stored, STANDARDISED, err));
    return check_result(run, added, STANDARDISED, err);
}
