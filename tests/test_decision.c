/* SPDX-License-Identifier: Apache-2.0 */
/* decision.c: each decision against sums over the whole distance matrix; ties, products that
 * underflow a float, logits that are not finite, and unusual trees. */
#include "check.h"
#include "measure/decision.h"
#include "support.h"

#include <math.h>

enum { MOST = 40 };

/* A random tree; parents may have no children. */
static hierarchy random_tree(uint64_t seed, int parents[MOST])
{
    hierarchy tree = {.coarse_count = support_pick(seed, 0, 1, 9),
                      .fine_count = support_pick(seed, 1, 1, MOST),
                      .parents = parents};
    for (int i = 0; i < tree.fine_count; i++)
        parents[i] = support_pick(seed, 2 + (uint64_t)i, 0, tree.coarse_count - 1);
    return tree;
}

/* Softmax without subtracting the largest logit, which logits as small as these do not need. */
static void reference_softmax(const float *logits, int count, double *p)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += exp((double)logits[i]);
    for (int i = 0; i < count; i++)
        p[i] = exp((double)logits[i]) / sum;
}

static void reference_joint(const hierarchy *tree, const double *coarse, double *fine)
{
    double sum = 0;
    for (int i = 0; i < tree->fine_count; i++)
        sum += fine[i] *= coarse[tree->parents[i]];
    for (int i = 0; i < tree->fine_count; i++)
        fine[i] /= sum;
}

/* The negative of the expected distance. */
static double reference_nearness(const hierarchy *tree, const double *fine, int k)
{
    double cost = 0;
    for (int j = 0; j < tree->fine_count; j++)
        cost += (k != j) * fine[j] + (tree->parents[k] != tree->parents[j]) * fine[j];
    return -cost;
}

static void check_ranking(const ranking *r, const double *probabilities, const double *scores)
{
    bool seen[MOST] = {false};
    assert_true(r->decided);
    for (int i = 0; i < r->count; i++) {
        int class = r->order[i];
        assert_in_range(class, 0, r->count - 1);
        assert_false(seen[class]);
        seen[class] = true;
        if (i > 0)
            assert_true(scores[r->order[i - 1]] >= scores[class] - 1e-12);
        assert_true(fabs(r->probabilities[i] - probabilities[i]) < 1e-12);
    }
}

/* The score of each coarse class is that of its first fine class. */
static void check_following(const decider *d, const double *fine)
{
    double scores[MOST], sums[MOST] = {0};
    for (int c = 0; c < d->coarse.count; c++)
        scores[c] = -1e9;
    for (int place = 0; place < d->fine.count; place++) {
        double *score = &scores[d->classes->parents[d->fine.order[place]]];
        *score = *score < -1e8 ? -place : *score;
    }
    for (int i = 0; i < d->fine.count; i++)
        sums[d->classes->parents[i]] += fine[i];
    check_ranking(&d->coarse, sums, scores);
    assert_int_equal(d->coarse.order[0], d->classes->parents[d->fine.order[0]]);
}

static void check_decision(const char *name, const hierarchy *tree, bool has_coarse, uint64_t seed)
{
    error err;
    decider d;
    double coarse_p[MOST], fine_p[MOST], scores[MOST];
    bool joint = strcmp(name, "joint") == 0, crm = strcmp(name, "crm") == 0;
    float *coarse = support_random((size_t)tree->coarse_count, seed, -4, 4);
    float *fine = support_random((size_t)tree->fine_count, seed + 1, -4, 4);
    reference_softmax(coarse, tree->coarse_count, coarse_p);
    reference_softmax(fine, tree->fine_count, fine_p);
    if (joint)
        reference_joint(tree, coarse_p, fine_p);
    for (int i = 0; i < tree->fine_count; i++)
        scores[i] = crm ? reference_nearness(tree, fine_p, i) : fine_p[i];
    CHECK_OK(decider_create(&d, name, tree, has_coarse, &err));
    assert_string_equal(decider_name(&d), name);
    decider_decide(&d, has_coarse ? coarse : NULL, fine);
    check_ranking(&d.fine, fine_p, scores);
    if (has_coarse && !joint && !crm)
        check_ranking(&d.coarse, coarse_p, coarse_p);
    else
        check_following(&d, fine_p);
    decider_free(&d);
    free(coarse);
    free(fine);
}

static void random_trees(void **state)
{
    (void)state;
    int parents[MOST];
    for (uint64_t seed = 0; seed < 200; seed++) {
        hierarchy tree = random_tree(seed, parents);
        check_decision("argmax", &tree, true, seed);
        check_decision("argmax", &tree, false, seed);
        check_decision("joint", &tree, true, seed);
        check_decision("crm", &tree, true, seed);
        check_decision("crm", &tree, false, seed);
    }
}

