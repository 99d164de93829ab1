/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of losses and hits; see metrics.h. */
#include "measure/metrics.h"
#include "base/json_values.h"

enum { TOP_5 = 5 };

void metrics_add(metrics *sums, const step_results *results, const int *parents)
{
    sums->count += (uint64_t)results->count;
    for (int i = 0; i < results->count; i++) {
        const head_result *fine = &results->fine[i];
        sums->fine_loss += fine->loss;
        sums->marginal_loss += fine->marginal_loss;
        sums->fine_top1 += fine->rank == 0;
        sums->fine_top5 += fine->rank < TOP_5;
        if (!results->coarse)
            continue;
        const head_result *coarse = &results->coarse[i];
        sums->coarse_loss += coarse->loss;
        sums->coarse_top1 += coarse->rank == 0;
        sums->coarse_top5 += coarse->rank < TOP_5;
        sums->agree += parents[fine->guess] == coarse->guess;
    }
}

void metrics_merge(metrics *sums, const metrics *more)
{
    sums->count += more->count;
    sums->coarse_loss += more->coarse_loss;
    sums->fine_loss += more->fine_loss;
    sums->marginal_loss += more->marginal_loss;
    sums->coarse_top1 += more->coarse_top1;
    sums->coarse_top5 += more->coarse_top5;
    sums->fine_top1 += more->fine_top1;
    sums->fine_top5 += more->fine_top5;
    sums->agree += more->agree;
}

static double mean(const metrics *sums, double sum)
{
    return sums->count > 0 ? sum / (double)sums->count : 0.0;
}

double metrics_loss(const metrics *sums, double coarse_weight, double fine_weight)
{
    double coarse =
        coarse_weight != 0.0
            ? coarse_weight * (metrics_mean_coarse_loss(sums) + metrics_mean_marginal_loss(sums))
            : 0.0;
    double fine = fine_weight != 0.0 ? fine_weight * metrics_mean_fine_loss(sums) : 0.0;
    return coarse + fine;
}

double metrics_mean_coarse_loss(const metrics *sums)
{
    return mean(sums, sums->coarse_loss);
}

double metrics_mean_fine_loss(const metrics *sums)
{
    return mean(sums, sums->fine_loss);
}

double metrics_mean_marginal_loss(const metrics *sums)
{
    return mean(sums, sums->marginal_loss);
}

double metrics_share(const metrics *sums, uint64_t hits)
{
    return mean(sums, (double)hits);
}

json_t *metrics_to_object(const metrics *m, double coarse_weight, double fine_weight,
                          bool only_fine)
{
    json_t *o = json_pack("{s:I, s:o}", "images", (json_int_t)m->count, "loss",
                          number_to_json(metrics_loss(m, coarse_weight, fine_weight)));
    if (!o)
        return NULL;
    if (m->marginal_loss != 0)
        json_object_set_new(o, "marginal_loss", number_to_json(metrics_mean_marginal_loss(m)));
    if (!only_fine) {
        json_object_set_new(o, "coarse_loss", number_to_json(metrics_mean_coarse_loss(m)));
        json_object_set_new(o, "coarse_top1", json_real(metrics_share(m, m->coarse_top1)));
        json_object_set_new(o, "coarse_top5", json_real(metrics_share(m, m->coarse_top5)));
    }
    json_object_set_new(o, "fine_loss", number_to_json(metrics_mean_fine_loss(m)));
    json_object_set_new(o, "fine_top1", json_real(metrics_share(m, m->fine_top1)));
    json_object_set_new(o, "fine_top5", json_real(metrics_share(m, m->fine_top5)));
    if (!only_fine)
        json_object_set_new(o, "agreement", json_real(metrics_share(m, m->agree)));
    return o;
}
