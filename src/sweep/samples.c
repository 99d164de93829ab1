/* SPDX-License-Identifier: Apache-2.0 */
/* Trials as a model's samples; see samples.h. */
#include "sweep/samples.h"
#include "sweep/gaussian_process.h"
#include "sweep/search_space.h"

#include <math.h>
#include <stdlib.h>

enum {
    PENDING_MOST = GAUSSIAN_PROCESS_MOST / 2,
    LEAST_TO_CLIP = 4, /* fewer values have no usual spread */
    MOST_ABOVE = 3,
};

/* A trial with the value that counts for it. */
typedef struct valued {
    double value;
    size_t trial;
} valued;

static int by_value(const void *a, const void *b)
{
    const valued *v = a, *w = b;
    return v->value != w->value ? (v->value < w->value ? -1 : 1)
                                : (v->trial > w->trial) - (v->trial < w->trial);
}

static int latest_first(const void *a, const void *b)
{
    size_t v = ((const valued *)a)->trial, w = ((const valued *)b)->trial;
    return (v < w) - (v > w);
}

static bool has_ended(const sampler_trial *t)
{
    return t->state == TRIAL_FINISHED && t->has_objective && isfinite(t->objective);
}

/* Whether a trial without an objective of its own gets a value, and which. `worst` is that of all
 * finished trials. */
static bool impute(const sampler_trial *t, enum sweep_impute how, double worst, double *value)
{
    bool logged = t->has_objective && isfinite(t->objective);
    *value = how == IMPUTE_BEST && logged                            ? t->objective
             : how == IMPUTE_LATEST && logged && isfinite(t->latest) ? t->latest
                                                                     : worst;
    return how != IMPUTE_NONE;
}

/* Whether a trial that runs waits for its value: also while it has none that could be imputed. */
static bool is_pending(const sweep_file *file, const sampler_trial *t)
{
    return t->state == TRIAL_RUNNING &&
           (file->impute_while_running == IMPUTE_NONE ||
            (!t->has_objective && file->impute_while_running != IMPUTE_WORST));
}

static double find_worst(const sampler_trial *trials, size_t count)
{
    double worst = -INFINITY;
    for (size_t i = 0; i < count; i++)
        if (has_ended(&trials[i]))
            worst = fmax(worst, trials[i].objective);
    return worst;
}

/* The trials with a value, in their order; returns how many. */
static size_t value_trials(const sweep_file *file, const sampler_trial *trials, size_t count,
                           valued *found)
{
    double worst = find_worst(trials, count);
    size_t n = 0;
    for (size_t i = 0; i < count && isfinite(worst); i++) {
        const sampler_trial *t = &trials[i];
        enum sweep_impute how =
            t->state == TRIAL_RUNNING ? file->impute_while_running : file->impute;
        double value = t->objective;
        bool lost = t->state == TRIAL_FINISHED; /* without a number, which somebody deleted */
        if (!is_pending(file, t) && (has_ended(t) || (!lost && impute(t, how, worst, &value))))
            found[n++] = (valued){.value = value, .trial = i};
    }
    return n;
}

/* Moves the best half of `room` and the latest of the others to the front; returns how many. */
static size_t choose(valued *found, size_t count, size_t room)
{
    if (count <= room)
        return count;
    qsort(found, count, sizeof *found, by_value);
    qsort(found + room / 2, count - room / 2, sizeof *found, latest_first);
    return room;
}

/* Lowers values that lie far above the median to as far as MOST_ABOVE times the best lies below
 * it: one run that diverged would else leave no difference between all others. */
static void clip(valued *found, size_t count)
{
    if (count < LEAST_TO_CLIP)
        return;
    qsort(found, count, sizeof *found, by_value);
    double best = found[0].value, median = found[count / 2].value;
    double most = median + MOST_ABOVE * (median - best);
    for (size_t i = count / 2; i < count && median > best; i++)
        found[i].value = fmin(found[i].value, most);
}

void samples_point(const sweep_file *file, const double *places, double *point)
{
    for (size_t i = 0; i < file->parameter_count; i++)
        if (space_values(&file->parameters[i]) != 1)
            *point++ = space_place(&file->parameters[i], places[i]);
}

static void fill(const sweep_file *file, const sampler_trial *trials, size_t count,
                 const valued *found, samples *s)
{
    double *point = s->points;
    size_t left = s->pending;
    for (size_t i = 0; i < s->count; i++, point += s->dimensions) {
        samples_point(file, trials[found[i].trial].places, point);
        s->values[i] = found[i].value;
    }
    for (size_t i = count; i-- > 0 && left > 0;)
        if (is_pending(file, &trials[i])) {
            samples_point(file, trials[i].places, point);
            point += s->dimensions;
            left--;
        }
}

/* Laplace's rule of succession for the share. */
static void count_trials(const sweep_file *file, const sampler_trial *trials, size_t count,
                         samples *s)
{
    size_t failed = 0, finished = 0;
    *s = (samples){0};
    for (size_t i = 0; i < file->parameter_count; i++)
        s->dimensions += space_values(&file->parameters[i]) != 1;
    for (size_t i = 0; i < count; i++) {
        failed += trials[i].state == TRIAL_FAILED;
        finished += trials[i].state == TRIAL_FINISHED;
        s->finished += has_ended(&trials[i]);
        s->pending += s->pending < PENDING_MOST && is_pending(file, &trials[i]);
    }
    s->success = ((double)finished + 1) / ((double)(finished + failed) + 2);
}

status samples_collect(const sweep_file *file, const sampler_trial *trials, size_t count,
                       samples *s, error *err)
{
    count_trials(file, trials, count, s);
    valued *found = calloc(count + 1, sizeof *found);
    s->points = calloc(GAUSSIAN_PROCESS_MOST * s->dimensions + 1, sizeof *s->points);
    s->values = calloc(GAUSSIAN_PROCESS_MOST, sizeof *s->values);
    if (!found || !s->points || !s->values) {
        free(found);
        samples_free(s);
        return error_memory(err, "the samples of a sweep");
    }
    size_t valued_count = value_trials(file, trials, count, found);
    clip(found, valued_count);
    s->count = choose(found, valued_count, GAUSSIAN_PROCESS_MOST - s->pending);
    fill(file, trials, count, found, s);
    free(found);
    return STATUS_OK;
}

void samples_free(samples *s)
{
    free(s->points);
    free(s->values);
    *s = (samples){0};
}
