/* SPDX-License-Identifier: Apache-2.0 */
/* scores.c: one case against scikit-learn and torchmetrics; random cases in which every image is
 * kept and counted again; and edge cases: no images, no mistakes, logits that are not finite. */
#include "check.h"
#include "golden/scores.h"
#include "measure/scores.h"
#include "support.h"

#include <math.h>

enum { MOST = 12, MOST_IMAGES = 60 };

static bool near(double got, double want, double tolerance)
{
    return isnan(got) || isnan(want) ? isnan(got) && isnan(want) : fabs(got - want) <= tolerance;
}

#define assert_near(got, want, tolerance)                                                          \
    do {                                                                                           \
        double got_ = (got), want_ = (want);                                                       \
        if (!near(got_, want_, (tolerance)))                                                       \
            fail_msg("%s is %.17g, expected %.17g", #got, got_, want_);                            \
    } while (0)

/* ---- Against the libraries ---- */

/* The libraries compute the calibration error in single precision. */
static void check_summary(const head_scores *h, const double want[6])
{
    head_summary got = scores_head(h);
    assert_near(got.top1, want[0], 1e-12);
    assert_near(got.top5, want[1], 1e-7);
    assert_near(got.macro_f1, want[2], 1e-12);
    assert_near(got.nll, want[3], 1e-12);
    assert_near(got.ece, want[4], 1e-6);
    assert_near(got.mce, want[5], 1e-6);
}

static void check_tree(const scores *s, const double want[9])
{
    tree_summary got = scores_tree(s);
    assert_near(got.coarse_head, want[0], 1e-12);
    assert_near(got.coarse_from_fine, want[1], 1e-12);
    assert_near(got.coarse_marginal, want[2], 1e-12);
    assert_near(got.agreement, want[3], 1e-12);
    assert_near(got.both_right, want[4], 1e-12);
    assert_near(got.mistake_severity, want[5], 1e-12);
    assert_near(got.mistakes_within, want[6], 1e-12);
    assert_near(got.distance_at_1, want[7], 1e-12);
    assert_near(got.distance_at_5, want[8], 1e-12);
}

static void check_classes(const head_scores *h, const double *precision, const double *recall,
                          const unsigned *confusion)
{
    for (int i = 0; i < h->classes; i++) {
        class_scores c = scores_class(h, i);
        assert_near(c.precision, precision[i], 1e-12);
        assert_near(c.recall, recall[i], 1e-12);
    }
    for (int i = 0; i < h->classes * h->classes; i++)
        assert_int_equal(h->confusion[i], confusion[i]);
}

static void golden_values(void **state)
{
    (void)state;
    error err;
    int parents[FINE];
    memcpy(parents, golden_parents, sizeof parents);
    const hierarchy tree = {.coarse_count = COARSE, .fine_count = FINE, .parents = parents};
    for (size_t g = 0; g < sizeof goldens / sizeof *goldens; g++) {
        const struct golden *want = &goldens[g];
        decider d;
        scores s;
        CHECK_OK(decider_create(&d, want->decision, &tree, true, &err));
        CHECK_OK(scores_create(&s, &tree, true, &err));
        for (int i = 0; i < IMAGES; i++) {
            decider_decide(&d, golden_coarse[i], golden_fine[i]);
            scores_add(&s, &d, parents[golden_labels[i]], golden_labels[i]);
        }
        check_summary(&s.coarse, want->coarse);
        check_summary(&s.fine, want->fine);
        check_tree(&s, want->tree);
        check_classes(&s.coarse, want->coarse_precision, want->coarse_recall,
                      &want->coarse_confusion[0][0]);
        check_classes(&s.fine, want->fine_precision, want->fine_recall,
                      &want->fine_confusion[0][0]);
        scores_free(&s);
        decider_free(&d);
    }
}

/* ---- Every image kept, and counted again ---- */

/* One head's answer for an image. */
typedef struct view {
    bool decided;
    int label, order[MOST];
    double p[MOST];
} view;

typedef struct kept {
    view coarse, fine;
    int coarse_guess, fine_guess;
    double marginals[MOST];
} kept;

static view keep(const ranking *r, int label)
{
    view v = {.decided = r->decided, .label = label};
    memcpy(v.order, r->order, (size_t)r->count * sizeof *v.order);
    memcpy(v.p, r->probabilities, (size_t)r->count * sizeof *v.p);
    return v;
}

static bool right(const view *v)
{
    return v->decided && v->order[0] == v->label;
}

/* kept.coarse or kept.fine. */
static const view *view_of(const kept *k, bool fine)
{
    return fine ? &k->fine : &k->coarse;
}

static double reference_f1(const kept *all, int images, bool fine, int class)
{
    int hit = 0, missed = 0, wrong = 0;
    for (int i = 0; i < images; i++) {
        const view *v = view_of(&all[i], fine);
        bool answered = v->decided && v->order[0] == class, is = v->label == class;
        hit += answered && is;
        missed += !answered && is;
        wrong += answered && !is;
    }
    double precision = (double)hit / (hit + wrong), recall = (double)hit / (hit + missed);
    if (hit + missed + wrong == 0)
        return NAN;
    return hit == 0 ? 0 : 2 / (1 / precision + 1 / recall);
}

/* The largest probability; *hit is whether the first class that has it is the label. */
static double top_of(const view *v, int classes, bool *hit)
{
    double top = 0;
    for (int i = classes - 1; i >= 0; i--)
        if (v->p[i] >= top) {
            top = v->p[i];
            *hit = i == v->label;
        }
    return top;
}

static double bin_gap(const kept *all, int images, bool fine, int classes, int bin, int *count)
{
    double accuracy = 0, confidence = 0;
    *count = 0;
    for (int i = 0; i < images; i++) {
        const view *v = view_of(&all[i], fine);
        bool hit = false;
        double top = v->decided ? top_of(v, classes, &hit) : -1;
        if (top <= bin / 15.0 || top > (bin + 1) / 15.0)
            continue;
        ++*count;
        confidence += top;
        accuracy += hit;
    }
    return *count > 0 ? fabs(accuracy / *count - confidence / *count) : 0;
}

static void check_head(const head_scores *h, const kept *all, int images, bool fine)
{
    double top1 = 0, top5 = 0, nll = 0, f1 = 0, ece = 0, mce = 0;
    int decided = 0, used = 0, count;
    for (int i = 0; i < images; i++) {
        const view *v = view_of(&all[i], fine);
        top1 += right(v);
        for (int place = 0; v->decided && place < 5 && place < h->classes; place++)
            top5 += v->order[place] == v->label;
        nll += v->decided ? -log(v->p[v->label]) : NAN;
        decided += v->decided;
    }
    for (int c = 0; c < h->classes; c++) {
        double one = reference_f1(all, images, fine, c);
        assert_near(scores_class(h, c).f1, one, 1e-12);
        f1 += isnan(one) ? 0 : one;
        used += !isnan(one);
    }
    for (int bin = 0; bin < 15; bin++) {
        double gap = bin_gap(all, images, fine, h->classes, bin, &count);
        ece += gap * count;
        mce = fmax(mce, gap);
    }
    head_summary got = scores_head(h);
    assert_near(got.top1, top1 / images, 1e-12);
    assert_near(got.top5, top5 / images, 1e-12);
    assert_near(got.nll, nll / images, 1e-9);
    assert_near(got.macro_f1, f1 / used, 1e-12);
    assert_near(got.ece, decided > 0 ? ece / decided : NAN, 1e-12);
    assert_near(got.mce, decided > 0 ? mce : NAN, 1e-12);
    assert_int_equal(h->undecided, images - decided);
}

/* Steps from a to its first ancestor that is also one of b: the class itself, its parent, or the
 * root. */
static int steps_to_common(const int *parents, int a, int b)
{
    const int path_a[] = {a, parents[a], 0}, path_b[] = {b, parents[b], 0};
    int steps = 0;
    while (path_a[steps] != path_b[steps])
        steps++;
    return steps;
}

static void check_tree_anew(const scores *s, const kept *all, int images, const int *parents)
{
    double head = 0, from_fine = 0, marginal = 0, agree = 0, both = 0, wrong = 0, within = 0;
    double one = 0, severity = 0, five = 0;
    int fine = s->fine.classes, places = fine < 5 ? fine : 5;
    for (int i = 0; i < images; i++) {
        const kept *k = &all[i];
        int label = k->fine.label, coarse = k->coarse.label, most = 0;
        for (int c = 0; c < s->coarse.classes; c++)
            most = k->marginals[c] > k->marginals[most] ? c : most;
        int height = k->fine.decided ? steps_to_common(parents, k->fine.order[0], label) : 2;
        head += k->coarse_guess == coarse;
        agree += k->fine_guess >= 0 && k->coarse_guess == parents[k->fine_guess];
        from_fine += k->fine.decided && parents[k->fine.order[0]] == coarse;
        marginal += k->fine.decided && most == coarse;
        both += right(&k->coarse) && right(&k->fine);
        wrong += !right(&k->fine);
        within += height == 1;
        one += height;
        severity += right(&k->fine) ? 0 : height;
        for (int place = 0; place < places; place++)
            five += k->fine.decided ? steps_to_common(parents, k->fine.order[place], label) : 2;
    }
    const double want[] = {s->has_coarse_head ? head / images : NAN,
                           from_fine / images,
                           marginal / images,
                           s->has_coarse_head ? agree / images : NAN,
                           NAN,
                           severity / wrong,
                           within / wrong,
                           one / images,
                           five / images / places};
    double all_of[9];
    memcpy(all_of, want, sizeof want);
    all_of[4] = s->has_coarse_head ? both / images : NAN;
    check_tree(s, all_of);
}

/* Small integers, so that there are ties, and sometimes a NaN. */
static void draw_logits(float *logits, int count, uint64_t seed, uint64_t image)
{
    for (int i = 0; i < count; i++)
        logits[i] = (float)support_pick(seed, image * 64 + (uint64_t)i, -3, 3);
    if (support_pick(seed, image * 64 + 40, 0, 9) == 0)
        logits[support_pick(seed, image * 64 + 41, 0, count - 1)] = NAN;
}

static void check_case(const char *decision, bool has_coarse, uint64_t seed)
{
    error err;
    decider d;
    scores s;
    static kept all[MOST_IMAGES];
    int parents[MOST], images = seed % 5 == 0 ? 1 : support_pick(seed, 1000, 1, MOST_IMAGES);
    const hierarchy tree = {.coarse_count = support_pick(seed, 1001, 1, 7),
                            .fine_count = support_pick(seed, 1002, 1, MOST),
                            .parents = parents};
    for (int i = 0; i < tree.fine_count; i++)
        parents[i] = support_pick(seed, 1003 + (uint64_t)i, 0, tree.coarse_count - 1);
    CHECK_OK(decider_create(&d, decision, &tree, has_coarse, &err));
    CHECK_OK(scores_create(&s, &tree, has_coarse, &err));
    for (int i = 0; i < images; i++) {
        float coarse[MOST], fine[MOST];
        int label = support_pick(seed, 2000 + (uint64_t)i, 0, tree.fine_count - 1);
        draw_logits(coarse, tree.coarse_count, seed * 2 + 1, (uint64_t)i);
        draw_logits(fine, tree.fine_count, seed * 2 + 2, (uint64_t)i);
        decider_decide(&d, coarse, fine);
        scores_add(&s, &d, parents[label], label);
        all[i] = (kept){keep(&d.coarse, parents[label]),
                        keep(&d.fine, label),
                        d.coarse_guess,
                        d.fine_guess,
                        {0}};
        memcpy(all[i].marginals, d.marginals, (size_t)tree.coarse_count * sizeof(double));
    }
    check_head(&s.coarse, all, images, false);
    check_head(&s.fine, all, images, true);
    check_tree_anew(&s, all, images, parents);
    scores_free(&s);
    decider_free(&d);
}

static void random_cases(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        check_case("argmax", true, seed);
        check_case("argmax", false, seed);
        check_case("joint", true, seed);
        check_case("crm", true, seed);
        check_case("crm", false, seed);
    }
}

