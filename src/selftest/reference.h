/* SPDX-License-Identifier: Apache-2.0 */
/* The formulas of src/ops in double precision, on the host: what the self-test and the tests
 * compare with. The tests check their gradients by finite differences. */
#pragma once

#include "base/error.h"
#include "base/pixels.h"
#include "ops/cross_entropy.h"
#include "ops/max_pool.h"

#include <stddef.h>
#include <stdint.h>

/* ---- Normalisations: reference_norms.c ---- */

extern const double reference_epsilon; /* of batch and group normalisation */

/* Inputs and results of a batch normalisation, [pixels][c] or [c]; size = pixels * c. */
typedef struct reference_batchnorm {
    size_t pixels, c, size;
    bool relu;
    const double *x, *gamma, *beta, *residual; /* residual may be NULL */
    double *mean, *variance, *y;
} reference_batchnorm;

typedef struct reference_batchnorm_gradients {
    double *x, *residual, *gamma, *beta;
} reference_batchnorm_gradients;

void reference_batchnorm_statistics(reference_batchnorm *r);
/* Computes y from the statistics. */
void reference_batchnorm_normalise(reference_batchnorm *r);
/* y is the kernel's output, so that both sides agree on which values the ReLU let through. */
void reference_batchnorm_backward(const reference_batchnorm *r, const double *y, const double *dy,
                                  reference_batchnorm_gradients *g);

/* Inputs and results of a group normalisation, [n][pixels][c], or [c] and [n][c]. */
typedef struct reference_group_norm {
    size_t n, pixels, c, groups, size;
    bool relu;
    const double *x, *gamma, *beta, *dy;
    double *mean, *inverse; /* [n][c] */
    double *y, *dx;
    double *dgamma, *dbeta; /* the caller sets them to 0 */
} reference_group_norm;

void reference_group_norm_forward(reference_group_norm *r);
/* As reference_batchnorm_backward. */
void reference_group_norm_backward(reference_group_norm *r, const double *y);

/* Weights [rows][c] and what follows from them; g is the gradient of v, dw that of w. */
typedef struct reference_weight_standardise {
    size_t rows, c;
    const double *w, *g;
    double *mean, *inverse, *v, *dw;
} reference_weight_standardise;

void reference_weight_standardise_forward(reference_weight_standardise *r);
void reference_weight_standardise_backward(reference_weight_standardise *r);

/* ---- Losses: reference_losses.c ---- */

/* The cross entropy of a row of logits with one label, and the probabilities. */
double reference_loss(const double *logits, int classes, int label);
void reference_softmax(const double *logits, int classes, double *probabilities);

/* Losses other than the plain loss of the labels. */
typedef struct loss_terms {
    target_terms targets;
    const int *parents; /* NULL: no marginal loss */
    int parent_count;
    float marginal_weight;
} loss_terms;

/* A batch. Row i of its logits is passed to the functions below as `row`. */
enum { REFERENCE_CLASSES = 40 };
typedef struct loss_problem {
    int n, classes; /* at most REFERENCE_CLASSES */
    const int32_t *labels;
    loss_terms also;
    double weight;
} loss_problem;

/* Everything that cross_entropy_forward finds for image i, the losses in double precision. */
typedef struct reference_head {
    double loss, marginal_loss;
    int rank, guess, label;
} reference_head;
reference_head reference_head_of(const loss_problem *p, const double *row, int i);
/* The gradient of the whole loss with respect to row[j], by finite differences, which depend on no
 * formula. */
double reference_slope(const loss_problem *p, double *row, int i, int j);

/* ---- The input: reference_input.c ---- */

/* The bytes of pixels [count / 3][3], normalised. */
void reference_normalised(const unsigned char *bytes, size_t count, double *values);
/* The interleaved `picture` with everything that p asks for, normalised: [h][w][3]. */
status reference_image(const unsigned char *picture, const pixel_source *p, int w, int h,
                       double *values, error *err);

/* The value of image i at (y, x) after mixing. */
double reference_mix(const float *before, int n, int h, int w, const batch_mix *m, int i, int y,
                     int x, int colour);

/* ---- The rest: reference.c ---- */

typedef struct pool_window {
    int kernel, stride, pad;
    enum max_pool_padding padding;
} pool_window;

typedef struct pool_case {
    int n, h, w, c; /* of x */
    pool_window window;
} pool_case;

/* The height or width of the output for that of the input. */
int reference_pool_output(int size, pool_window window);
/* y = the maxima of x. Adds the gradient to dx. */
void reference_max_pool(const pool_case *p, const float *x, const float *dy, double *y, double *dx);

double reference_gate(double x, double gate);
void reference_gate_gradients(double x, double gate, double dy, double *dx, double *dgate);

/* One step on one weight. `momentum` and `weight_decay` as in ops/optimizer.h; the decay of Adam
 * is not `decoupled`, that of AdamW is. m and v are the weight's state. */
typedef struct optimizer_rule {
    double lr, momentum, weight_decay;
    bool nesterov;
    double beta1, beta2, epsilon;
    bool decoupled;
} optimizer_rule;
void reference_sgd(const optimizer_rule *rule, double gradient, bool first, double *weight,
                   double *m);
void reference_adam(const optimizer_rule *rule, double gradient, int step, double *weight,
                    double *m, double *v);

/* The number in (0, 1), the middle of one of 2^24 equal steps, from which initial value `index` of
 * a parameter is made. */
float reference_unit(uint64_t seed, uint32_t id, uint32_t index);
/* The factor that limits gradients with this sum of squares to the norm `most`. */
double reference_clip(double squares, double most);
