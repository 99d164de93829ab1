/* SPDX-License-Identifier: Apache-2.0 */
/* bayes.c: better than random points on functions with known minima; and how it treats failed and
 * running trials, points already tried, and the end of a finite space. */
#include "base/random.h"
#include "check.h"
#include "sweep/sampler.h"

#include <math.h>
#include <time.h>

enum { TRIALS = 30, SEEDS = 20, MOST_PARAMETERS = 6, MOST_TRIALS = 150 };

static sweep_parameter uniform(void)
{
    return (sweep_parameter){.form = {.kind = DISTRIBUTION_UNIFORM, .max = 1}};
}

static sweep_parameter categorical(size_t count)
{
    return (sweep_parameter){.form = {.kind = DISTRIBUTION_CATEGORICAL, .count = count}};
}

/* Branin's function on [-5, 10] x [0, 15]; three minima of 0.397887. */
static double branin(const double *u)
{
    double pi = acos(-1), x = 15 * u[0] - 5, y = 15 * u[1];
    double t = y - 5.1 / (4 * pi * pi) * x * x + 5 / pi * x - 6;
    return t * t + 10 * (1 - 1 / (8 * pi)) * cos(x) + 10;
}

/* Hartmann's function of three parameters; minimum -3.86278. */
static double hartmann(const double *u)
{
    static const double a[4] = {1, 1.2, 3, 3.2};
    static const double scales[4][3] = {{3, 10, 30}, {0.1, 10, 35}, {3, 10, 30}, {0.1, 10, 35}};
    static const double centres[4][3] = {{0.3689, 0.1170, 0.2673},
                                         {0.4699, 0.4387, 0.7470},
                                         {0.1091, 0.8732, 0.5547},
                                         {0.0381, 0.5743, 0.8828}};
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        double exponent = 0;
        for (int k = 0; k < 3; k++)
            exponent += scales[i][k] * (u[k] - centres[i][k]) * (u[k] - centres[i][k]);
        sum -= a[i] * exp(-exponent);
    }
    return sum;
}

/* Resembles a training run: a learning rate from 1e-4 to 1 on a logarithmic scale, four categories,
 * each with its own optimum and loss, and a share. Runs diverge above 10^-0.5. Minimum 0. */
static double mixed(const double *u)
{
    static const double optima[4] = {-3.2, -1.2, -1.8, -2.4}, losses[4] = {0.3, 0, 0.15, 0.5};
    int kind = (int)(4 * u[1]);
    double log_rate = 4 * u[0] - 4, off = log_rate - optima[kind], share = u[2] - 0.3;
    double loss = losses[kind] + 0.4 * off * off + 2 * share * share;
    return log_rate > -0.5 ? 1e6 * loss : loss;
}

typedef struct problem {
    double (*function)(const double *u);
    double minimum;
    size_t count;
    sweep_parameter parameters[MOST_PARAMETERS];
} problem;

/* Trials and their places, in the order in which they began. */
typedef struct history {
    sweep_trial trials[MOST_TRIALS];
    double places[MOST_TRIALS][MOST_PARAMETERS];
    size_t count;
} history;

static void add(history *h, enum sweep_trial_state state, double objective)
{
    h->trials[h->count] = (sweep_trial){.places = h->places[h->count],
                                        .state = state,
                                        .has_objective = !isnan(objective),
                                        .objective = objective,
                                        .latest = objective};
    h->count++;
}

/* Proposes the next point without adding it. */
static sampler_advice ask(const sweep_file *file, history *h, uint64_t seed, bool *exhausted)
{
    sampler_advice advice;
    error err;
    const sweep_trials tried = {h->trials, h->count};
    CHECK_OK(sampler_next(file, &tried, seed, h->places[h->count], &advice, &err));
    *exhausted = advice.exhausted;
    for (size_t i = 0; i < file->parameter_count && !*exhausted; i++)
        assert_true(h->places[h->count][i] >= 0 && h->places[h->count][i] <= 1);
    return advice;
}