/* ---- Edge cases ---- */

/* Coarse class 1 has no children, class 2 has one. */
static int few_parents[] = {0, 0, 2};
static const hierarchy few = {.coarse_count = 3, .fine_count = 3, .parents = few_parents};

static scores score(int images, const float (*coarse)[3], const float (*fine)[3], const int *labels)
{
    error err;
    decider d;
    scores s;
    CHECK_OK(decider_create(&d, "argmax", &few, coarse != NULL, &err));
    CHECK_OK(scores_create(&s, &few, coarse != NULL, &err));
    for (int i = 0; i < images; i++) {
        decider_decide(&d, coarse ? coarse[i] : NULL, fine[i]);
        scores_add(&s, &d, few_parents[labels[i]], labels[i]);
    }
    decider_free(&d);
    return s;
}

static void no_images_have_no_scores(void **state)
{
    (void)state;
    scores s = score(0, NULL, NULL, NULL);
    const double none[9] = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    check_summary(&s.fine, none);
    check_summary(&s.coarse, none);
    check_tree(&s, none);
    scores_free(&s);
}

/* All three classes are among the first five, with heights 0, 1, 2 and 2, 2, 0. */
static void no_mistakes_have_no_severity(void **state)
{
    (void)state;
    const float sure[][3] = {{0, -900, -900}, {-900, -900, 0}};
    const int labels[] = {0, 2};
    scores s = score(2, NULL, sure, labels);
    const double fine[] = {1, 1, 1, 0, 0, 0};
    const double tree[] = {NAN, 1, 1, NAN, NAN, NAN, NAN, 0, 7.0 / 6};
    check_summary(&s.fine, fine);
    check_summary(&s.coarse, fine);
    check_tree(&s, tree);
    assert_near(scores_class(&s.fine, 1).precision, NAN, 0);
    assert_near(scores_class(&s.fine, 1).recall, NAN, 0);
    scores_free(&s);
}

