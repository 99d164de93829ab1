/* SPDX-License-Identifier: Apache-2.0 */
/* child.c: how the process of a run is started, and how it ends. */
#include "base/file.h"
#include "check.h"
#include "support.h"
#include "sweep/child.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LOG_BYTES = 1 << 16 };

static const char *path;

static int set_up(void **state)
{
    int result = support_files_set_up(state, "child.log");
    path = ((const support_files *)*state)->path;
    return result;
}

static int open_log(void)
{
    error err;
    int log;
    CHECK_OK(child_open_log(path, &log, &err));
    return log;
}

static child start(const char *script, const char *device)
{
    error err;
    char *texts[] = {"-c", (char *)script};
    const words arguments = {texts, 2};
    child c;
    int log = open_log();
    assert_true(log >= 0);
    CHECK_OK(child_start("/bin/sh", &arguments, device, log, &c, &err));
    assert_true(c.process > 0);
    child_close_log(log);
    return c;
}

static int run(const char *script, const char *device)
{
    child c = start(script, device);
    int code = child_wait(&c);
    assert_int_equal(c.process, 0);
    return code;
}

static bool logged(const char *want)
{
    error err;
    unsigned char *log;
    size_t size;
    if (!file_exists(path))
        return false;
    CHECK_OK(file_read(path, LOG_BYTES, &log, &size, &err));
    bool same = strcmp((const char *)log, want) == 0;
    free(log);
    return same;
}

static void pause_shortly(void)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    nanosleep(&pause, NULL);
}

/* Waits for the child to end, for a minute at most. Returns its exit code. */
static int end_of(child *c)
{
    int code;
    for (int i = 0; i < 6000; i++) {
        if (child_ended(c, &code))
            return code;
        pause_shortly();
    }
    fail_msg("the child did not end");
    return -1;
}

static void test_exit_codes(void **state)
{
    (void)state;
    error err;
    assert_int_equal(run("exit 0", NULL), 0);
    assert_int_equal(run("exit 130", NULL), 130);
    assert_int_equal(run("kill -KILL $$", NULL), 128 + SIGKILL);
    child c = start("exit 7", NULL);
    assert_int_equal(end_of(&c), 7);
    assert_int_equal(c.process, 0);
    const words none = {0};
    int log = open_log();
    CHECK_OK(child_start("/no/such/program", &none, NULL, log, &c, &err));
    child_close_log(log);
    assert_int_equal(child_wait(&c), 127);
    CHECK_FAILS(STATUS_FAILED, "/no/such/log", child_open_log("/no/such/log", &log, &err));
    assert_int_equal(c.process, 0);
}

/* Both output streams are appended to the log; standard input is empty. */
static void test_log(void **state)
{
    (void)state;
    assert_int_equal(run("echo one; echo two >&2", NULL), 0);
    assert_int_equal(run("cat; echo three", NULL), 0);
    assert_true(logged("one\ntwo\nthree\n"));
}

static void test_environment(void **state)
{
    (void)state;
    const char *before = getenv("HCNN_DEVICE");
    char *kept = before ? strdup(before) : NULL;
    setenv("HCNN_DEVICE", "own", 1);
    setenv("HCNN_TEST_CHILD", "kept", 1);
    assert_int_equal(run("echo $HCNN_DEVICE $HCNN_TEST_CHILD; env | grep -c ^HCNN_DEVICE=", "0:0"),
                     0);
    assert_int_equal(run("echo $HCNN_DEVICE", NULL), 0);
    assert_true(logged("0:0 kept\n1\nown\n"));
    if (kept)
        setenv("HCNN_DEVICE", kept, 1);
    else
        unsetenv("HCNN_DEVICE");
    free(kept);
}

/* The child can be stopped even if this process ignores or blocks the signal. */
static void test_stop(void **state)
{
    (void)state;
    sigset_t term, before;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, &before);
    void (*handler)(int) = signal(SIGTERM, SIG_IGN);
    child c = start("exec sleep 60", NULL);
    signal(SIGTERM, handler);
    sigprocmask(SIG_SETMASK, &before, NULL);
    int code;
    assert_false(child_ended(&c, &code));
    pause_shortly();
    pause_shortly();
    child_stop(&c);
    assert_int_equal(end_of(&c), 128 + SIGTERM);
}

/* The child holds the lock from its start to its end; then the lock is free. */
static void test_lock(void **state)
{
    (void)state;
    child c = start("exec sleep 60", NULL);
    assert_int_equal(open_log(), -1);
    child_stop(&c);
    child_wait(&c);
    int log = open_log();
    assert_true(log >= 0);
    assert_int_equal(open_log(), -1);
    child_close_log(log);
}

static void test_name(void **state)
{
    (void)state;
    assert_int_equal(run("echo $0", NULL), 0);
    assert_true(logged("hcnn-cl\n"));
}

/* If SIGCHLD is ignored, the kernel forgets a child as soon as it ends. */
static void test_ignored_sigchld(void **state)
{
    (void)state;
    void (*handler)(int) = signal(SIGCHLD, SIG_IGN);
    child ended = start("exit 3", NULL);
    int code = end_of(&ended);
    int waited = run("exit 3", NULL);
    signal(SIGCHLD, handler);
    assert_int_equal(code, CHILD_LOST);
    assert_int_equal(waited, CHILD_LOST);
}

#ifdef __linux__
/* When the parent is killed, the child gets a signal, reports it and ends. */
static void test_orphan(void **state)
{
    (void)state;
    pid_t parent = fork();
    if (parent == 0) {
        child c =
            start("trap 'echo asked; exit' TERM; echo ready; while :; do sleep 0.05; done", NULL);
        child_wait(&c);
        _exit(0);
    }
    bool killed = false, asked = false;
    for (int i = 0; i < 2000 && !asked; i++) {
        pause_shortly();
        if (!killed && logged("ready\n"))
            killed = kill(parent, SIGKILL) == 0;
        asked = logged("ready\nasked\n");
    }
    waitpid(parent, NULL, 0);
    assert_true(killed && asked);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_exit_codes, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_log, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_environment, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_stop, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_lock, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_name, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_ignored_sigchld, set_up, support_files_tear_down),
#ifdef __linux__
        cmocka_unit_test_setup_teardown(test_orphan, set_up, support_files_tear_down),
#endif
    };
    return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