static sweep_file file_of(sweep_parameter *parameters, size_t count)
{
    return (sweep_file){.method = SWEEP_BAYES,
                        .impute = IMPUTE_WORST,
                        .impute_while_running = IMPUTE_NONE,
                        .parameters = parameters,
                        .parameter_count = count};
}

static double regret_of_bayes(problem *p, uint64_t seed)
{
    const sweep_file file = file_of(p->parameters, p->count);
    history h = {.count = 0};
    double best = INFINITY;
    for (int i = 0; i < TRIALS; i++) {
        bool exhausted;
        ask(&file, &h, seed, &exhausted);
        assert_false(exhausted);
        double value = p->function(h.places[i]);
        best = fmin(best, value);
        add(&h, SWEEP_TRIAL_FINISHED, value);
    }
    return best - p->minimum;
}

static double regret_of_random(const problem *p, uint64_t seed)
{
    double best = INFINITY;
    for (uint64_t i = 0; i < TRIALS; i++) {
        double u[MOST_PARAMETERS];
        for (size_t k = 0; k < p->count; k++)
            u[k] = random_uniform(seed, RANDOM_TEST, i * MOST_PARAMETERS + k);
        best = fmin(best, p->function(u));
    }
    return best - p->minimum;
}

/* Over all seeds, the mean logarithm of the regret must be lower by `margin`, and at least `wins`
 * seeds must be better. The test prints what it measures; the bounds leave slack. */
static void compare(problem *p, double margin, int wins)
{
    double bayes = 0, random = 0;
    int better = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        double of_bayes = regret_of_bayes(p, seed), of_random = regret_of_random(p, seed);
        bayes += log10(fmax(of_bayes, 1e-9)) / SEEDS;
        random += log10(fmax(of_random, 1e-9)) / SEEDS;
        better += of_bayes < of_random;
    }
    print_message("# regret 10^%.2f, random points 10^%.2f; better for %d of %d seeds\n", bayes,
                  random, better, SEEDS);
    assert_true(bayes < random - margin);
    assert_true(better >= wins);
}

static void test_branin(void **state)
{
    (void)state;
    problem p = {branin, 0.39788735772973816, 2, {uniform(), uniform()}};
    compare(&p, 1.5, 19);
}

static void test_hartmann(void **state)
{
    (void)state;
    problem p = {hartmann, -3.86278214782076, 3, {uniform(), uniform(), uniform()}};
    compare(&p, 1, 15);
}

static void test_mixed(void **state)
{
    (void)state;
    problem p = {mixed, 0, 3, {uniform(), categorical(4), uniform()}};
    compare(&p, 0.7, 14);
}

/* `count` finished random points of Branin's function. */
static history random_history(size_t count)
{
    history h = {.count = 0};
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < 2; k++)
            h.places[i][k] = random_uniform(7, RANDOM_TEST, 2 * i + k);
        add(&h, SWEEP_TRIAL_FINISHED, branin(h.places[i]));
    }
    return h;
}

static double distance(const double *a, const double *b)
{
    return hypot(a[0] - b[0], a[1] - b[1]);
}

static void test_determinism(void **state)
{
    (void)state;
    problem p = {branin, 0, 2, {uniform(), uniform()}};
    const sweep_file file = file_of(p.parameters, 2);
    for (size_t count = 0; count < 10; count += 3) {
        history h = random_history(count);
        bool exhausted;
        sampler_advice first = ask(&file, &h, 1, &exhausted);
        const double u[2] = {h.places[count][0], h.places[count][1]};
        sampler_advice second = ask(&file, &h, 1, &exhausted);
        assert_memory_equal(u, h.places[count], sizeof u);
        assert_memory_equal(&first, &second, sizeof first);
        ask(&file, &h, 2, &exhausted);
        assert_true(distance(u, h.places[count]) > 0);
    }
}

