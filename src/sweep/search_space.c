/* Bins of places; see search_space.h. */
#include "sweep/search_space.h"

#include <math.h>

/* The quantiles of some distributions are infinite at 0 and 1. */
static const double EDGE = 1e-6;

/* What int_uniform can count to; beyond it, its values are as good as continuous. */
static const double MOST_VALUES = 1e9;

static bool is_weighted(const distribution *d)
{
    return d->kind == DISTRIBUTION_CATEGORICAL_W_PROBABILITIES && d->probabilities;
}

size_t space_values(const sweep_parameter *p)
{
    const distribution *d = &p->form;
    size_t possible = 0;
    switch (d->kind) {
    case DISTRIBUTION_CONSTANT:
        return 1;
    case DISTRIBUTION_CATEGORICAL:
        return d->count;
    case DISTRIBUTION_CATEGORICAL_W_PROBABILITIES:
        if (!is_weighted(d))
            return d->count;
        for (size_t i = 0; i < d->count; i++)
            possible += d->probabilities[i] > 0;
        return possible;
    case DISTRIBUTION_INT_UNIFORM:
        return d->max - d->min < MOST_VALUES ? (size_t)fmax(floor(d->max) - ceil(d->min), 0) + 1
                                             : 0;
    default:
        return 0;
    }
}

/* The middle of the bin that u lies in, or of possible bin number `index` where u is NaN. */
static double weighted_place(const distribution *d, double u, size_t index)
{
    double begin = 0, middle = 0.5;
    for (size_t i = 0; i < d->count; i++) {
        double width = d->probabilities[i];
        if (!(width > 0))
            continue;
        middle = begin + width / 2;
        begin += width;
        if (isnan(u) ? index-- == 0 : u < begin)
            break;
    }
    return middle;
}

double space_value_place(const sweep_parameter *p, size_t index)
{
    return is_weighted(&p->form) ? weighted_place(&p->form, NAN, index)
                                 : ((double)index + 0.5) / (double)space_values(p);
}

double space_place(const sweep_parameter *p, double u)
{
    size_t values = space_values(p);
    u = fmin(fmax(u, 0), 1);
    if (is_weighted(&p->form))
        return weighted_place(&p->form, u, 0);
    if (values > 0)
        return (fmin(floor(u * (double)values), (double)values - 1) + 0.5) / (double)values;
    return fmin(fmax(u, EDGE), 1 - EDGE);
}

size_t space_size(const sweep_file *file)
{
    size_t size = 1;
    for (size_t i = 0; i < file->parameter_count; i++) {
        size_t values = space_values(&file->parameters[i]);
        if (values == 0 || size > SIZE_MAX / values)
            return 0;
        size *= values;
    }
    return size;
}

void space_point(const sweep_file *file, size_t index, double *places)
{
    for (size_t i = 0; i < file->parameter_count; i++) {
        const sweep_parameter *p = &file->parameters[i];
        places[i] = space_value_place(p, index % space_values(p));
        index /= space_values(p);
    }
}

bool space_same(const sweep_file *file, const double *a, const double *b)
{
    /* Middles are sums of the same numbers; no two bins are as near as this. */
    for (size_t i = 0; i < file->parameter_count; i++)
        if (fabs(a[i] - b[i]) > 1e-12)
            return false;
    return true;
}
