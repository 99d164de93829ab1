/* SPDX-License-Identifier: Apache-2.0 */
/* hyperband.c: the bands and which runs stop, in cases counted by hand. */
#include "base/random.h"
#include "check.h"
#include "sweep/hyperband.h"

#include <limits.h>
#include <math.h>

enum { MOST_RUNS = 16 };

/* The values that a run has logged. */
typedef struct run_values {
    double *values; /* [count] */
    size_t count;
} run_values;

static bool is_behind(const sweep_hyperband *h, const run_values *runs, size_t count, size_t index,
                      int *band)
{
    sweep_trial trials[MOST_RUNS] = {{0}};
    for (size_t i = 0; i < count; i++) {
        trials[i].history = runs[i].values;
        trials[i].history_count = runs[i].count;
    }
    return hyperband_stops(h, &(sweep_trials){trials, count}, index, band);
}

static const sweep_hyperband every = {.given = true, .min_iter = 1, .eta = 2};

static void assert_bands(sweep_hyperband h, size_t count, const int *want)
{
    int bands[HYPERBAND_MOST];
    h.given = true;
    assert_int_equal(hyperband_bands(&h, bands), count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(bands[i], want[i]);
}

static void test_bands(void **state)
{
    (void)state;
    int bands[HYPERBAND_MOST];
    assert_bands((sweep_hyperband){.max_iter = 27, .s = 2, .eta = 3}, 2, (int[]){3, 9});
    assert_bands((sweep_hyperband){.max_iter = 27, .s = 9, .eta = 3}, 3, (int[]){1, 3, 9});
    assert_bands((sweep_hyperband){.max_iter = 25, .s = 3, .eta = 2}, 3, (int[]){3, 6, 12});
    assert_bands((sweep_hyperband){.max_iter = 2, .s = 3, .eta = 3}, 0, NULL);
    assert_bands((sweep_hyperband){.min_iter = 3, .eta = 1}, 0, NULL);
    assert_bands((sweep_hyperband){.min_iter = 3, .eta = NAN}, 0, NULL);
    const sweep_hyperband slow = {.given = true, .min_iter = 1, .eta = 1.5};
    size_t count = hyperband_bands(&slow, bands);
    const int want[] = {1, 2, 3, 5, 7, 11, 17};
    assert_memory_equal(bands, want, sizeof want);
    for (size_t i = 1; i < count; i++)
        assert_true(bands[i] > bands[i - 1]);
    assert_true(count < HYPERBAND_MOST && bands[count - 1] > INT_MAX / 2);
    assert_int_equal(hyperband_bands(&(sweep_hyperband){.min_iter = 3, .eta = 3}, bands), 0);
}

/* Nine runs with one value each, 1 to 9, and eta 3. Rank 3 is the value 4: runs above it stop. */
static void test_threshold(void **state)
{
    (void)state;
    const sweep_hyperband h = {.given = true, .min_iter = 1, .eta = 3};
    double values[] = {5, 1, 9, 4, 2, 8, 3, 7, 6};
    run_values runs[9];
    int band;
    for (size_t i = 0; i < 9; i++)
        runs[i] = (run_values){&values[i], 1};
    for (size_t i = 0; i < 9; i++) {
        assert_int_equal(is_behind(&h, runs, 9, i, &band), values[i] > 4);
        assert_int_equal(band, 1);
    }
}

/* A single run has no other to be compared with; of two runs, eta 3 keeps the better one. */
static void test_few(void **state)
{
    (void)state;
    const sweep_hyperband h = {.given = true, .min_iter = 2, .eta = 3};
    sweep_hyperband strict = h;
    strict.strict = true;
    const run_values runs[] = {
        {(double[]){5, 7}, 2}, {(double[]){9, 8, 8}, 3}, {(double[]){99}, 1}};
    int band;
    assert_false(is_behind(&h, runs, 1, 0, &band));
    assert_false(is_behind(&strict, runs, 1, 0, &band));
    assert_false(is_behind(&h, runs, 3, 0, &band));
    assert_true(is_behind(&h, runs, 3, 1, &band));
    assert_int_equal(band, 2);
    assert_false(is_behind(&h, runs, 3, 2, &band)); /* has not reached the band */
    assert_int_equal(band, 0);
}

/* The first run was the best before the band but is behind at the band. */
static void test_strict(void **state)
{
    (void)state;
    sweep_hyperband h = {.given = true, .min_iter = 2, .eta = 2};
    const run_values runs[] = {{(double[]){1, 9}, 2}, {(double[]){4, 3}, 2}, {(double[]){4, 2}, 2}};
    int band;
    assert_false(is_behind(&h, runs, 3, 0, &band));
    h.strict = true;
    assert_true(is_behind(&h, runs, 3, 0, &band));
    assert_false(is_behind(&h, runs, 3, 1, &band)); /* rank int(3 / 2) = 1 is the value 3 */
}

/* Only the last band that a run has reached decides. */
static void test_last_band(void **state)
{
    (void)state;
    const run_values runs[] = {
        {(double[]){9, 8}, 2}, {(double[]){1}, 1},  {(double[]){2}, 1},
        {(double[]){3}, 1},    {(double[]){10}, 1},
    };
    int band;
    assert_false(is_behind(&every, runs, 5, 0, &band));
    assert_int_equal(band, 2);
    assert_true(is_behind(&every, runs, 5, 4, &band)); /* rank int(5 / 2) = 2 is the value 3 */
    assert_int_equal(band, 1);
}

static void test_ties_and_nan(void **state)
{
    (void)state;
    const run_values same[] = {{(double[]){2}, 1}, {(double[]){2}, 1}, {(double[]){2}, 1}};
    const run_values some[] = {
        {(double[]){NAN}, 1}, {(double[]){2}, 1}, {(double[]){NAN}, 1}, {(double[]){3}, 1}};
    int band;
    for (size_t i = 0; i < 3; i++)
        assert_false(is_behind(&every, same, 3, i, &band));
    assert_false(is_behind(&every, some, 1, 0, &band));
    for (size_t i = 0; i < 3; i++) /* of 3, rank 1 is NaN, the worst value: none is above it */
        assert_false(is_behind(&every, some, 3, i, &band));
    assert_true(is_behind(&(sweep_hyperband){.given = true, .min_iter = 1, .eta = 4}, some, 3, 0,
                          &band)); /* rank 0 is the value 2 */
    sweep_hyperband strict = {.given = true, .min_iter = 1, .eta = 4, .strict = true};
    assert_true(is_behind(&strict, some, 3, 0, &band));
    const sweep_hyperband third = {.given = true, .min_iter = 1, .eta = 3};
    for (size_t i = 0; i < 4; i++) /* of 4, rank 1 is the value 3 */
        assert_int_equal(is_behind(&third, some, 4, i, &band), i % 2 == 0);
}

/* Runs of random lengths around random levels: the run with the lowest value never stops, nor does
 * a run below the first band; some runs stop. */
static void test_best_continues(void **state)
{
    (void)state;
    enum { RUNS = 12, LENGTH = 20 };
    const sweep_hyperband h = {.given = true, .min_iter = 3, .eta = 3};
    double values[RUNS][LENGTH];
    size_t stopped = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        run_values runs[RUNS];
        size_t best = 0;
        double least = INFINITY;
        int band;
        for (size_t i = 0; i < RUNS; i++) {
            runs[i] = (run_values){
                values[i], (size_t)(random_uniform(seed, RANDOM_TEST, 1000 + i) * (LENGTH + 1))};
            double level = random_uniform(seed, RANDOM_TEST, 2000 + i);
            for (size_t k = 0; k < runs[i].count; k++) {
                values[i][k] = level + 0.2 * random_uniform(seed, RANDOM_TEST, i * LENGTH + k);
                if (values[i][k] < least) {
                    least = values[i][k];
                    best = i;
                }
            }
        }
        assert_false(is_behind(&h, runs, RUNS, best, &band));
        for (size_t i = 0; i < RUNS; i++) {
            bool stops = is_behind(&h, runs, RUNS, i, &band);
            assert_false(stops && runs[i].count < 3);
            stopped += stops;
        }
    }
    assert_true(stopped > 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bands),
        cmocka_unit_test(test_threshold),
        cmocka_unit_test(test_few),
        cmocka_unit_test(test_strict),
        cmocka_unit_test(test_last_band),
        cmocka_unit_test(test_ties_and_nan),
        cmocka_unit_test(test_best_continues),
    };
    return cmocka_run_group_tests_name("hyperband", tests, NULL, NULL);
}
