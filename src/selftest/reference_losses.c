/* SPDX-License-Identifier: Apache-2.0 */
/* Losses; see reference.h. */
#include "selftest/reference.h"

#include <math.h>

double reference_loss(const double *logits, int classes, int label)
{
    double top = -INFINITY, sum = 0;
    for (int j = 0; j < classes; j++)
        top = fmax(top, logits[j]);
    for (int j = 0; j < classes; j++)
        sum += exp(logits[j] - top);
    return log(sum) + top - logits[label];
}

void reference_softmax(const double *logits, int classes, double *probabilities)
{
    for (int j = 0; j < classes; j++)
        probabilities[j] = exp(-reference_loss(logits, classes, j));
}

static double target_of(const loss_problem *p, int i, int j)
{
    double s = (double)p->also.targets.smoothing, share = (double)p->also.targets.partner_share;
    double one_hot = (1 - share) * (p->labels[i] == j) + share * (p->labels[p->n - 1 - i] == j);
    return (1 - s) * one_hot + s / p->classes;
}

/* The loss for the smoothed and mixed target; losses[j] is minus the logarithm of class j's
 * probability. */
static double target_loss(const loss_problem *p, const double *losses, int i)
{
    double loss = 0;
    for (int j = 0; j < p->classes; j++)
        if (target_of(p, i, j) != 0)
            loss += target_of(p, i, j) * losses[j];
    return loss;
}

/* -sum of target * log(probability) over the parents; the probability of a parent is the sum over
 * its children. The largest term is factored out, because the sum may be too small for a double. */
static double marginal_loss(const loss_problem *p, const double *losses, int i)
{
    double loss = 0;
    for (int parent = 0; parent < p->also.parent_count; parent++) {
        double target = 0, least = INFINITY, sum = 0;
        for (int j = 0; j < p->classes; j++)
            if (p->also.parents[j] == parent) {
                target += target_of(p, i, j);
                least = fmin(least, losses[j]);
            }
        for (int j = 0; j < p->classes; j++)
            if (p->also.parents[j] == parent)
                sum += exp(least - losses[j]);
        if (target != 0)
            loss += target * (least - log(sum));
    }
    return loss;
}

static void losses_of(const loss_problem *p, const double *row, int i, double *loss,
                      double *marginal)
{
    double losses[REFERENCE_CLASSES];
    losses[0] = reference_loss(row, p->classes, 0);
    for (int j = 1; j < p->classes; j++)
        losses[j] = losses[0] + row[0] - row[j];
    *loss = target_loss(p, losses, i);
    *marginal = p->also.parents ? marginal_loss(p, losses, i) : 0;
}

static double whole_loss(const loss_problem *p, const double *row, int i)
{
    double loss, marginal;
    losses_of(p, row, i, &loss, &marginal);
    return p->weight / p->n * loss + (double)p->also.marginal_weight / p->n * marginal;
}

double reference_slope(const loss_problem *p, double *row, int i, int j)
{
    const double step = 1e-5;
    double value = row[j];
    row[j] = value + step;
    double above = whole_loss(p, row, i);
    row[j] = value - step;
    double below = whole_loss(p, row, i);
    row[j] = value;
    return (above - below) / (2 * step);
}

reference_head reference_head_of(const loss_problem *p, const double *row, int i)
{
    reference_head found = {.label =
                                p->labels[p->also.targets.partner_share > 0.5f ? p->n - 1 - i : i]};
    for (int j = 0; j < p->classes; j++) {
        found.rank += row[j] > row[found.label] || (row[j] == row[found.label] && j < found.label);
        found.guess = row[j] > row[found.guess] ? j : found.guess;
    }
    losses_of(p, row, i, &found.loss, &found.marginal_loss);
    return found;
}
