/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over the answers and what is computed from them; see scores.h. */
#include "measure/scores.h"

#include <math.h>
#include <stdlib.h>

enum { HEIGHT_OF_ROOT = 2 };

/* ---- Sums ---- */

static bool create_head(head_scores *h, int classes)
{
    size_t count = (size_t)classes;
    h->classes = classes;
    h->confusion = count <= SIZE_MAX / count ? calloc(count * count, sizeof *h->confusion) : NULL;
    h->labelled = calloc(count, sizeof *h->labelled);
    h->answered = calloc(count, sizeof *h->answered);
    return h->confusion && h->labelled && h->answered;
}

status scores_create(scores *s, const hierarchy *classes, bool has_coarse_head, error *err)
{
    *s = (scores){.classes = classes, .has_coarse_head = has_coarse_head};
    if (create_head(&s->coarse, classes->coarse_count) &&
        create_head(&s->fine, classes->fine_count))
        return STATUS_OK;
    scores_free(s);
    return error_memory(err, "the confusion of classes");
}

static void free_head(head_scores *h)
{
    free(h->confusion);
    free(h->labelled);
    free(h->answered);
}

void scores_free(scores *s)
{
    free_head(&s->coarse);
    free_head(&s->fine);
    *s = (scores){0};
}

/* The first of the largest values. */
static int largest(const double *values, int count)
{
    int best = 0;
    for (int i = 1; i < count; i++)
        if (values[i] > values[best])
            best = i;
    return best;
}

static void add_confidence(head_scores *h, const ranking *r, int label)
{
    int likeliest = largest(r->probabilities, r->count);
    double confidence = r->probabilities[likeliest];
    int bin = (int)ceil(confidence * SCORES_BINS) - 1;
    bin = bin < 0 ? 0 : bin >= SCORES_BINS ? SCORES_BINS - 1 : bin;
    h->bins[bin].images++;
    h->bins[bin].right += likeliest == label;
    h->bins[bin].confidence += confidence;
}

static bool is_among(const int *order, int count, int label)
{
    for (int i = 0; i < count; i++)
        if (order[i] == label)
            return true;
    return false;
}

static void add_answer(head_scores *h, const ranking *r, int label)
{
    h->images++;
    h->labelled[label]++;
    if (!r->decided) {
        h->undecided++;
        h->nll = NAN;
        return;
    }
    h->top1 += r->order[0] == label;
    h->top5 += is_among(r->order, r->count < SCORES_TOP ? r->count : SCORES_TOP, label);
    h->nll -= log(r->probabilities[label]);
    h->confusion[(size_t)label * (size_t)h->classes + (size_t)r->order[0]]++;
    h->answered[r->order[0]]++;
    add_confidence(h, r, label);
}

static int height(const hierarchy *classes, int a, int b)
{
    return a == b ? 0 : classes->parents[a] == classes->parents[b] ? 1 : HEIGHT_OF_ROOT;
}

/* How many of the best-ranked fine classes distance_at_5 uses. */
static int top_places(const hierarchy *classes)
{
    return classes->fine_count < SCORES_TOP ? classes->fine_count : SCORES_TOP;
}

static void add_heights(scores *s, const ranking *fine, int label)
{
    int places = top_places(s->classes);
    if (!fine->decided) {
        s->heights += HEIGHT_OF_ROOT;
        s->heights_of_top += (uint64_t)(places * HEIGHT_OF_ROOT);
        return;
    }
    int own = height(s->classes, fine->order[0], label);
    s->heights += (uint64_t)own;
    s->mistakes_within += own == 1;
    for (int i = 0; i < places; i++)
        s->heights_of_top += (uint64_t)height(s->classes, fine->order[i], label);
}

void scores_add(scores *s, const decider *d, int coarse_label, int fine_label)
{
    const int *parents = s->classes->parents;
    const ranking *coarse = &d->coarse, *fine = &d->fine;
    add_answer(&s->coarse, coarse, coarse_label);
    add_answer(&s->fine, fine, fine_label);
    add_heights(s, fine, fine_label);
    s->coarse_head += d->coarse_guess == coarse_label;
    s->agree += d->fine_guess >= 0 && parents[d->fine_guess] == d->coarse_guess;
    if (!fine->decided)
        return;
    s->coarse_from_fine += parents[fine->order[0]] == coarse_label;
    s->coarse_marginal += largest(d->marginals, s->coarse.classes) == coarse_label;
    s->both_right +=
        coarse->decided && coarse->order[0] == coarse_label && fine->order[0] == fine_label;
}

