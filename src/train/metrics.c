/* Sums of losses and hits; see metrics.h. */
#include "train/metrics.h"

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
