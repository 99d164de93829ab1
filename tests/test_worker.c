/* SPDX-License-Identifier: Apache-2.0 */
/* worker.c: lines of a process, and how it ended. */
#include "base/worker.h"
#include "check.h"

#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

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

/* A compiler that outlives the process holds its output, and ends with it. */
static void test_orphan(void **state)
{
    (void)state;
    worker w = start("sleep 60 & echo $!; kill -KILL $$");
    assert_int_equal(worker_wait(&w, patient), WORKER_SAID);
    pid_t orphan = (pid_t)strtol(w.line, NULL, 10);
    assert_int_equal(worker_wait(&w, patient), WORKER_DONE);
    expect_end(&w, "it was ended by signal 9");
    char path[64], program[64];
    ssize_t runs = 1;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)orphan);
    for (int i = 0; i < 100 && runs > 0; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        runs = readlink(path, program, sizeof program); /* fails for a zombie */
    }
    assert_int_equal(runs, -1);
}

/* What it prints at its end does not end it by SIGPIPE. */
static void test_last_words(void **state)
{
    (void)state;
    worker w = start("echo answer; sleep 0.2; head -c 200000 /dev/zero; exit 4");
    assert_int_equal(worker_wait(&w, patient), WORKER_SAID);
    expect_end(&w, "it failed with exit code 4");
}

/* The pipe is not among the descriptors that are replaced, even if these are closed here. */
static void test_closed_input(void **state)
{
    (void)state;
    int kept = dup(STDIN_FILENO), code;
    close(STDIN_FILENO);
    worker w = start("echo one; cat");
    assert_int_equal(worker_wait(&w, patient), WORKER_SAID);
    assert_string_equal(w.line, "one");
    assert_int_equal(worker_wait(&w, patient), WORKER_DONE);
    assert_true(worker_end(&w, patient, &code));
    dup2(kept, STDIN_FILENO);
    close(kept);
    assert_int_equal(code, 0);
}

/* The worker stops this process for longer than its patience, as Ctrl-Z does, once it sleeps
 * because it waits. A process of its own is stopped, because what started the test may watch for
 * that. */
static void test_stood_still(void **state)
{
    (void)state;
    int code;
    pid_t waiting = fork();
    if (waiting == 0) {
        const worker_patience less = {2.5, &stop};
        worker w = start("until grep -q '^State:.*sleeping' /proc/$PPID/status; do :; done;"
                         "kill -STOP $PPID; sleep 3; kill -CONT $PPID; sleep 0.3; echo back");
        _exit(worker_wait(&w, less) == WORKER_SAID && w.stood > 2 && w.stood < 30 &&
                      worker_end(&w, patient, &code)
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(waiting, &code, 0), waiting);
    assert_int_equal(code, 0);
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
        cmocka_unit_test(test_lines),        cmocka_unit_test(test_long_line),
        cmocka_unit_test(test_late),         cmocka_unit_test(test_stop),
        cmocka_unit_test(test_orphan),       cmocka_unit_test(test_last_words),
        cmocka_unit_test(test_closed_input), cmocka_unit_test(test_ends),
        cmocka_unit_test(test_stood_still),
    };
    return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
