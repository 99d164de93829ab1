/* SPDX-License-Identifier: Apache-2.0 */
/* See child.h. */
#include "sweep/child.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

enum { NO_PROGRAM = 127, MESSAGE_BYTES = 8192 };

static const char shown_name[] = "hcnn-cl"; /* what lists of processes show */

/* Runs in the child between fork and exec, where only some calls are safe. */
static void become(const char *program, char *const *arguments, char *const *environment, int log,
                   pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0); /* Ctrl-C in a terminal must reach the agent alone, which decides who ends */
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(NO_PROGRAM);
#else
    (void)parent;
#endif
    int nothing = open("/dev/null", O_RDONLY);
    if (nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0 && dup2(log, STDOUT_FILENO) >= 0 &&
        dup2(log, STDERR_FILENO) >= 0)
        execve(program, arguments, environment);
    _exit(NO_PROGRAM);
}

/* This process's environment with `entry` in place of its HCNN_DEVICE; unchanged if entry is NULL.
 * The caller frees the array, but not the texts. */
static char **environment_with(char *entry)
{
    extern char **environ;
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    char **made = calloc(count + 2, sizeof *made);
    for (size_t i = 0; made && i < count; i++)
        if (!entry || strncmp(environ[i], "HCNN_DEVICE=", strlen("HCNN_DEVICE=")) != 0)
            made[kept++] = environ[i];
    if (made)
        made[kept] = entry;
    return made;
}

static char **arguments_of(const words *given)
{
    char **made = calloc(given->count + 2, sizeof *made);
    if (!made)
        return NULL;
    made[0] = (char *)shown_name;
    for (size_t i = 0; i < given->count; i++)
        made[i + 1] = given->texts[i];
    return made;
}

status child_open_log(const char *path, int *log, error *err)
{
    *log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (*log < 0)
        return file_write_error(err, path, errno);
    if (flock(*log, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
        return STATUS_OK; /* a file system without locks has none to wait for */
    close(*log);
    *log = -1;
    return STATUS_OK;
}

void child_close_log(int log)
{
    if (log >= 0)
        close(log);
}

status child_start(const char *program, const words *given, const char *device, int log,
                   child *started, error *err)
{
    char entry[512];
    snprintf(entry, sizeof entry, "HCNN_DEVICE=%s", device ? device : "");
    char **arguments = arguments_of(given), **environment = environment_with(device ? entry : NULL);
    pid_t parent = getpid();
    status result;
    *started = (child){0};
    TRY_OR_DONE(got_memory(arguments && environment, err, program));
    pid_t process = fork();
    if (process == 0)
        become(program, arguments, environment, log, parent);
    if (process < 0)
        TRY_OR_DONE(error_start(err, "a training run", errno));
    started->process = process;
done:
    free(arguments);
    free(environment);
    return result;
}

static int code_of(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool child_ended(child *c, int *code)
{
    int status;
    pid_t ended = waitpid(c->process, &status, WNOHANG);
    if (ended != c->process && !(ended < 0 && errno == ECHILD))
        return false;
    *code = ended == c->process ? code_of(status) : CHILD_LOST;
    c->process = 0;
    return true;
}

void child_stop(const child *c)
{
    if (c->process != 0)
        kill(c->process, SIGTERM);
}

int child_wait(child *c)
{
    int status = 0;
    pid_t ended = -1;
    while (c->process != 0 && (ended = waitpid(c->process, &status, 0)) < 0 && errno == EINTR)
        ;
    c->process = 0;
    return ended < 0 ? CHILD_LOST : code_of(status);
}

char *child_last_words(const char *log)
{
    static const char mark[] = "hcnn-cl: ";
    char line[MESSAGE_BYTES];
    char *found = NULL;
    FILE *file = fopen(log, "rb");
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, mark, strlen(mark)) != 0)
            continue;
        free(found);
        line[strcspn(line, "\n")] = '\0';
        found = strdup(line + strlen(mark));
    }
    if (file)
        fclose(file);
    return found;
}
