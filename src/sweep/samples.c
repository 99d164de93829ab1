/* SPDX-License-Identifier: Apache-2.0 */
/* Trials as samples of a model; see samples.h. */
#include "sweep/samples.h"
#include "sweep/gaussian_process.h"
#include "sweep/search_space.h"

#include <math.h>
#include <stdlib.h>

enum {
    PENDING_MOST = GAUSSIAN_PROCESS_MOST / 2,
    LEAST_TO_CLIP = 4, /* with fewer values there is no usual spread */
    MOST_ABOVE = 3,
};

/* A trial and the value that counts for it. */
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

/* Whether a trial without a final value gets one, and which. `worst` is the worst value of all
 * finished trials. */
static bool impute(const sweep_trial *t, enum sweep_impute how, double worst, double *value)
{
    bool logged = sweep_trial_has_number(t);
    *value = how == IMPUTE_BEST && logged                            ? t->objective
             : how == IMPUTE_LATEST && logged && isfinite(t->latest) ? t->latest
                                                                     : worst;
    return how != IMPUTE_NONE;
}

/* Whether a running trial waits for its value: because the file says so, or because it has none yet
 * that could be imputed. */
static bool is_pending(const sweep_file *file, const sweep_trial *t)
{
    return t->state == SWEEP_TRIAL_RUNNING &&
           (file->impute_while_running == IMPUTE_NONE ||
            (!t->has_objective && file->impute_while_running != IMPUTE_WORST));
}

/* Collects the trials that have a value, in their order; returns their number. */
static size_t value_trials(const sweep_file *file, const sweep_trials *tried, valued *found)
{
    double worst = -INFINITY;
    size_t n = 0;
    for (size_t i = 0; i < tried->count; i++)
        if (sweep_trial_has_result(&tried->trials[i]))
            worst = fmax(worst, tried->trials[i].objective);
    for (size_t i = 0; i < tried->count && isfinite(worst); i++) {
        const sweep_trial *t = &tried->trials[i];
        enum sweep_impute how =
            t->state == SWEEP_TRIAL_RUNNING ? file->impute_while_running : file->impute;
        double value = t->objective;
        bool lost = sweep_trial_succeeded(t); /* without a number, it is left out */
        if (!is_pending(file, t) &&
            (sweep_trial_has_result(t) || (!lost && impute(t, how, worst, &value))))
            found[n++] = (valued){.value = value, .trial = i};
    }
    return n;
}

/* Moves the best room / 2 trials and the latest of the others to the front; returns how many are
 * kept. */
static size_t choose(valued *found, size_t count, size_t room)
{
    if (count <= room)
        return count;
    qsort(found, count, sizeof *found, by_value);
    qsort(found + room / 2, count - room / 2, sizeof *found, latest_first);
    return room;
}

/* Lowers values far above the median: the limit is as far above the median as MOST_ABOVE times the
 * distance from the best value to the median. Without a limit, one run that diverged would hide the
 * differences between all others. */
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

static void fill(const sweep_file *file, const sweep_trial *trials, size_t count,
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

static void count_trials(const sweep_file *file, const sweep_trials *tried, samples *s)
{
    *s = (samples){0};
    for (size_t i = 0; i < file->parameter_count; i++)
        s->dimensions += space_values(&file->parameters[i]) != 1;
    for (size_t i = 0; i < tried->count; i++) {
        const sweep_trial *t = &tried->trials[i];
        s->finished += sweep_trial_has_result(t);
        s->pending += s->pending < PENDING_MOST && is_pending(file, t);
    }
}

status samples_collect(const sweep_file *file, const sweep_trials *tried, samples *s, error *err)
{
    count_trials(file, tried, s);
    valued *found = calloc(tried->count + 1, sizeof *found);
    s->points = calloc(GAUSSIAN_PROCESS_MOST * s->dimensions + 1, sizeof *s->points);
    s->values = calloc(GAUSSIAN_PROCESS_MOST, sizeof *s->values);
    status result = got_memory(found && s->points && s->values, err, "the samples of a sweep");
    if (result == STATUS_OK) {
        size_t valued_count = value_trials(file, tried, found);
        clip(found, valued_count);
        s->count = choose(found, valued_count, GAUSSIAN_PROCESS_MOST - s->pending);
        fill(file, tried->trials, tried->count, found, s);
    }
    free(found);
    return result;
}

void samples_free(samples *s)
{
    free(s->points);
    free(s->values);
    *s = (samples){0};
}
