/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that report in lines; see worker.h. */
#include "base/worker.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

enum { GLANCE = 50, NO_PROGRAM = 127 }; /* GLANCE: milliseconds between looks at the clock */

/* Runs in the child between fork and exec, where only some calls are safe. */
static void become(char *const arguments[], int output, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(NO_PROGRAM);
#else
    (void)parent;
#endif
    int nothing = open("/dev/null", O_RDWR);
    if (nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0 &&
        dup2(nothing, STDERR_FILENO) >= 0)
        execv(arguments[0], arguments);
    _exit(NO_PROGRAM);
}

status worker_start(char *const arguments[], worker *started, error *err)
{
    int ends[2];
    pid_t parent = getpid();
    *started = (worker){.output = -1};
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set(err, STATUS_FAILED, "a pipe to %s cannot be created: %s", arguments[0],
                         strerror(errno));
    pid_t process = fork();
    int reason = errno;
    if (process == 0)
        become(arguments, ends[1], parent);
    close(ends[1]);
    if (process < 0) {
        close(ends[0]);
        return error_set(err, STATUS_FAILED, "%s cannot be started: %s", arguments[0],
                         strerror(reason));
    }
    started->process = process;
    started->output = ends[0];
    return STATUS_OK;
}

static bool may_wait(worker_patience p, double until)
{
    return clock_now() < until && !(p.stop && *p.stop);
}

/* Moves the first whole line, or all that was received if there is no room for more, into
 * w->line. */
static bool take_line(worker *w)
{
    const char *end = memchr(w->received, '\n', w->used);
    if (!end && w->used < sizeof w->received)
        return false;
    size_t length = end ? (size_t)(end - w->received) : w->used, skip = length + (end != NULL);
    snprintf(w->line, sizeof w->line, "%.*s", (int)length, w->received);
    memmove(w->received, w->received + skip, w->used - skip);
    w->used -= skip;
    return true;
}

enum worker_event worker_wait(worker *w, worker_patience patience)
{
    double until = clock_now() + patience.seconds;
    struct pollfd ready = {.fd = w->output, .events = POLLIN};
    while (!take_line(w)) {
        if (!may_wait(patience, until))
            return patience.stop && *patience.stop ? WORKER_STOPPED : WORKER_LATE;
        if (poll(&ready, 1, GLANCE) <= 0)
            continue;
        ssize_t got = read(w->output, w->received + w->used, sizeof w->received - w->used);
        if (got == 0 || (got < 0 && errno != EINTR))
            return WORKER_DONE;
        w->used += got > 0 ? (size_t)got : 0;
    }
    return WORKER_SAID;
}

bool worker_end(worker *w, worker_patience patience, int *code)
{
    double until = clock_now() + patience.seconds;
    pid_t ended;
    if (w->output >= 0)
        close(w->output);
    w->output = -1;
    while ((ended = waitpid(w->process, code, WNOHANG)) == 0 && may_wait(patience, until))
        nanosleep(&(struct timespec){.tv_nsec = GLANCE * 100000L}, NULL);
    if (ended != 0)
        return true;
    kill(w->process, SIGKILL);
    while (waitpid(w->process, code, 0) < 0 && errno == EINTR)
        ;
    return false;
}

void worker_describe(int code, char *text, size_t capacity)
{
    if (WIFSIGNALED(code))
        snprintf(text, capacity, "it was ended by signal %d", WTERMSIG(code));
    else if (WEXITSTATUS(code) == NO_PROGRAM)
        snprintf(text, capacity, "its program could not be started");
    else
        snprintf(text, capacity, "it failed with exit code %d", WEXITSTATUS(code));
}
