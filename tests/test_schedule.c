/* schedule.c against torch.optim.lr_scheduler, and milestones as text. */
#include "check.h"
#include "train/schedule.h"

#include <math.h>

#include "golden/schedule.h"

enum { PLATEAUS = sizeof plateaus / sizeof plateaus[0], STEPS = sizeof steps / sizeof steps[0] };

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
        schedule s;
        schedule_start(&s, plateaus[i].lr, NULL, 0);
        assert_true(s.lr == plateaus[i].lr);
        check_rates(&plateaus[i], s);
    }
}

static void milestones_as_in_torch(void **state)
{
    (void)state;
    error err;
    for (int i = 0; i < STEPS; i++) {
        int milestones[SCHEDULE_MILESTONES], count;
        schedule s;
        CHECK_OK(schedule_parse_milestones(steps[i].name, milestones, &count, &err));
        schedule_start(&s, steps[i].lr, milestones, count);
        check_rates(&steps[i], s);
    }
}

/* A schedule that was stored and read again goes on as if nothing had been. */
static void copies_go_on(void **state)
{
    (void)state;
    schedule one, other;
    schedule_start(&one, 0.5, NULL, 0);
    for (int e = 0; e < EPOCHS; e++) {
        memcpy(&other, &one, sizeof one);
        schedule_epoch(&one, sin(e));
        schedule_epoch(&other, sin(e));
        assert_memory_equal(&one, &other, sizeof one);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plateaus_as_in_torch), cmocka_unit_test(milestones_as_in_torch),
        cmocka_unit_test(copies_go_on),         cmocka_unit_test(milestones_from_text),
        cmocka_unit_test(wrong_milestones),
    };
    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
