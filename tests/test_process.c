/* SPDX-License-Identifier: Apache-2.0 */
/* process.c: which process a name means, and whether that process is alive. */
#include "base/process.h"
#include "check.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static bool lives(const process_name *p)
{
    return process_lives(p->id, p->began);
}

static void test_this(void **state)
{
    (void)state;
    process_name here = process_this(), again = process_this();
    assert_int_equal(here.id, getpid());
    assert_true(*here.began);
    assert_int_equal(strspn(here.began, "0123456789"), strlen(here.began));
    assert_string_equal(here.began, again.began);
    assert_true(lives(&here));
}

/* The same process id with another start time is another process. */
static void test_another_start(void **state)
{
    (void)state;
    process_name p = process_this();
    p.began[0] = p.began[0] == '9' ? '8' : '9';
    assert_false(lives(&p));
}

/* If the start time is unknown, the process id alone decides. */
static void test_unknown_start(void **state)
{
    (void)state;
    process_name p = process_this();
    p.began[0] = '\0';
    assert_true(lives(&p));
}

/* Starts a process that reports its name and then waits or exits. */
static pid_t start_child(process_name *child, bool waits)
{
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t id = fork();
    assert_true(id >= 0);
    if (id == 0) {
        process_name own = process_this();
        bool told = write(ready[1], &own, sizeof own) == sizeof own;
        while (told && waits)
            pause();
        _exit(0);
    }
    assert_int_equal(read(ready[0], child, sizeof *child), sizeof *child);
    close(ready[0]);
    close(ready[1]);
    assert_int_equal(child->id, id);
    return id;
}

static void test_child(void **state)
{
    (void)state;
    process_name child;
    pid_t id = start_child(&child, true);
    assert_true(lives(&child));
    assert_int_equal(kill(id, SIGKILL), 0);
    assert_int_equal(waitpid(id, NULL, 0), id);
    assert_false(lives(&child));
    child.began[0] = '\0';
    assert_false(lives(&child));
}

/* A process that has exited but was not yet waited for counts as dead. */
static void test_zombie(void **state)
{
    (void)state;
    siginfo_t info;
    process_name child;
    pid_t id = start_child(&child, false);
    assert_int_equal(waitid(P_PID, (id_t)id, &info, WEXITED | WNOWAIT), 0);
    assert_false(lives(&child));
    assert_int_equal(waitpid(id, NULL, 0), id);
}

static void test_invalid_names(void **state)
{
    (void)state;
    process_name p = process_this();
    assert_false(process_lives(p.id, NULL));
    assert_false(process_lives(0, p.began));
    assert_false(process_lives(-1, "")); /* for kill, -1 means every process */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_this),          cmocka_unit_test(test_another_start),
        cmocka_unit_test(test_unknown_start), cmocka_unit_test(test_child),
        cmocka_unit_test(test_zombie),        cmocka_unit_test(test_invalid_names),
    };
    return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
