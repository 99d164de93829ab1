/* SPDX-License-Identifier: Apache-2.0 */
/* The parent process of a rank; see guard.h. */
#include "mpi/guard.h"
#include "base/error.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
enum { PASSED_ON = sizeof passed_on / sizeof passed_on[0] };

static sigset_t passed_set(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < PASSED_ON; i++)
        sigaddset(&set, passed_on[i]);
    sigaddset(&set, SIGCHLD);
    return set;
}

static void become_child(const sigset_t *usual, pid_t parent)
{
    /* Some launchers signal groups of processes, but each signal should arrive once, from the
     * parent. If two arrive at once, LLVM, which PoCL compiles with, lets the second kill the
     * process. */
    setpgid(0, 0);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(STATUS_FAILED);
#else
    (void)parent;
#endif
    sigprocmask(SIG_SETMASK, usual, NULL);
}

/* asked: a signal asked for the end, so no message is needed. */
static void end_as(int status, pid_t child, bool asked)
{
    if (WIFEXITED(status))
        _exit(WEXITSTATUS(status));
    if (asked)
        _exit(STATUS_FAILED);
    int number = WTERMSIG(status);
    fprintf(
        stderr,
        "hcnn-cl: process %ld, one of the ranks, was ended by signal %d (%s), so this training "
        "ends. Its last checkpoint is whole; continue from it with hcnn-cl train --resume RUN\n",
        (long)child, number, strsignal(number));
    fflush(stderr);
    _exit(STATUS_FAILED);
}

/* Waits for the child and passes signals on. The signals are blocked and arrive one by one. */
static void watch_over(pid_t child, const sigset_t *signals)
{
    for (bool asked = false;;) {
        int status, number = 0;
        pid_t ended = waitpid(child, &status, WNOHANG);
        if (ended == child)
            end_as(status, child, asked);
        if (ended < 0 && errno == ECHILD)
            _exit(STATUS_FAILED);
        if (sigwait(signals, &number) != 0 || number == SIGCHLD)
            continue;
        kill(child, number);
        asked = true;
    }
}

void guard_process(void)
{
    sigset_t usual;
    const sigset_t signals = passed_set();
    pid_t parent = getpid();
    fflush(NULL);
    signal(SIGCHLD, SIG_DFL); /* if ignored, the child's end would be missed */
    sigprocmask(SIG_BLOCK, &signals, &usual);
    pid_t child = fork();
    if (child > 0)
        watch_over(child, &signals);
    if (child == 0)
        become_child(&usual, parent);
    else
        sigprocmask(SIG_SETMASK, &usual, NULL);
}
