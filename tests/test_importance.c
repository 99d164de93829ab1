/* SPDX-License-Identifier: Apache-2.0 */
/* importance.c against scipy's pearsonr and f_oneway (eta squared follows from F and its degrees of
 * freedom). */
#include "check.h"
#include "sweep/importance.h"

#include <math.h>

enum { TRIALS = 8, PARAMETERS = 3 };

/* A continuous parameter, three categories in the order 0 1 2 0 1 1 2 0, and a constant. */
static double places[TRIALS][PARAMETERS] = {
    {0.05, 0.1, 0.5}, {0.15, 0.5, 0.5}, {0.3, 0.9, 0.5},  {0.42, 0.2, 0.5},
    {0.55, 0.4, 0.5}, {0.61, 0.6, 0.5}, {0.78, 0.7, 0.5}, {0.9, 0.3, 0.5},
};
static const double objectives[TRIALS] = {1, 1.5, 0.7, 2.2, 2.0, 3.5, 3.1, 2.9};

static sweep_parameter parameters[PARAMETERS] = {
    {.form = {.kind = DISTRIBUTION_UNIFORM, .max = 1}},
    {.form = {.kind = DISTRIBUTION_CATEGORICAL, .count = 3}},
    {.form = {.kind = DISTRIBUTION_CONSTANT, .count = 1}},
};

static void fill(sweep_trial *trials, double sign)
{
    for (size_t i = 0; i < TRIALS; i++)
        trials[i] = (sweep_trial){.places = places[i],
                                  .state = SWEEP_TRIAL_FINISHED,
                                  .has_objective = true,
                                  .objective = sign * objectives[i]};
}

static void measure(const sweep_file *file, sweep_trial *trials, size_t count, importance *found)
{
    error err;
    CHECK_OK(importance_of(file, &(sweep_trials){trials, count}, found, &err));
}

static void assert_near(double got, double want)
{
    if (!(fabs(got - want) < 1e-12))
        fail_msg("%.17g is not %.17g", got, want);
}

static void test_values(void **state)
{
    (void)state;
    const sweep_file file = {.parameters = parameters, .parameter_count = PARAMETERS};
    sweep_trial trials[TRIALS + 2];
    importance found[PARAMETERS];
    fill(trials, 1);
    /* Trials without an objective are ignored. */
    trials[TRIALS] = trials[TRIALS + 1] = trials[0];
    trials[TRIALS].state = SWEEP_TRIAL_FAILED;
    trials[TRIALS + 1].objective = NAN;
    measure(&file, trials, TRIALS + 2, found);
    assert_near(found[0].correlation, 0.8231272506808566);
    assert_near(found[0].share, 0.7659264440170194);
    assert_true(isnan(found[1].correlation));
    assert_near(found[1].share, 0.03572885702628669);
    assert_true(isnan(found[2].correlation));
    assert_true(isnan(found[2].share));
}

static void test_sign(void **state)
{
    (void)state;
    const sweep_file file = {
        .maximize = true, .parameters = parameters, .parameter_count = PARAMETERS};
    sweep_trial trials[TRIALS];
    importance found[PARAMETERS];
    fill(trials, -1);
    measure(&file, trials, TRIALS, found);
    assert_near(found[0].correlation, 0.8231272506808566);
    assert_near(found[0].share, 0.7659264440170194);
}

/* Five trials form two groups; two trials or equal objectives give no result. */
static void test_few(void **state)
{
    (void)state;
    const sweep_file file = {.parameters = parameters, .parameter_count = PARAMETERS};
    sweep_trial trials[TRIALS];
    importance found[PARAMETERS];
    fill(trials, 1);
    measure(&file, trials, 5, found);
    assert_near(found[0].correlation, 0.6497653213569186);
    assert_near(found[0].share, 0.20761670761670753);
    measure(&file, trials, 2, found);
    assert_true(isnan(found[0].share) && isnan(found[1].share));
    measure(&file, trials, 0, found);
    assert_true(isnan(found[0].correlation) && isnan(found[0].share));
    for (size_t i = 0; i < TRIALS; i++)
        trials[i].objective = 4;
    measure(&file, trials, TRIALS, found);
    assert_true(isnan(found[0].correlation) && isnan(found[0].share));
}

/* A parameter that could vary but did not; for whole numbers, places with the same value count as
 * equal. */
static void test_unvaried(void **state)
{
    (void)state;
    sweep_parameter could[] = {{.form = {.kind = DISTRIBUTION_UNIFORM, .max = 1}},
                               {.form = {.kind = DISTRIBUTION_INT_UNIFORM, .min = 1, .max = 4}}};
    const sweep_file file = {.parameters = could, .parameter_count = 2};
    double same[4][2] = {{0.3, 0.3}, {0.3, 0.4}, {0.3, 0.35}, {0.3, 0.49}};
    sweep_trial trials[4];
    importance found[2];
    for (size_t i = 0; i < 4; i++)
        trials[i] = (sweep_trial){.places = same[i],
                                  .state = SWEEP_TRIAL_FINISHED,
                                  .has_objective = true,
                                  .objective = objectives[i]};
    measure(&file, trials, 4, found);
    for (size_t i = 0; i < 2; i++)
        assert_true(isnan(found[i].correlation) && isnan(found[i].share));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_sign),
        cmocka_unit_test(test_few),
        cmocka_unit_test(test_unvaried),
    };
    return cmocka_run_group_tests_name("importance", tests, NULL, NULL);
}
