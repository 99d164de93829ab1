/* SPDX-License-Identifier: Apache-2.0 */
/* Bayesian optimisation: a Gaussian process is fitted to the trials, and the next point is the one
 * with the greatest expected improvement. Jones, Schonlau and Welch, "Efficient Global Optimization
 * of Expensive Black-Box Functions" (1998); running trials take part as in Ginsbourger and others,
 * "Kriging Is Well-Suited to Parallelize Optimization" (2010). */
#include "base/random.h"
#include "sweep/gaussian_process.h"
#include "sweep/samples.h"
#include "sweep/search_space.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEAST_FINISHED = 2, /* finished trials; with fewer, points are random */
    CANDIDATES = 1000,
    REFINED = 5,      /* best candidates whose neighbourhoods are searched */
    REFINEMENTS = 40, /* tries around each */
};

/* Radius of the first and of the last try of a refinement. */
static const double FIRST_RADIUS = 0.1, LAST_RADIUS = 0.001;

/* The state of choosing one point. */
typedef struct search {
    const sweep_file *file;
    uint64_t seed;
    size_t count; /* of trials */
    size_t size;  /* points of the space; 0: not counted */
    gaussian_process *model;
    double best;   /* the objective to improve on */
    double *point; /* [dimensions] of the candidate */
    double *tried; /* [count][parameter_count] in the middle of their bins; room for one more */
} search;

/* A point and what the model predicts there. */
typedef struct candidate {
    double *places; /* [parameter_count] */
    double mean, deviation, improvement;
} candidate;

/* A random number, uniform in (0, 1). It depends only on the seed, the trial, the candidate and the
 * parameter. */
static double draw(const search *s, size_t number, size_t parameter)
{
    uint64_t turn = number * s->file->parameter_count + parameter;
    return random_uniform(s->seed, RANDOM_BAYES, (uint64_t)s->count << 32 | (uint32_t)turn);
}

static void place_at_random(const search *s, size_t number, double *places)
{
    for (size_t i = 0; i < s->file->parameter_count; i++)
        places[i] = space_place(&s->file->parameters[i], draw(s, number, i));
}

static bool was_tried(const search *s, const double *places)
{
    size_t parameters = s->file->parameter_count;
    for (size_t i = 0; i < s->count; i++)
        if (space_same(s->file, places, s->tried + i * parameters))
            return true;
    return false;
}

/* Candidate `number`: the next point of a small space, or a random point of a larger one. False if
 * it was tried or does not exist. */
static bool choose_candidate(const search *s, size_t number, double *places)
{
    if (s->size > 0 && s->size <= CANDIDATES) {
        if (number >= s->size)
            return false;
        space_point(s->file, number, places);
    } else
        place_at_random(s, number, places);
    return !was_tried(s, places);
}

/* The first point of a counted space that was not tried; false if all were. */
static bool find_left(const search *s, double *places)
{
    for (size_t i = 0; i < s->size; i++) {
        space_point(s->file, i, places);
        if (!was_tried(s, places))
            return true;
    }
    return false;
}

/* A random point that was not tried. If many draws find none, the first one in order; false if all
 * were tried. */
static bool choose_random(const search *s, double *places)
{
    for (size_t i = 0; i < CANDIDATES; i++) {
        place_at_random(s, i, places);
        if (!was_tried(s, places))
            return true;
    }
    return find_left(s, places);
}

/* Expected improvement, equation 15 of Jones and others. Smaller is better. */
static double improve(double best, double mean, double deviation)
{
    double gain = best - mean;
    if (!(deviation > 0))
        return fmax(gain, 0);
    double z = gain / deviation;
    double density = exp(-z * z / 2) / sqrt(2 * acos(-1));
    return gain * erfc(-z / sqrt(2)) / 2 + deviation * density;
}

static void score(const search *s, candidate *c)
{
    samples_point(s->file, c->places, s->point);
    gaussian_process_predict(s->model, s->point, &c->mean, &c->deviation);
    c->improvement = improve(s->best, c->mean, c->deviation);
}

/* Inserts c into best[REFINED], which has the best first, if it is better than one of them. c
 * becomes the candidate that drops out, so that its memory is used again. */
static void keep(candidate *best, candidate *c)
{
    size_t place = REFINED;
    while (place > 0 && c->improvement > best[place - 1].improvement)
        place--;
    if (place == REFINED)
        return;
    candidate out = best[REFINED - 1];
    memmove(best + place + 1, best + place, (REFINED - 1 - place) * sizeof *best);
    best[place] = *c;
    *c = out;
}

/* Tries points around c, closer and closer. A parameter moves in every second try on average, so
 * that most tries leave some parameters where they are. `turn` is the number of the first try; no
 * other candidate has the same numbers. */
