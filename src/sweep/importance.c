/* SPDX-License-Identifier: Apache-2.0 */
/* Correlation and a one-way analysis of variance for each parameter; see importance.h. */
#include "sweep/importance.h"
#include "sweep/search_space.h"

#include <math.h>
#include <stdlib.h>

enum {
    LEAST_TRIALS = 3,
    GROUPS = 3,           /* groups of places, for a parameter whose values are not categories */
    LEAST_FOR_GROUPS = 6, /* trials; with fewer there are two groups */
};

/* The finished trials of a sweep, seen along one parameter. */
typedef struct view {
    size_t count;
    double *places;     /* [count] */
    double *objectives; /* [count] minus their mean */
    bool varies;        /* whether the objective varies */
} view;

static bool is_categorical(const sweep_parameter *p)
{
    enum distribution_family family = distribution_forms[p->form.kind].family;
    return family == FAMILY_CATEGORICAL || family == FAMILY_WEIGHTED;
}

static bool varies(const double *values, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (values[i] != values[0])
            return true;
    return false;
}

static double find_mean(const double *values, size_t count)
{
    double mean = 0;
    for (size_t i = 0; i < count; i++)
        mean += values[i] / (double)count;
    return mean;
}

static double correlate(const view *v)
{
    double mean = find_mean(v->places, v->count), xx = 0, yy = 0, xy = 0;
    for (size_t i = 0; i < v->count; i++) {
        double x = v->places[i] - mean, y = v->objectives[i];
        xx += x * x;
        yy += y * y;
        xy += x * y;
    }
    return varies(v->places, v->count) ? xy / sqrt(xx * yy) : NAN;
}

/* What a group adds to the sum of squares between groups. It is added at the first trial of the
 * group; other trials give 0. */
static double between(const view *v, size_t first)
{
    double sum = 0, members = 0;
    for (size_t i = 0; i < v->count; i++) {
        if (v->places[i] != v->places[first])
            continue;
        if (i < first)
            return 0;
        sum += v->objectives[i];
        members++;
    }
    return sum * sum / members;
}

/* The share of the variance that is explained by groups of trials with equal places. */
static double find_share(const view *v)
{
    double total = 0, explained = 0;
    if (v->count < LEAST_TRIALS || !varies(v->places, v->count))
        return NAN;
    for (size_t i = 0; i < v->count; i++) {
        total += v->objectives[i] * v->objectives[i];
        explained += between(v, i);
    }
    return fmin(explained / total, 1);
}

static void group_places(view *v)
{
    int groups = v->count < LEAST_FOR_GROUPS ? GROUPS - 1 : GROUPS;
    for (size_t i = 0; i < v->count; i++)
        v->places[i] = fmin(floor(v->places[i] * groups), groups - 1);
}

static void set_objectives(view *v, const sweep_trials *trials, double sign)
{
    for (size_t i = 0; i < trials->count; i++)
        if (sweep_trial_has_result(&trials->trials[i]))
            v->objectives[v->count++] = sign * trials->trials[i].objective;
    double mean = find_mean(v->objectives, v->count);
    v->varies = varies(v->objectives, v->count);
    for (size_t i = 0; i < v->count; i++)
        v->objectives[i] -= mean;
}

static void set_places(view *v, const sweep_trials *trials, const sweep_parameter *p, size_t index)
{
    size_t count = 0;
    for (size_t i = 0; i < trials->count; i++)
        if (sweep_trial_has_result(&trials->trials[i]))
            v->places[count++] = space_place(p, trials->trials[i].places[index]);
}

status importance_of(const sweep_file *file, const sweep_trials *trials, importance *found,
                     error *err)
{
    double *memory = calloc(2 * trials->count + 1, sizeof *memory);
    view v = {.places = memory, .objectives = memory + trials->count};
    TRY(got_memory(memory, err, "the importance of a sweep's parameters"));
    set_objectives(&v, trials, file->maximize ? -1 : 1);
    for (size_t k = 0; k < file->parameter_count; k++) {
        const sweep_parameter *p = &file->parameters[k];
        set_places(&v, trials, p, k);
        found[k].correlation = v.varies && !is_categorical(p) ? correlate(&v) : NAN;
        if (!is_categorical(p))
            group_places(&v);
        found[k].share = v.varies ? find_share(&v) : NAN;
    }
    free(memory);
    return STATUS_OK;
}
