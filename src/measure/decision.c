/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions from the logits of two heads; see decision.h. Everything is in double precision, so
 * that products of two probabilities that a float would round to 0 can still be ranked. */
#include "measure/decision.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct scored {
    double score;
    int class;
};

/* ---- The table ---- */

struct decision {
    const char *name;
    bool needs_coarse_head;
    bool coarse_follows; /* the coarse answer is the parent of the fine answer */
    double (*logit)(const decider *d, int class); /* softmax makes these the fine probabilities */
    double (*score)(const decider *d, int class); /* ranks the fine classes, the highest first */
};

static double fine_logit(const decider *d, int class)
{
    return (double)d->fine_logits[class];
}

static double joint_logit(const decider *d, int class)
{
    return (double)d->fine_logits[class] + (double)d->coarse_logits[d->classes->parents[class]];
}

static double by_logit(const decider *d, int class)
{
    return d->logits[class];
}

/* The expected distance of class k is 1 * (P(parent of k) - p(k)) + 2 * (1 - P(parent of k)), which
 * equals 2 minus the value returned here. */
static double by_nearness(const decider *d, int class)
{
    return d->fine.probabilities[class] + d->marginals[d->classes->parents[class]];
}

static const decision table[] = {
    {"argmax", false, false, fine_logit, by_logit},
    {"joint", true, true, joint_logit, by_logit},
    {"crm", false, true, fine_logit, by_nearness},
    {.name = NULL},
};

const word_list decision_words = WORD_LIST_OF(table);

/* ---- One image ---- */

/* Returns false, and leaves probabilities undefined, if a logit is NaN or +infinity or if all are
 * -infinity. */
static bool softmax(const double *logits, int count, double *probabilities)
{
    double top = -INFINITY, sum = 0;
    for (int i = 0; i < count; i++) {
        if (isnan(logits[i]))
            return false;
        top = fmax(top, logits[i]);
    }
    if (isinf(top))
        return false;
    for (int i = 0; i < count; i++)
        sum += probabilities[i] = exp(logits[i] - top);
    for (int i = 0; i < count; i++)
        probabilities[i] /= sum;
    return true;
}

static int compare_scored(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return (x->class > y->class) - (x->class < y->class);
}

/* Sorts d->scored, the highest score first and ties by the lower class, into r->order. */
static void sort_into(decider *d, ranking *r)
{
    qsort(d->scored, (size_t)r->count, sizeof *d->scored, compare_scored);
    for (int i = 0; i < r->count; i++)
        r->order[i] = d->scored[i].class;
}

/* The first of the largest logits; -1 if softmax would return false. */
static int guess_of(const float *logits, int count)
{
    int best = 0;
    for (int i = 0; i < count; i++) {
        if (isnan(logits[i]))
            return -1;
        if (logits[i] > logits[best])
            best = i;
    }
    return isinf(logits[best]) ? -1 : best;
}

static void decide_fine(decider *d)
{
    ranking *r = &d->fine;
    for (int i = 0; i < r->count; i++)
        d->logits[i] = d->how->logit(d, i);
    /* A coarse class without children is in no product, but its logit must be finite too. */
    bool sound = !d->how->needs_coarse_head || d->coarse_guess >= 0;
    r->decided = sound && softmax(d->logits, r->count, r->probabilities);
    if (!r->decided)
        return;
    for (int i = 0; i < d->classes->coarse_count; i++)
        d->marginals[i] = 0;
    for (int i = 0; i < r->count; i++)
        d->marginals[d->classes->parents[i]] += r->probabilities[i];
    for (int i = 0; i < r->count; i++)
        d->scored[i] = (struct scored){d->how->score(d, i), i};
    sort_into(d, r);
}

/* Ranks the coarse classes by the best rank of their fine classes. Coarse classes without children
 * come last. */
static void follow_fine(decider *d)
{
    ranking *r = &d->coarse;
    r->decided = d->fine.decided;
    if (!r->decided)
        return;
    for (int i = 0; i < r->count; i++)
        d->scored[i] = (struct scored){-INFINITY, i};
    for (int place = d->fine.count - 1; place >= 0; place--)
        d->scored[d->classes->parents[d->fine.order[place]]].score = -place;
    sort_into(d, r);
    memcpy(r->probabilities, d->marginals, (size_t)r->count * sizeof *r->probabilities);
}

static void decide_coarse(decider *d)
{
    ranking *r = &d->coarse;
    for (int i = 0; i < r->count; i++) {
        r->probabilities[i] = (double)d->coarse_logits[i];
        d->scored[i] = (struct scored){r->probabilities[i], i};
    }
    r->decided = softmax(r->probabilities, r->count, r->probabilities);
    if (r->decided)
        sort_into(d, r);
}

void decider_decide(decider *d, const float *coarse, const float *fine)
{
    d->coarse_logits = coarse;
    d->fine_logits = fine;
    d->fine_guess = guess_of(fine, d->fine.count);
    d->coarse_guess = d->has_coarse_head ? guess_of(coarse, d->coarse.count) : -1;
    decide_fine(d);
    if (d->has_coarse_head && !d->how->coarse_follows)
        decide_coarse(d);
    else
        follow_fine(d);
}

/* ---- Creating and freeing ---- */

static bool ranking_create(ranking *r, int count)
{
    r->count = count;
    r->probabilities = calloc((size_t)count, sizeof *r->probabilities);
    r->order = calloc((size_t)count, sizeof *r->order);
    return r->probabilities && r->order;
}

status decider_create(decider *d, const char *name, const hierarchy *classes, bool has_coarse_head,
                      error *err)
{
    *d = (decider){.classes = classes, .has_coarse_head = has_coarse_head};
    int index;
    TRY(word_list_expect(&decision_words, "decision", name, &index, err));
    d->how = &table[index];
    if (d->how->needs_coarse_head && !has_coarse_head)
        return error_set(err, STATUS_USAGE,
                         "--decision %s needs a coarse head, but this checkpoint was trained with "
                         "--only-fine; use argmax or crm",
                         name);
    size_t coarse = (size_t)classes->coarse_count, fine = (size_t)classes->fine_count;
    bool made = ranking_create(&d->coarse, classes->coarse_count) &&
                ranking_create(&d->fine, classes->fine_count);
    d->marginals = calloc(coarse, sizeof *d->marginals);
    d->logits = calloc(fine, sizeof *d->logits);
    d->scored = calloc(coarse > fine ? coarse : fine, sizeof *d->scored);
    if (made && d->marginals && d->logits && d->scored)
        return STATUS_OK;
    decider_free(d);
    return error_memory(err, "the decision");
}

void decider_free(decider *d)
{
    free(d->coarse.probabilities);
    free(d->coarse.order);
    free(d->fine.probabilities);
    free(d->fine.order);
    free(d->marginals);
    free(d->logits);
    free(d->scored);
    *d = (decider){0};
}

const char *decider_name(const decider *d)
{
    return d->how->name;
}