/* A random point comes without a prediction, a point of the model with one. */
static void test_advice(void **state)
{
    (void)state;
    problem p = {branin, 0, 2, {uniform(), uniform()}};
    const sweep_file file = file_of(p.parameters, 2);
    bool exhausted;
    history h = random_history(1);
    sampler_advice a = ask(&file, &h, 1, &exhausted);
    assert_true(isnan(a.predicted) && isnan(a.deviation));
    h = random_history(20);
    h.trials[3].state = SWEEP_TRIAL_FAILED;
    a = ask(&file, &h, 1, &exhausted);
    assert_true(a.deviation > 0);
    assert_true(fabs(a.predicted - branin(h.places[20])) < 5 * a.deviation + 1);
}

/* One parameter on a slope, with a failed trial at its foot. Imputed as the worst value, the
 * failure repels the next point; imputed as the best, which is its own objective, it attracts
 * it. */
static double distance_from(enum sweep_trial_state state, enum sweep_impute how, double objective)
{
    static const double u[] = {0.95, 0.7, 0.5, 0.3, 0.1};
    sweep_parameter parameter = uniform();
    sweep_file file = file_of(&parameter, 1);
    history h = {.count = 0};
    bool exhausted;
    file.impute = how;
    for (size_t i = 0; i < 5; i++) {
        h.places[i][0] = u[i];
        add(&h, i == 4 ? state : SWEEP_TRIAL_FINISHED, i == 4 ? objective : u[i]);
    }
    ask(&file, &h, 1, &exhausted);
    return fabs(h.places[5][0] - 0.1);
}

static double distance_from_failure(enum sweep_impute how, double objective)
{
    return distance_from(SWEEP_TRIAL_FAILED, how, objective);
}

static void test_failed(void **state)
{
    (void)state;
    double worst = distance_from_failure(IMPUTE_WORST, 0.1);
    double best = distance_from_failure(IMPUTE_BEST, -0.1);
    print_message("# distance from the failure: %.3f if imputed as the worst, %.3f as the best\n",
                  worst, best);
    assert_true(worst > 0.12 && best < 0.1);
    assert_true(distance_from_failure(IMPUTE_BEST, NAN) == distance_from_failure(IMPUTE_WORST, 1));
    assert_true(distance_from_failure(IMPUTE_LATEST, 0.1) ==
                distance_from_failure(IMPUTE_BEST, 0.1));
    assert_true(distance_from_failure(IMPUTE_NONE, 0.1) != worst);
    /* A finished trial without an objective gets no imputed value. */
    assert_true(distance_from(SWEEP_TRIAL_FINISHED, IMPUTE_WORST, NAN) ==
                distance_from_failure(IMPUTE_NONE, 0.1));
}

/* Eight parallel trials after ten finished ones: no two are close to each other. */
static void test_parallel(void **state)
{
    (void)state;
    problem p = {branin, 0, 2, {uniform(), uniform()}};
    const sweep_file file = file_of(p.parameters, 2);
    history h = random_history(10);
    double closest = INFINITY;
    bool exhausted;
    while (h.count < 18) {
        ask(&file, &h, 1, &exhausted);
        for (size_t i = 10; i < h.count; i++)
            closest = fmin(closest, distance(h.places[i], h.places[h.count]));
        add(&h, SWEEP_TRIAL_RUNNING, NAN);
    }
    print_message("# the closest two points are %.3f apart\n", closest);
    assert_true(closest > 0.02);
}

/* A running trial's latest value counts if the file says so. */
static void test_running_value(void **state)
{
    (void)state;
    sweep_parameter parameter = uniform();
    sweep_file file = file_of(&parameter, 1);
    history h = {.count = 0};
    double u[2];
    bool exhausted;
    for (int i = 0; i < 3; i++) {
        h.places[i][0] = 0.2 + 0.3 * i;
        add(&h, i == 2 ? SWEEP_TRIAL_RUNNING : SWEEP_TRIAL_FINISHED, i == 2 ? -9 : 1 + 0.1 * i);
    }
    h.trials[2].latest = 9;
    file.impute_while_running = IMPUTE_BEST;
    ask(&file, &h, 1, &exhausted);
    u[0] = h.places[3][0];
    file.impute_while_running = IMPUTE_LATEST;
    ask(&file, &h, 1, &exhausted);
    u[1] = h.places[3][0];
    assert_true(fabs(u[0] - 0.8) < 0.25);
    assert_true(u[1] < 0.5);
}

