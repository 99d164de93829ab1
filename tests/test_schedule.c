/* SPDX-License-Identifier: Apache-2.0 */
/* schedule.c against torch.optim.lr_scheduler, and milestones as text. */
#include "check.h"
#include "train/schedule.h"

#include <math.h>

#include "golden/schedule.h"

enum {
    PLATEAUS = sizeof plateaus / sizeof plateaus[0],
    STEPS = sizeof steps / sizeof steps[0],
    FLOORS = sizeof floors / sizeof floors[0],
    CURVES = sizeof curves / sizeof curves[0],
};

static schedule start(schedule_terms terms)
{
    error err;
    schedule s;
    CHECK_OK(schedule_start(&s, &terms, &err));
    return s;
}

static void check_rates(const struct golden *g, schedule s)
{
    for (int e = 0; e < EPOCHS; e++) {
        schedule_epoch(&s, g->losses[e]);
        if (s.lr != g->rates[e])
            fail_msg("%s: after epoch %d %.17g instead of %.17g", g->name, e, s.lr, g->rates[e]);
        assert_int_equal(s.epoch, e + 1);
    }
}

static void plateaus_as_in_torch(void **state)
{
    (void)state;
    for (int i = 0; i < PLATEAUS; i++) {
        schedule s = start((schedule_terms){.law = SCHEDULE_DEFAULT, .lr = plateaus[i].lr});
        assert_true(s.lr == plateaus[i].lr);
        check_rates(&plateaus[i], s);
        check_rates(&plateaus[i],
                    start((schedule_terms){.law = SCHEDULE_PLATEAU, .lr = plateaus[i].lr}));
    }
}

static void milestones_as_in_torch(void **state)
{
    (void)state;
    for (int i = 0; i < STEPS; i++) {
        check_rates(&steps[i],
                    start((schedule_terms){
                        .law = SCHEDULE_DEFAULT, .lr = steps[i].lr, .milestones = steps[i].name}));
        check_rates(&steps[i], start((schedule_terms){.law = SCHEDULE_MULTISTEP,
                                                      .lr = steps[i].lr,
                                                      .milestones = steps[i].name}));
    }
}

static void floors_as_in_torch(void **state)
{
    (void)state;
    for (int i = 0; i < FLOORS; i++) {
        const struct golden_floor *g = &floors[i];
        schedule s =
            start((schedule_terms){.law = SCHEDULE_DEFAULT, .lr = g->lr, .min_lr = g->min_lr});
        for (int e = 0; e < EPOCHS; e++) {
            schedule_epoch(&s, g->losses[e]);
            if (s.lr != g->rates[e])
                fail_msg("%s: after epoch %d %.17g instead of %.17g", g->name, e, s.lr,
                         g->rates[e]);
        }
    }
}

/* PyTorch computes each step of a cosine from the previous one, so its own rounding error grows
 * with the steps. */
static void check_rate(const char *name, uint64_t step, double rate, double expected, double lr)
{
    if (!(fabs(rate - expected) <= 1e-12 * lr))
        fail_msg("%s: step %llu: %.17g, expected %.17g", name, (unsigned long long)step, rate,
                 expected);
}

static void curves_as_in_torch(void **state)
{
    (void)state;
    for (int i = 0; i < CURVES; i++) {
        const struct golden_curve *g = &curves[i];
        uint64_t last = (uint64_t)g->epochs * STEPS_PER_EPOCH;
        schedule s = start(
            (schedule_terms){.law = (enum schedule_law)word_list_find(&schedule_words, g->name),
                             .lr = g->lr,
                             .min_lr = g->min_lr,
                             .warmup = g->warmup});
        schedule_span(&s, g->epochs, STEPS_PER_EPOCH);
        for (uint64_t step = 1; step <= last; step++) {
            check_rate(g->name, step, schedule_rate(&s, step), g->rates[step - 1], g->lr);
            if (step % STEPS_PER_EPOCH == 0)
                schedule_epoch(&s, sin((double)step)); /* changes nothing */
        }
        assert_true(schedule_rate(&s, last + 7) == schedule_rate(&s, last));
    }
}

/* Plateau and multistep warm up to the rate that they would have without a warm-up. */
static void warm_up_of_epochs(void **state)
{
    (void)state;
    schedule s = start(
        (schedule_terms){.law = SCHEDULE_DEFAULT, .lr = 0.3, .warmup = 1.5, .milestones = "1,2"});
    schedule_span(&s, 4, 4);
    for (uint64_t step = 1; step <= 16; step++) {
        double lr = step <= 4 ? 0.3 : step <= 8 ? 0.3 * 0.1 : 0.3 * 0.1 * 0.1;
        check_rate("multistep", step, schedule_rate(&s, step),
                   step < 6 ? lr * (double)step / 6 : lr, 0.3);
        if (step % 4 == 0)
            schedule_epoch(&s, 0);
    }
}

