/* SPDX-License-Identifier: Apache-2.0 */
/* worker.c: lines of a process, and how it ended. */
#include "base/worker.h"
#include "check.h"

#include <string.h>
#include <sys/wait.h>

static volatile sig_atomic_t stop;
static const worker_patience patient = {30, &stop}, hasty = {0.2, &stop};

/* Starts a script of the shell. */
static worker start(const char *script)
{
    char *const arguments[] = {"/bin/sh", "-c", (char *)script, NULL};
    worker w;
    error err;
    stop = 0;
    CHECK_OK(worker_start(arguments, &w, &err));
    return w;
}

static void expect_end(worker *w, const char *how)
{
    char text[64];
    int code;
    assert_true(worker_end(w, patient, &code));
    worker_describe(code, text, sizeof text);
    assert_string_equal(text, how);
}

static void test_lines(void **state)
{
    (void)state;
    worker w = start("printf 'one\\n\\ntwo'; sleep 0.1; echo ' words'; printf rest; exit 3");
    const char *const lines[] = {"one", "", "two words"};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(worker_wait(&w, patient), WORKER_SAID);
        assert_string_equal(w.line, lines[i]);
    }
    assert_int_equal(worker_wait(&w, patient), WORKER_DONE);
    expect_end(&w, "it failed with exit code 3");
}

/* A line without end is cut, and what follows is read. */
static void test_long_line(void **state)
{
    (void)state;
    worker w = start("head -c 5000 /dev/zero | tr '\\0' x; echo; echo after");
    size_t length = 0;
    while (worker_wait(&w, patient) == WORKER_SAID && strcmp(w.line, "after") != 0)
        length += strlen(w.line) > 0;
    assert_string_equal(w.line, "after");
    assert_true(length >= 2);
    int code;
    assert_true(worker_end(&w, patient, &code));
    assert_int_equal(code, 0);
}

static void test_late(void **state)
{
    (void)state;
    worker w = start("exec sleep 60");
    int code;
    assert_int_equal(worker_wait(&w, hasty), WORKER_LATE);
    assert_false(worker_end(&w, hasty, &code));
    assert_true(WIFSIGNALED(code));
    assert_int_equal(waitpid(w.process, NULL, 0), -1); /* it is not left as a zombie */
}

static void test_stop(void **state)
{
    (void)state;
    worker w = start("exec sleep 60");
    int code;
    stop = 1;
    assert_int_equal(worker_wait(&w, patient), WORKER_STOPPED);
    assert_false(worker_end(&w, patient, &code));
}

static void test_ends(void **state)
{
    (void)state;
    worker w = start("kill -KILL $$");
    assert_int_equal(worker_wait(&w, patient), WORKER_DONE);
    expect_end(&w, "it was ended by signal 9");
    char *const missing[] = {"/nonexistent/program", NULL};
    error err;
    CHECK_OK(worker_start(missing, &w, &err));
    assert_int_equal(worker_wait(&w, patient), WORKER_DONE);
    expect_end(&w, "its program could not be started");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines), cmocka_unit_test(test_long_line), cmocka_unit_test(test_late),
        cmocka_unit_test(test_stop),  cmocka_unit_test(test_ends),
    };
    return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
