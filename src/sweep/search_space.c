/* SPDX-License-Identifier: Apache-2.0 */
/* Bins of places; see search_space.h. */
#include "sweep/search_space.h"

#include <math.h>

/* The quantiles of some distributions are infinite at 0 and 1. */
static const double EDGE = 1e-6;

/* The most values that are counted; with more, a parameter is as good as continuous. */
enum { MOST_VALUES = 1000000000 };

/* Whether some of the listed values may have probability 0, so that they do not count as values. */
static bool is_weighted(const distribution *d)
{
    return d->kind == DISTRIBUTION_CATEGORICAL_W_PROBABILITIES && d->probabilities;
}

static size_t count_possible(const distribution *d)
{
    size_t possible = 0;
    for (size_t i = 0; i < d->count; i++)
        possible += d->probabilities[i] > 0;
    return possible;
}

size_t space_values(const sweep_parameter *p)
{
    if (is_weighted(&p->form))
        return count_possible(&p->form);
    uint64_t size = distribution_size(&p->form);
    return size <= MOST_VALUES ? (size_t)size : 0;
}

/* The index, in the list of all values, of number `index` among the possible ones. */
static size_t find_possible(const distribution *d, size_t index)
{
    size_t i = 0;
    while (i + 1 < d->count && (!(d->probabilities[i] > 0) || index-- > 0))
        i++;
    return i;
}

/* The place of value number `index`, from 0, of a counted parameter. */
static double value_place(const sweep_parameter *p, size_t index)
{
    const distribution *d = &p->form;
    double value = is_weighted(d) ? (double)find_possible(d, index) : distribution_nth(d, index);
    return distribution_place(d, value);
}

double space_place(const sweep_parameter *p, double u)
{
    const distribution *d = &p->form;
    size_t values = space_values(p);
    double edge = values > 0 ? 0 : EDGE;
    u = fmin(fmax(u, edge), 1 - edge);
    return values > 0 || distribution_forms[d->kind].traits & STEPPED
               ? distribution_place(d, distribution_value(d, u))
               : u;
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
        /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): all parameters are counted. */
        places[i] = value_place(p, index % space_values(p));
        /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): as above. */
        index /= space_values(p);
    }
}

bool space_same(const sweep_file *file, const double *a, const double *b)
{
    /* The middle of one bin is always computed from the same numbers, and the middles of two bins
     * are farther apart than this. */
    for (size_t i = 0; i < file->parameter_count; i++)
        if (fabs(a[i] - b[i]) > 1e-12)
            return false;
    return true;
}
