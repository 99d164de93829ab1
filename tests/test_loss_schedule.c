/* SPDX-License-Identifier: Apache-2.0 */
/* loss_schedule.c: the weights of each epoch, and texts that are refused. */
#include "check.h"
#include "train/loss_schedule.h"

static const loss_weights run = {1, 2};

static void expect_weights(const loss_schedule *s, uint32_t epoch, double coarse, double fine)
{
    loss_weights w = loss_schedule_at(s, epoch);
    assert_true(w.coarse == coarse && w.fine == fine);
}

static void test_epochs(void **state)
{
    (void)state;
    error err;
    loss_schedule s;
    CHECK_OK(loss_schedule_parse("1:0.98:0.02,14:0.2:0.8,34:0:1", run, true, &s, &err));
    expect_weights(&s, 0, 0.98, 0.02);
    expect_weights(&s, 12, 0.98, 0.02);
    expect_weights(&s, 13, 0.2, 0.8);
    expect_weights(&s, 32, 0.2, 0.8);
    expect_weights(&s, 33, 0, 1);
    expect_weights(&s, 1000, 0, 1);
}

/* Before the first stage, and without stages, the run's own weights apply. */
static void test_before(void **state)
{
    (void)state;
    error err;
    loss_schedule s;
    CHECK_OK(loss_schedule_parse("3:1:0", run, true, &s, &err));
    expect_weights(&s, 0, 1, 2);
    expect_weights(&s, 1, 1, 2);
    expect_weights(&s, 2, 1, 0);
    CHECK_OK(loss_schedule_parse(NULL, run, false, &s, &err));
    expect_weights(&s, 9, 1, 2);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"", "expected EPOCH:COARSE:FINE"},
        {"1", "expected EPOCH:COARSE:FINE"},
        {"1:1", "expected EPOCH:COARSE:FINE"},
        {"1:1:1:1", "expected EPOCH:COARSE:FINE"},
        {"1:1:1,", "expected EPOCH:COARSE:FINE"},
        {"1:1:1;2:1:1", "expected EPOCH:COARSE:FINE"},
        {"0:1:1", "found '0:1:1'"},
        {"-1:1:1", "found '-1:1:1'"},
        {"1:1:1,2:-1:1", "found '2:-1:1'"},
        {"1:1:1,2:1:nan", "found '2:1:nan'"},
        {"1:1:1,2:1:1e7", "found '2:1:1e7'"},
        {"5:1:1,5:1:2", "expected rising epochs, but 5 comes after 5"},
        {"5:1:1,2:1:2", "expected rising epochs, but 2 comes after 5"},
        {"1:1:1,2:0:0", "there is nothing to learn from epoch 2 on"},
    };
    error err;
    loss_schedule s;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_FAILS(STATUS_USAGE, bad[i][1], loss_schedule_parse(bad[i][0], run, true, &s, &err));
    CHECK_FAILS(STATUS_USAGE, "there is nothing to learn from epoch 1 on",
                loss_schedule_parse("1:1:0", run, false, &s, &err));
    char many[LOSS_SCHEDULE_STAGES * 10 + 10] = "1:1:1";
    for (int i = 2; i <= LOSS_SCHEDULE_STAGES + 1; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), ",%d:1:1", i);
    CHECK_FAILS(STATUS_USAGE, "more than 32 stages",
                loss_schedule_parse(many, run, true, &s, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_epochs),
        cmocka_unit_test(test_before),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests_name("loss schedule", tests, NULL, NULL);
}