/* Without a warm-up, the rate within an epoch is exactly the one set after the previous epoch. */
static void rates_of_epochs(void **state)
{
    (void)state;
    schedule s = start((schedule_terms){.law = SCHEDULE_DEFAULT, .lr = 0.008});
    schedule_span(&s, EPOCHS, 3);
    for (uint64_t epoch = 0; epoch < EPOCHS; epoch++) {
        for (uint64_t step = 1; step <= 3; step++)
            assert_true(schedule_rate(&s, 3 * epoch + step) == s.lr);
        schedule_epoch(&s, 2);
    }
    assert_true(s.lr < 1e-7);
}

/* A schedule that was saved and loaded continues with the same rates. */
static void a_copy_continues(void **state)
{
    (void)state;
    schedule one = start((schedule_terms){.law = SCHEDULE_DEFAULT, .lr = 0.5}), other = one;
    schedule fresh = one;
    for (int e = 0; e < EPOCHS; e++) {
        memcpy(&other, &one, sizeof one);
        schedule_epoch(&one, sin(e));
        schedule_epoch(&other, sin(e));
        assert_memory_equal(&one, &other, sizeof one);
        /* So does a new schedule with the same terms that is restored from the saved one. */
        schedule restored = fresh;
        schedule_restore(&restored, &other);
        assert_true(restored.lr == one.lr && restored.best == one.best);
        assert_int_equal(restored.bad_epochs, one.bad_epochs);
        assert_int_equal(restored.epoch, one.epoch);
    }
}

static void milestones_from_text(void **state)
{
    (void)state;
    error err;
    int milestones[SCHEDULE_MILESTONES], count;
    CHECK_OK(schedule_parse_milestones("7,13", milestones, &count, &err));
    assert_int_equal(count, 2);
    assert_int_equal(milestones[0], 7);
    assert_int_equal(milestones[1], 13);
    CHECK_OK(schedule_parse_milestones("1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,2147483647", milestones,
                                       &count, &err));
    assert_int_equal(count, SCHEDULE_MILESTONES);
    assert_int_equal(milestones[15], 2147483647);
    CHECK_FAILS(STATUS_USAGE, "more than 16",
                schedule_parse_milestones("1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", milestones,
                                          &count, &err));
}

static void wrong_milestones(void **state)
{
    static const char *const texts[] = {
        "",     ",",     "0",   "-3",         "7,",
        ",7",   "7,,13", "7 ",  " 7",         "7, 13",
        "+7",   "7.5",   "7x",  "2147483648", "99999999999999999999",
        "7;13", "7,0",   "one", "7,x"};
    (void)state;
    error err;
    int milestones[SCHEDULE_MILESTONES], count;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        CHECK_FAILS(STATUS_USAGE, "expected epochs",
                    schedule_parse_milestones(texts[i], milestones, &count, &err));
    CHECK_FAILS(STATUS_USAGE, "7 comes after 13",
                schedule_parse_milestones("13,7", milestones, &count, &err));
    CHECK_FAILS(STATUS_USAGE, "7 comes after 7",
                schedule_parse_milestones("7,7", milestones, &count, &err));
}

static void expect_refused(schedule_terms terms, const char *part)
{
    error err;
    schedule s;
    CHECK_FAILS(STATUS_USAGE, part, schedule_start(&s, &terms, &err));
}

static void wrong_terms(void **state)
{
    (void)state;
    expect_refused((schedule_terms){.law = SCHEDULE_MULTISTEP, .lr = 1}, "needs --milestones");
    expect_refused((schedule_terms){.law = SCHEDULE_COSINE, .lr = 1, .milestones = "3"},
                   "--schedule cosine does not accept --milestones");
    start((schedule_terms){.law = SCHEDULE_COSINE, .lr = 1, .milestones = "none"});
    expect_refused((schedule_terms){.law = SCHEDULE_ONE_CYCLE, .lr = 1, .min_lr = 0.1},
                   "--schedule one-cycle does not accept --min-lr");
    expect_refused(
        (schedule_terms){.law = SCHEDULE_DEFAULT, .lr = 1, .milestones = "3", .min_lr = 0.1},
        "--schedule multistep does not accept --min-lr");
    expect_refused((schedule_terms){.law = SCHEDULE_COSINE, .lr = 1, .min_lr = 2},
                   "--min-lr 2 is above --lr 1");
    expect_refused((schedule_terms){.law = SCHEDULE_DEFAULT, .lr = 1, .milestones = "3,"},
                   "--milestones: '3,': expected");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plateaus_as_in_torch), cmocka_unit_test(milestones_as_in_torch),
        cmocka_unit_test(floors_as_in_torch),   cmocka_unit_test(curves_as_in_torch),
        cmocka_unit_test(warm_up_of_epochs),    cmocka_unit_test(rates_of_epochs),
        cmocka_unit_test(a_copy_continues),     cmocka_unit_test(milestones_from_text),
        cmocka_unit_test(wrong_milestones),     cmocka_unit_test(wrong_terms),
    };
    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