/* Two parameters of 2 and 3 values and a constant: each combination is proposed once, even if a
 * trial of it failed. */
static void test_exhaustion(void **state)
{
    (void)state;
    sweep_parameter parameters[] = {
        categorical(2), {.form = {.kind = DISTRIBUTION_CONSTANT, .count = 1}}, categorical(3)};
    const sweep_file file = file_of(parameters, 3);
    history h = {.count = 0};
    bool seen[2][3] = {{false}}, exhausted;
    for (int i = 0; i < 6; i++) {
        ask(&file, &h, 3, &exhausted);
        assert_false(exhausted);
        bool *place = &seen[(int)(2 * h.places[i][0])][(int)(3 * h.places[i][2])];
        assert_false(*place);
        *place = true;
        add(&h, i % 3 == 2 ? SWEEP_TRIAL_FAILED : SWEEP_TRIAL_FINISHED, i % 3 == 2 ? NAN : i);
    }
    h.places[6][0] = 0.125;
    ask(&file, &h, 3, &exhausted);
    assert_true(exhausted);
    assert_true(h.places[6][0] == 0.125); /* unchanged */
}

/* Five of six values were tried several times, with much noise and a slope away from the sixth. The
 * sixth is proposed next all the same. */
static void test_last_untried_value(void **state)
{
    (void)state;
    sweep_parameter parameter = categorical(6);
    const sweep_file file = file_of(&parameter, 1);
    history h = {.count = 0};
    bool exhausted;
    for (int i = 0; i < 25; i++) {
        h.places[i][0] = (1.5 + i % 5) / 6;
        add(&h, SWEEP_TRIAL_FINISHED, -2 * (i % 5) + (i / 5) % 3);
    }
    ask(&file, &h, 1, &exhausted);
    assert_false(exhausted);
    assert_int_equal((int)(6 * h.places[25][0]), 0);
}

/* More trials than the model accepts, some with extreme values. */
static void test_many(void **state)
{
    (void)state;
    problem p = {branin, 0, 2, {uniform(), uniform()}};
    const sweep_file file = file_of(p.parameters, 2);
    history h = random_history(MOST_TRIALS - 1);
    bool exhausted;
    h.trials[0].objective = NAN;
    h.trials[1].objective = INFINITY;
    h.trials[2].objective = -INFINITY;
    h.trials[3].objective = 1e300;
    h.places[4][0] = NAN;
    h.places[5][1] = 1e9;
    for (size_t i = 20; i < 90; i++)
        h.trials[i].state = SWEEP_TRIAL_RUNNING;
    sampler_advice a = ask(&file, &h, 1, &exhausted);
    assert_true(isfinite(a.predicted) && isfinite(a.deviation));
    print_message("# predicted %.2f, found %.2f\n", a.predicted, branin(h.places[h.count]));
    assert_true(fabs(a.predicted - branin(h.places[h.count])) < 4 * a.deviation + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_branin),
        cmocka_unit_test(test_hartmann),
        cmocka_unit_test(test_mixed),
        cmocka_unit_test(test_determinism),
        cmocka_unit_test(test_advice),
        cmocka_unit_test(test_failed),
        cmocka_unit_test(test_parallel),
        cmocka_unit_test(test_running_value),
        cmocka_unit_test(test_exhaustion),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_last_untried_value),
    };
    int failed = cmocka_run_group_tests_name("bayes", tests, NULL, NULL);
    print_message("# %.1f s of CPU time\n", (double)clock() / CLOCKS_PER_SEC);
    return failed;
}