/* ---- Computed from the sums ---- */

/* NaN if there is nothing to divide by. */
static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : NAN;
}

static uint32_t cell(const head_scores *h, int label, int answer)
{
    return h->confusion[(size_t)label * (size_t)h->classes + (size_t)answer];
}

class_scores scores_class(const head_scores *h, int class)
{
    class_scores c = {h->labelled[class], h->answered[class], cell(h, class, class), 0, 0, 0};
    c.precision = ratio((double)c.right, (double)c.answers);
    c.recall = ratio((double)c.right, (double)c.images);
    c.f1 = ratio(2 * (double)c.right, (double)(c.images + c.answers));
    return c;
}

static double macro_f1(const head_scores *h)
{
    double sum = 0;
    int counted = 0;
    for (int i = 0; i < h->classes; i++) {
        double f1 = scores_class(h, i).f1;
        if (isnan(f1))
            continue;
        sum += f1;
        counted++;
    }
    return ratio(sum, counted);
}

static void calibrate(const head_scores *h, double *ece, double *mce)
{
    double sum = 0, decided = (double)(h->images - h->undecided);
    *mce = decided > 0 ? 0 : NAN;
    for (int i = 0; i < SCORES_BINS; i++) {
        double gap = fabs((double)h->bins[i].right - h->bins[i].confidence);
        sum += gap;
        if (h->bins[i].images > 0)
            *mce = fmax(*mce, gap / (double)h->bins[i].images);
    }
    *ece = ratio(sum, decided);
}

head_summary scores_head(const head_scores *h)
{
    double images = (double)h->images;
    head_summary all = {
        .top1 = ratio((double)h->top1, images),
        .top5 = ratio((double)h->top5, images),
        .macro_f1 = macro_f1(h),
        .nll = ratio(h->nll, images),
    };
    calibrate(h, &all.ece, &all.mce);
    return all;
}

tree_summary scores_tree(const scores *s)
{
    double images = (double)s->fine.images;
    const double divisors[TREE_DIVISORS] = {
        [TREE_IMAGES] = images,
        [TREE_HEADS] = s->has_coarse_head ? images : 0,
        [TREE_MISTAKES] = (double)(s->fine.images - s->fine.top1),
        [TREE_PLACES] = images * top_places(s->classes),
    };
#define RATIO(member, sum, by, ...) .member = ratio((double)s->sum, divisors[by]),
    return (tree_summary){TREE_FIGURES(RATIO)};
}

/* ---- Rankings of classes ---- */

/* Inserts a pair into a list of the `*count` largest so far, at most `most`, the largest first.
 * Equal pairs keep their order. */
static void keep_pair(confused_pair *pairs, int *count, int most, confused_pair new)
{
    int at = *count;
    while (at > 0 && pairs[at - 1].images < new.images)
        at--;
    if (at >= most)
        return;
    *count += *count < most;
    for (int i = *count - 1; i > at; i--)
        pairs[i] = pairs[i - 1];
    pairs[at] = new;
}

int scores_confused(const head_scores *h, confused_pair *pairs, int most)
{
    int count = 0;
    for (int label = 0; label < h->classes; label++)
        for (int answer = 0; answer < h->classes; answer++)
            if (label != answer && cell(h, label, answer) > 0)
                keep_pair(pairs, &count, most,
                          (confused_pair){label, answer, cell(h, label, answer)});
    return count;
}

/* Insertion sort is fast enough: at most hundreds of classes, once. */
void scores_worst_first(const head_scores *h, int *order)
{
    for (int i = 0; i < h->classes; i++) {
        double f1 = scores_class(h, i).f1;
        int at = i;
        /* NaN compares false, so it stays at the end, and numbers move before it. */
        while (at > 0) {
            double before = scores_class(h, order[at - 1]).f1;
            if (!(f1 < before || (isnan(before) && !isnan(f1))))
                break;
            order[at] = order[at - 1];
            at--;
        }
        order[at] = i;
    }
}