static void non_finite_logits_count_as_wrong(void **state)
{
    (void)state;
    const float coarse[][3] = {{1, 0, 0}, {NAN, 0, 0}}, fine[][3] = {{NAN, 0, 0}, {1, 0, 0}};
    const int labels[] = {0, 0};
    scores s = score(2, coarse, fine, labels);
    head_summary head = scores_head(&s.fine);
    tree_summary tree = scores_tree(&s);
    assert_int_equal(s.fine.undecided, 1);
    assert_int_equal(s.coarse.undecided, 1);
    assert_near(head.top1, 0.5, 0);
    assert_near(head.top5, 0.5, 0);
    assert_near(head.nll, NAN, 0);
    assert_near(scores_class(&s.fine, 0).recall, 0.5, 0);
    assert_near(scores_class(&s.fine, 0).precision, 1, 0);
    assert_near(tree.coarse_head, 0.5, 0);
    assert_near(tree.coarse_from_fine, 0.5, 0);
    assert_near(tree.agreement, 0, 0);
    assert_near(tree.both_right, 0, 0);
    assert_near(tree.mistake_severity, 2, 0);
    assert_near(tree.distance_at_1, 1, 0);
    scores_free(&s);
}

/* A third is the upper end of bin 5 of 15; a certain answer belongs to the last bin. */
static void bins_include_their_upper_ends(void **state)
{
    (void)state;
    const float fine[][3] = {{0, 0, 0}, {0, -900, -900}};
    const int labels[] = {2, 0};
    scores s = score(2, NULL, fine, labels);
    assert_int_equal(s.fine.bins[4].images, 1);
    assert_int_equal(s.fine.bins[5].images, 0);
    assert_int_equal(s.fine.bins[SCORES_BINS - 1].images, 1);
    assert_near(scores_head(&s.fine).ece, 1.0 / 6, 1e-12);
    assert_near(scores_head(&s.fine).mce, 1.0 / 3, 1e-12);
    scores_free(&s);
}

