/* SPDX-License-Identifier: Apache-2.0 */
/* Correlation and a one-way analysis of variance for each parameter; see importance.h. */
#include "sweep/importance.h"
#include "sweep/search_space.h"

#include <math.h>

enum {
    LEAST_TRIALS = 3,
    GROUPS = 3,           /* of the places of a parameter whose values are not categories */
    LEAST_FOR_GROUPS = 6, /* trials; with fewer there are two groups */
};

/* The finished trials of a sweep, and one parameter of it. */
typedef struct view {
    const sampler_trial *trials;
    size_t count, parameter;
    const distribution *form;
    size_t used; /* trials that count */
    double sign; /* -1 where the sweep maximises */
    double mean; /* of the objective */
    bool varies; /* the objective */
} view;

static bool is_used(const sampler_trial *t)
{
    return t->state == TRIAL_FINISHED && t->has_objective && isfinite(t->objective);
}

static bool is_categorical(const distribution *d)
{
    return d->kind == DISTRIBUTION_CATEGORICAL ||
           d->kind == DISTRIBUTION_CATEGORICAL_W_PROBABILITIES;
}

static double place_of(const view *v, size_t trial)
{
    return v->trials[trial].places[v->parameter];
}

static double objective_of(const view *v, size_t trial)
{
    return v->sign * v->trials[trial].objective;
}

static double correlate(const view *v, const sweep_parameter *p)
{
    double mean = 0, xx = 0, yy = 0, xy = 0, low = INFINITY, high = -INFINITY;
    if (!v->varies || is_categorical(v->form))
        return NAN;
    for (size_t i = 0; i < v->count; i++) {
        if (!is_used(&v->trials[i]))
            continue;
        double place = space_place(p, place_of(v, i));
        mean += place / (double)v->used;
        low = fmin(low, place);
        high = fmax(high, place);
    }
    for (size_t i = 0; i < v->count; i++) {
        if (!is_used(&v->trials[i]))
            continue;
        double x = space_place(p, place_of(v, i)) - mean, y = objective_of(v, i) - v->mean;
        xx += x * x;
        yy += y * y;
        xy += x * y;
    }
    return high > low ? xy / sqrt(xx * yy) : NAN;
}

/* The group of a trial; equal numbers are one group. */
static double group_of(const view *v, const sweep_parameter *p, size_t trial)
{
    int groups = v->used < LEAST_FOR_GROUPS ? GROUPS - 1 : GROUPS;
    double u = space_place(p, place_of(v, trial));
    return is_categorical(v->form) ? u : fmin(floor(u * groups), groups - 1);
}

/* What a group adds to the sum of squares between groups: found at its first trial, 0 at others. */
static double between(const view *v, const sweep_parameter *p, size_t first)
{
    double group = group_of(v, p, first), sum = 0, members = 0;
    for (size_t i = 0; i < v->count; i++) {
        if (!is_used(&v->trials[i]) || group_of(v, p, i) != group)
            continue;
        if (i < first)
            return 0;
        sum += objective_of(v, i) - v->mean;
        members++;
    }
    return sum * sum / members;
}

/* Whether there are trials of more than one group to compare. */
static bool has_groups(const view *v, const sweep_parameter *p)
{
    double first = NAN;
    for (size_t i = 0; i < v->count; i++) {
        if (!is_used(&v->trials[i]))
            continue;
        double group = group_of(v, p, i);
        if (isnan(first))
            first = group;
        else if (group != first)
            return true;
    }
    return false;
}

static double find_share(const view *v, const sweep_parameter *p)
{
    double total = 0, explained = 0;
    if (v->used < LEAST_TRIALS || !v->varies || !has_groups(v, p))
        return NAN;
    for (size_t i = 0; i < v->count; i++) {
        if (!is_used(&v->trials[i]))
            continue;
        double y = objective_of(v, i) - v->mean;
        total += y * y;
        explained += between(v, p, i);
    }
    return fmin(explained / total, 1);
}

void importance_of(const sweep_file *file, const sampler_trial *trials, size_t count,
                   importance *found)
{
    view v = {.trials = trials, .count = count, .sign = file->maximize ? -1 : 1};
    for (size_t i = 0; i < count; i++)
        v.used += is_used(&trials[i]);
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        if (!is_used(&trials[i]))
            continue;
        v.mean += objective_of(&v, i) / (double)v.used;
        low = fmin(low, objective_of(&v, i));
        high = fmax(high, objective_of(&v, i));
    }
    v.varies = high > low;
    for (size_t k = 0; k < file->parameter_count; k++) {
        v.parameter = k;
        v.form = &file->parameters[k].form;
        found[k].correlation = correlate(&v, &file->parameters[k]);
        found[k].share = find_share(&v, &file->parameters[k]);
    }
}
