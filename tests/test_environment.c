/* SPDX-License-Identifier: Apache-2.0 */
/* Switches in environment variables (base/environment.c). */
#include "base/environment.h"
#include "check.h"

static const char name[] = "HCNN_TEST_SWITCH";

/* Reads the variable with both values of `otherwise`. */
static void expect_flags(bool if_false, bool if_true)
{
    error err;
    bool value;
    CHECK_OK(environment_flag(name, false, &value, &err));
    assert_int_equal(value, if_false);
    CHECK_OK(environment_flag(name, true, &value, &err));
    assert_int_equal(value, if_true);
}

static void test_values(void **state)
{
    (void)state;
    unsetenv(name);
    expect_flags(false, true);
    setenv(name, "", true);
    expect_flags(false, true);
    setenv(name, "0", true);
    expect_flags(false, false);
    setenv(name, "1", true);
    expect_flags(true, true);
    unsetenv(name);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"2", "yes", "01", "10", " 1", "true"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        for (int otherwise = 0; otherwise < 2; otherwise++) {
            error err;
            char message[100];
            bool value = !otherwise;
            setenv(name, wrong[i], true);
            snprintf(message, sizeof message, "HCNN_TEST_SWITCH=%s: expected 0 or 1", wrong[i]);
            CHECK_FAILS(STATUS_USAGE, message,
                        environment_flag(name, otherwise != 0, &value, &err));
            assert_int_equal(value, otherwise);
        }
    unsetenv(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests_name("environment", tests, NULL, NULL);
}