/* Class 0 has neither images nor answers. Class 1 is right in two of three images, and the only
 * answer for class 2's image. Class 2 is never right. */
static void rankings_of_classes(void **state)
{
    (void)state;
    const float fine[][3] = {{0, 3, 0}, {0, 3, 0}, {0, 0, 3}, {0, 3, 0}};
    const int labels[] = {1, 1, 1, 2};
    int order[3];
    confused_pair pairs[4];
    scores s = score(4, NULL, fine, labels);
    scores_worst_first(&s.fine, order);
    assert_int_equal(order[0], 2);
    assert_int_equal(order[1], 1);
    assert_int_equal(order[2], 0);
    assert_int_equal(scores_confused(&s.fine, pairs, 4), 2);
    assert_int_equal(pairs[0].label, 1);
    assert_int_equal(pairs[0].answer, 2);
    assert_int_equal(pairs[1].label, 2);
    assert_int_equal(pairs[1].answer, 1);
    s.fine.confusion[2 * 3 + 0] = 5;
    s.fine.confusion[2 * 3 + 1] = 5;
    assert_int_equal(scores_confused(&s.fine, pairs, 3), 3);
    assert_int_equal(pairs[0].answer, 0);
    assert_int_equal(pairs[1].answer, 1);
    assert_int_equal(pairs[2].label, 1);
    assert_int_equal(pairs[2].images, 1);
    assert_int_equal(scores_confused(&s.fine, pairs, 0), 0);
    scores_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_values),
        cmocka_unit_test(random_cases),
        cmocka_unit_test(no_images_have_no_scores),
        cmocka_unit_test(no_mistakes_have_no_severity),
        cmocka_unit_test(non_finite_logits_count_as_wrong),
        cmocka_unit_test(bins_include_their_upper_ends),
        cmocka_unit_test(rankings_of_classes),
    };
    return cmocka_run_group_tests_name("scores", tests, NULL, NULL);
}
