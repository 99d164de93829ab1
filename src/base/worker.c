/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that report in lines; see worker.h. */
#include "base/worker.h"
#include "base/clock.h"
#include "base/file.h"

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

enum {
    GLANCE = 50, /* milliseconds between looks at the clock */
    NO_PROGRAM = 127,
    DEATH_SECONDS = 5, /* that a killed process may take to end */
    FIRST_FREE = 3,    /* the descriptor after standard input, output and error */
};

/* Runs in the child between fork and exec, where only some calls are safe. */
static void become(char *const arguments[], int output, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
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

/* A pipe whose second end is none of the descriptors that the child replaces. */
static bool make_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    int moved = fcntl(ends[1], F_DUPFD_CLOEXEC, FIRST_FREE);
    close(ends[1]);
    ends[1] = moved;
    if (moved < 0)
        close(ends[0]);
    return moved >= 0;
}

status worker_start(char *const arguments[], worker *started, error *err)
{
    int ends[2];
    pid_t parent = getpid();
    *started = (worker){.output = -1};
    if (!make_pipe(ends))
        return file_error(err, arguments[0], "a pipe to it cannot be created");
    pid_t process = fork();
    int reason = errno;
    if (process == 0)
        become(arguments, ends[1], parent);
    close(ends[1]);
    if (process < 0) {
        close(ends[0]);
        return error_start(err, arguments[0], reason);
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

/* Whether the process has ended; what it started may still hold its output. It can still be waited
 * for. */
static bool has_ended(const worker *w)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)w->process, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == w->process;
}

/* Reads what is there, after at most a GLANCE. False: there will be nothing more. */
static bool receive(worker *w)
{
    struct pollfd ready = {.fd = w->output, .events = POLLIN};
    bool ended = has_ended(w);
    if (poll(&ready, 1, GLANCE) <= 0)
        return !ended;
    ssize_t got = read(w->output, w->received + w->used, sizeof w->received - w->used);
    w->used += got > 0 ? (size_t)got : 0;
    return got > 0 || (got < 0 && errno == EINTR);
}

enum worker_event worker_wait(worker *w, worker_patience patience)
{
    double looked = clock_now(), until = looked + patience.seconds;
    while (may_wait(patience, until)) {
        if (take_line(w))
            return WORKER_SAID;
        if (!receive(w))
            return take_line(w) ? WORKER_SAID : WORKER_DONE;
        const double stood = clock_stood(&looked);
        until += stood;
        w->stood += stood;
    }
    return patience.stop && *patience.stop ? WORKER_STOPPED : WORKER_LATE;
}

/* Waits for the end and drops the output, so that a last word of the process does not end it by
 * SIGPIPE. False: it took too long. */
static bool await_end(worker *w, worker_patience patience, int *code)
{
    double until = clock_now() + patience.seconds;
    bool open = true;
    for (;;) {
        pid_t ended = waitpid(w->process, code, WNOHANG);
        if (ended != 0 && !(ended < 0 && errno == EINTR))
            return true;
        if (!may_wait(patience, until))
            return false;
        w->used = 0;
        if (open)
            open = receive(w);
        else
            nanosleep(&(struct timespec){.tv_nsec = GLANCE * 100000L}, NULL);
    }
}

bool worker_end(worker *w, worker_patience patience, int *code)
{
    bool ended = await_end(w, patience, code);
    if (!ended) {
        kill(w->process, SIGKILL);
        *code = SIGKILL;
        await_end(w, (worker_patience){DEATH_SECONDS, NULL}, code);
    }
    if (WIFSIGNALED(*code))
        kill(-w->process, SIGKILL); /* what it started, such as a compiler */
    close(w->output);
    w->output = -1;
    return ended;
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
