/* SPDX-License-Identifier: Apache-2.0 */
/* Normalisations; see reference.h. */
#include "ops/weight_standardise.h"
#include "selftest/reference.h"

#include <math.h>

const double reference_epsilon = 1e-5;

void reference_batchnorm_statistics(reference_batchnorm *r)
{
    for (size_t k = 0; k < r->c; k++) {
        double sum = 0, squares = 0;
        for (size_t i = k; i < r->size; i += r->c)
            sum += r->x[i];
        r->mean[k] = sum / (double)r->pixels;
        for (size_t i = k; i < r->size; i += r->c)
            squares += (r->x[i] - r->mean[k]) * (r->x[i] - r->mean[k]);
        r->variance[k] = squares / (double)r->pixels;
    }
}

void reference_batchnorm_normalise(reference_batchnorm *r)
{
    for (size_t i = 0; i < r->size; i++) {
        size_t k = i % r->c;
        double v = r->gamma[k] * (r->x[i] - r->mean[k]) / sqrt(r->variance[k] + reference_epsilon) +
                   r->beta[k] + (r->residual ? r->residual[i] : 0);
        r->y[i] = r->relu && v <= 0 ? 0 : v;
    }
}

void reference_batchnorm_backward(const reference_batchnorm *r, const double *y, const double *dy,
                                  reference_batchnorm_gradients *g)
{
    for (size_t k = 0; k < r->c; k++) {
        double inverse = 1 / sqrt(r->variance[k] + reference_epsilon), sum = 0, product = 0;
        for (size_t i = k; i < r->size; i += r->c) {
            g->residual[i] = r->relu && y[i] <= 0 ? 0 : dy[i];
            sum += g->residual[i];
            product += g->residual[i] * (r->x[i] - r->mean[k]) * inverse;
        }
        g->beta[k] = sum;
        g->gamma[k] = product;
        for (size_t i = k; i < r->size; i += r->c) {
            double normalised = (r->x[i] - r->mean[k]) * inverse;
            g->x[i] = r->gamma[k] * inverse *
                      (g->residual[i] - (sum + normalised * product) / (double)r->pixels);
        }
    }
}
/* A loop over each element of a group, in any order. */
#define FOR_GROUP(r, image, group, i, k)                                                           \
    for (size_t k = (group) * ((r)->c / (r)->groups); k < ((group) + 1) * ((r)->c / (r)->groups);  \
         k++)                                                                                      \
        for (size_t i = (image) * (r)->pixels * (r)->c + k;                                        \
             i < ((image) + 1) * (r)->pixels * (r)->c; i += (r)->c)

void reference_group_norm_forward(reference_group_norm *r)
{
    double count = (double)(r->pixels * r->c / r->groups);
    for (size_t image = 0; image < r->n; image++)
        for (size_t group = 0; group < r->groups; group++) {
            double sum = 0, squares = 0;
            FOR_GROUP(r, image, group, i, k)
            sum += r->x[i];
            double mean = sum / count;
            FOR_GROUP(r, image, group, i, k)
            squares += (r->x[i] - mean) * (r->x[i] - mean);
            double inverse = 1 / sqrt(squares / count + reference_epsilon);
            FOR_GROUP(r, image, group, i, k)
            {
                r->mean[image * r->c + k] = mean;
                r->inverse[image * r->c + k] = inverse;
                double v = r->gamma[k] * (r->x[i] - mean) * inverse + r->beta[k];
                r->y[i] = r->relu && v <= 0 ? 0 : v;
            }
        }
}

void reference_group_norm_backward(reference_group_norm *r, const double *y)
{
    double count = (double)(r->pixels * r->c / r->groups);
    for (size_t image = 0; image < r->n; image++)
        for (size_t group = 0; group < r->groups; group++) {
            double sum = 0, product = 0;
            FOR_GROUP(r, image, group, i, k)
            {
                double inverse = r->inverse[image * r->c + k];
                double v = (r->x[i] - r->mean[image * r->c + k]) * inverse;
                double d = r->relu && y[i] <= 0 ? 0 : r->dy[i];
                r->dgamma[k] += d * v;
                r->dbeta[k] += d;
                sum += r->gamma[k] * d / count;
                product += r->gamma[k] * d * v / count;
            }
            FOR_GROUP(r, image, group, i, k)
            {
                double inverse = r->inverse[image * r->c + k];
                double v = (r->x[i] - r->mean[image * r->c + k]) * inverse;
                double d = r->relu && y[i] <= 0 ? 0 : r->dy[i];
                r->dx[i] = inverse * (r->gamma[k] * d - sum - v * product);
            }
        }
}
void reference_weight_standardise_forward(reference_weight_standardise *r)
{
    for (size_t k = 0; k < r->c; k++) {
        double sum = 0, squares = 0;
        for (size_t i = k; i < r->rows * r->c; i += r->c)
            sum += r->w[i];
        r->mean[k] = sum / (double)r->rows;
        for (size_t i = k; i < r->rows * r->c; i += r->c)
            squares += (r->w[i] - r->mean[k]) * (r->w[i] - r->mean[k]);
        r->inverse[k] = 1 / sqrt(squares / (double)r->rows + (double)weight_standardise_epsilon);
        for (size_t i = k; i < r->rows * r->c; i += r->c)
            r->v[i] = (r->w[i] - r->mean[k]) * r->inverse[k];
    }
}

void reference_weight_standardise_backward(reference_weight_standardise *r)
{
    for (size_t k = 0; k < r->c; k++) {
        double sum = 0, product = 0;
        for (size_t i = k; i < r->rows * r->c; i += r->c) {
            sum += r->g[i] / (double)r->rows;
            product += r->g[i] * r->v[i] / (double)r->rows;
        }
        for (size_t i = k; i < r->rows * r->c; i += r->c)
            r->dw[i] = r->inverse[k] * (r->g[i] - sum - r->v[i] * product);
    }
}