static void refine(const search *s, size_t turn, candidate *c, candidate *spare)
{
    for (size_t i = 0; i < REFINEMENTS; i++) {
        double radius = FIRST_RADIUS * pow(LAST_RADIUS / FIRST_RADIUS, i / (REFINEMENTS - 1.0));
        for (size_t k = 0; k < s->file->parameter_count; k++) {
            double u = 4 * draw(s, turn + i, k) - 2; /* in (-2, 2) */
            double step = fabs(u) < 1 ? u * radius : 0;
            spare->places[k] = space_place(&s->file->parameters[k], c->places[k] + step);
        }
        if (was_tried(s, spare->places))
            continue;
        score(s, spare);
        if (spare->improvement > c->improvement) {
            candidate better = *spare;
            *spare = *c;
            *c = better;
        }
    }
}

/* Makes the candidate with the greatest expected improvement best[0]; false if none was left. best
 * has REFINED + 1 elements; the last one is spare. */
static bool choose_best(const search *s, candidate *best)
{
    candidate *spare = &best[REFINED];
    for (size_t i = 0; i < REFINED; i++)
        best[i].improvement = -INFINITY;
    for (size_t i = 0; i < CANDIDATES; i++)
        if (choose_candidate(s, i, spare->places)) {
            score(s, spare);
            keep(best, spare);
        }
    for (size_t i = 0; i < REFINED && best[i].improvement >= 0; i++)
        refine(s, CANDIDATES + i * REFINEMENTS, &best[i], spare);
    for (size_t i = 1; i < REFINED; i++)
        if (best[i].improvement > best[0].improvement)
            best[0] = best[i];
    return best[0].improvement >= 0;
}

/* The smallest predicted mean at a sample; if values are noisy, the smallest value itself is partly
 * luck. Pending samples count too, or a promising one would be proposed again. */
static double find_best(const gaussian_process *model, const samples *known)
{
    double best = INFINITY, mean, deviation;
    for (size_t i = 0; i < known->count + known->pending; i++) {
        gaussian_process_predict(model, known->points + i * known->dimensions, &mean, &deviation);
        best = fmin(best, mean);
    }
    return best;
}

static status choose_by_model(search *s, const samples *known, double *places,
                              sampler_advice *advice, error *err)
{
    size_t parameters = s->file->parameter_count;
    candidate best[REFINED + 1];
    double *memory = calloc(REFINED + 2, (parameters + 1) * sizeof *memory);
    TRY(got_memory(memory, err, "the candidates of a sweep"));
    for (size_t i = 0; i <= REFINED; i++)
        best[i] = (candidate){.places = memory + i * parameters};
    s->point = memory + (REFINED + 1) * parameters;
    const gaussian_samples from = {known->count, known->dimensions, known->points, known->values};
    status result;
    TRY_OR_DONE(gaussian_process_fit(&from, &s->model, err));
    gaussian_process_pretend(s->model, known->points + known->count * known->dimensions,
                             known->pending);
    s->best = find_best(s->model, known);
    if (!choose_best(s, best) && choose_random(s, best[0].places))
        score(s, &best[0]);
    memcpy(places, best[0].places, parameters * sizeof *places);
    advice->predicted = best[0].mean;
    advice->deviation = best[0].deviation;
done:
    gaussian_process_free(s->model);
    free(memory);
    return result;
}

static status choose(search *s, const samples *known, double *places, sampler_advice *advice,
                     error *err)
{
    size_t parameters = s->file->parameter_count;
    double *found = s->tried + s->count * parameters;
    /* All points can have been tried only if there are no more points than trials. */
    advice->exhausted = s->size > 0 && s->size <= s->count && !find_left(s, found);
    if (advice->exhausted)
        return STATUS_OK;
    if (known->finished < LEAST_FINISHED)
        choose_random(s, found);
    else
        TRY(choose_by_model(s, known, found, advice, err));
    memcpy(places, found, parameters * sizeof *places);
    return STATUS_OK;
}

status bayes_next(const sweep_file *file, const sweep_trials *tried, uint64_t seed, double *places,
                  sampler_advice *advice, error *err)
{
    size_t parameters = file->parameter_count;
    search s = {.file = file, .count = tried->count, .seed = seed, .size = space_size(file)};
    samples known = {0};
    s.tried = calloc(s.count + 1, (parameters + 1) * sizeof *s.tried);
    status result;
    TRY_OR_DONE(got_memory(s.tried, err, "the points of a sweep"));
    for (size_t i = 0; i < s.count; i++)
        for (size_t k = 0; k < parameters; k++)
            s.tried[i * parameters + k] =
                space_place(&file->parameters[k], tried->trials[i].places[k]);
    TRY_OR_DONE(samples_collect(file, tried, &known, err));
    TRY_OR_DONE(choose(&s, &known, places, advice, err));
done:
    samples_free(&known);
    free(s.tried);
    return result;
}