/* Coarse class 0 has two children, class 1 none, classes 2 and 3 one each. */
static int few_parents[] = {2, 0, 0, 3};
static const hierarchy few = {.coarse_count = 4, .fine_count = 4, .parents = few_parents};

static decider decide(const char *name, const float *coarse, const float *fine)
{
    error err;
    decider d;
    CHECK_OK(decider_create(&d, name, &few, coarse != NULL, &err));
    decider_decide(&d, coarse, fine);
    return d;
}

static void check_order(const int *order, int a, int b, int c, int d)
{
    const int want[] = {a, b, c, d};
    for (int i = 0; i < 4; i++)
        assert_int_equal(order[i], want[i]);
}

static void ties_go_to_the_lower_class(void **state)
{
    (void)state;
    const float coarse[] = {1, 2, 2, 1}, fine[] = {0.5f, 0.25f, 0.5f, 0.5f}, flat[4] = {0};
    decider d = decide("argmax", coarse, fine);
    check_order(d.fine.order, 0, 2, 3, 1);
    check_order(d.coarse.order, 1, 2, 0, 3);
    assert_int_equal(d.fine_guess, 0);
    assert_int_equal(d.coarse_guess, 1);
    decider_free(&d);
    /* If all probabilities are equal, classes with a sibling are nearest to the others. */
    d = decide("crm", coarse, flat);
    check_order(d.fine.order, 1, 2, 0, 3);
    check_order(d.coarse.order, 0, 2, 3, 1);
    decider_free(&d);
    d = decide("joint", flat, flat);
    check_order(d.fine.order, 0, 1, 2, 3);
    check_order(d.coarse.order, 2, 0, 3, 1);
    decider_free(&d);
}

/* Each head rules out the classes of the other, and every product is below the smallest float. */
static void tiny_products_are_ranked(void **state)
{
    (void)state;
    const float coarse[] = {-200, 0, -500, -500}, fine[] = {0, -80, -90, -300};
    decider d = decide("joint", coarse, fine);
    assert_true(d.fine.decided);
    check_order(d.fine.order, 1, 2, 0, 3);
    assert_true(fabs(d.fine.probabilities[1] - 1 / (1 + exp(-10.0))) < 1e-12);
    /* The guess of each head alone differs from the joint decision. */
    assert_int_equal(d.fine_guess, 0);
    assert_int_equal(d.coarse_guess, 1);
    decider_free(&d);
}

static void non_finite_logits_are_undecided(void **state)
{
    (void)state;
    const float good[] = {1, 2, 3, 4}, bad[] = {1, NAN, 3, 4}, high[] = {1, INFINITY, 3, 4};
    const float low[] = {1, -INFINITY, 3, 4},
                nothing[] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY};
    const float *const refused[] = {bad, high, nothing};
    for (int i = 0; i < 3; i++) {
        decider d = decide("argmax", good, refused[i]);
        assert_false(d.fine.decided);
        assert_true(d.coarse.decided);
        assert_int_equal(d.fine_guess, -1);
        assert_int_equal(d.coarse_guess, 3);
        decider_free(&d);
        d = decide("joint", refused[i], good);
        assert_false(d.fine.decided);
        assert_false(d.coarse.decided);
        assert_int_equal(d.coarse_guess, -1);
        decider_decide(&d, good, good); /* the next image is not affected */
        assert_true(d.fine.decided && d.coarse.decided);
        decider_free(&d);
        d = decide("crm", refused[i], good);
        assert_true(d.fine.decided && d.coarse.decided);
        decider_free(&d);
    }
    decider d = decide("argmax", low, low);
    assert_true(d.fine.decided && d.coarse.decided);
    assert_true(d.fine.probabilities[1] == 0);
    decider_free(&d);
}

static void names(void **state)
{
    (void)state;
    error err;
    decider d;
    char choices[WORD_LIST_TEXT];
    word_list_join(&decision_words, choices);
    assert_string_equal(choices, "argmax|joint|crm");
    CHECK_FAILS(STATUS_USAGE, "unknown decision 'vote'; expected argmax|joint|crm",
                decider_create(&d, "vote", &few, true, &err));
    CHECK_FAILS(STATUS_USAGE, "--decision joint needs a coarse head",
                decider_create(&d, "joint", &few, false, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_trees),
        cmocka_unit_test(ties_go_to_the_lower_class),
        cmocka_unit_test(tiny_products_are_ranked),
        cmocka_unit_test(non_finite_logits_are_undecided),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests_name("decision", tests, NULL, NULL);
}
