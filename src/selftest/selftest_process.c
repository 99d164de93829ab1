/* SPDX-License-Identifier: Apache-2.0 */
/* The self-test in a process of its own; see selftest_list.h.
 *
 * The process prints "selftest: begin I" before its check number I, from 0, and after it "selftest:
 * end I PASSED SUSPECTED ERROR BOUND SECONDS WHY". It then ends if the device no longer works, and
 * its parent starts another for the checks that are left. If it cannot do its work it prints
 * "selftest: error MESSAGE". Each of these begins on a new line; everything else comes from drivers
 * and is ignored. */
#include "base/clock.h"
#include "base/worker.h"
#include "selftest/selftest_list.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static const char mark[] = "selftest: ";
enum {
    PATIENCE = 300, /* seconds for a check */
    MOST_PATIENCE = 86400,
    LAST_SECONDS = 5, /* for the end of a process that has reported everything */
    FIXED_ARGUMENTS = 5,
};

/* ---- In the process ---- */

static const selftest_check *find_check(const selftest_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->checks[i].name, name) == 0)
            return &list->checks[i];
    return NULL;
}

static status serve_check(device *dev, const selftest_check *check, int number, int shapes,
                          FILE *out, bool *works, error *err)
{
    verdict found;
    fprintf(out, "\n%sbegin %d\n", mark, number);
    fflush(out);
    TRY(selftest_judge(dev, check, shapes, &found, works, err));
    fprintf(out, "\n%send %d %d %d %.9g %.9g %.9g %s\n", mark, number, found.passed,
            found.suspected, found.error, found.bound, found.seconds, found.why);
    fflush(out);
    return STATUS_OK;
}

static status serve_all(device *dev, int shapes, char *const names[], int count, FILE *out,
                        error *err)
{
    selftest_list list;
    bool works = true;
    TRY(selftest_list_all(dev, &list, err));
    status result = STATUS_OK;
    for (int i = 0; i < count && works && result == STATUS_OK; i++) {
        const selftest_check *check = find_check(&list, names[i]);
        result = check ? serve_check(dev, check, i, shapes, out, &works, err)
                       : error_set(err, STATUS_USAGE, "the self-test has no check '%s' on %s",
                                   names[i], dev->info.name);
    }
    selftest_list_free(&list);
    return result;
}

status selftest_serve(device *dev, int shapes, char *const names[], int count, FILE *out,
                      error *err)
{
    convolver c;
    TRY(convolver_open_plain(dev, &c, err));
    status result = convolver_prepare_gemm(&c, err);
    convolver_close(&c);
    return result == STATUS_OK ? serve_all(dev, shapes, names, count, out, err) : result;
}

void selftest_serve_error(const error *err, FILE *out)
{
    fprintf(out, "\n%serror %.*s\n", mark, (int)strcspn(err->message, "\n"), err->message);
}

/* ---- In its parent ---- */

/* Seconds without an answer after which a check has failed. */
static status read_patience(double *seconds, error *err)
{
    const char *asked = getenv("HCNN_SELFTEST_SECONDS");
    char *end = NULL;
    *seconds = PATIENCE;
    if (!asked || !*asked)
        return STATUS_OK;
    long value = strtol(asked, &end, 10);
    *seconds = (double)value;
    return *end == '\0' && value >= 1 && value <= MOST_PATIENCE
               ? STATUS_OK
               : error_set(err, STATUS_USAGE,
                           "HCNN_SELFTEST_SECONDS=%s: expected a number from 1 to %d", asked,
                           MOST_PATIENCE);
}

/* A process and where it is. */
typedef struct session {
    const selftest_work *work;
    worker process;
    double patience;          /* seconds for a check */
    double deadline;          /* of the check that runs, in the time of clock_now */
    size_t first, at;         /* check 0 of this process, and the check that runs or is next */
    bool begun;               /* it has reported that check `at` runs */
    char why[ERROR_CAPACITY]; /* why it cannot do its work; "": it has not said so */
} session;

static status start(session *s, const char *program, error *err)
{
    const selftest_work *w = s->work;
    const device_info *info = &w->dev->info;
    char place[32], shapes[16];
    snprintf(place, sizeof place, "%d:%d", info->platform_index, info->device_index);
    snprintf(shapes, sizeof shapes, "%d", w->shapes);
    const char *fixed[FIXED_ARGUMENTS] = {program, "selftest-checks", place,
                                          word_list_at(&precision_words, w->dev->precision),
                                          shapes};
    const char **arguments = calloc(FIXED_ARGUMENTS + w->list->count + 1, sizeof *arguments);
    TRY(got_memory(arguments, err, program));
    memcpy(arguments, fixed, sizeof fixed);
    for (size_t i = s->at; i < w->list->count; i++)
        arguments[FIXED_ARGUMENTS + i - s->at] = w->list->checks[i].name;
    s->first = s->at;
    s->begun = false;
    s->why[0] = '\0';
    s->deadline = clock_now() + s->patience;
    status result = worker_start((char *const *)arguments, &s->process, err);
    free(arguments);
    return result;
}

/* The check that a line "WORD NUMBER ..." is about, with what follows the number; false if the line
 * has another word. */
static bool read_number(const char *line, const char *word, size_t *number, const char **rest)
{
    size_t length = strlen(word);
    char *end;
    if (strncmp(line, word, length) != 0)
        return false;
    *number = strtoul(line + length, &end, 10);
    *rest = end;
    return end != line + length;
}

static bool read_end(const char *text, verdict *found)
{
    int passed, suspected, used = 0;
    /* NOLINTNEXTLINE(cert-err34-c): serve_check writes these. */
    if (sscanf(text, "%d %d %lf %lf %lf %n", &passed, &suspected, &found->error, &found->bound,
               &found->seconds, &used) != 5)
        return false;
    found->passed = passed;
    found->suspected = suspected;
    snprintf(found->why, sizeof found->why, "%s", text + used);
    return true;
}

/* Takes a line of the process. */
static status take_line(session *s, error *err)
{
    static const char failed[] = "error ";
    const char *line = s->process.line, *rest;
    verdict found = {0};
    size_t number;
    if (strncmp(line, mark, strlen(mark)) != 0)
        return STATUS_OK;
    line += strlen(mark);
    if (strncmp(line, failed, strlen(failed)) == 0)
        snprintf(s->why, sizeof s->why, "%s", line + strlen(failed));
    if (read_number(line, "begin ", &number, &rest) && s->first + number == s->at)
        s->begun = true;
    if (!read_number(line, "end ", &number, &rest) || s->first + number != s->at || !s->begun ||
        !read_end(rest, &found))
        return STATUS_OK;
    s->begun = false;
    s->deadline = clock_now() - s->process.stood + s->patience;
    return selftest_record(s->work, s->at++, &found, err);
}

/* Reads what the process reports until it ends, hangs or is stopped. */
static status listen(session *s, enum worker_event *last, error *err)
{
    status result = STATUS_OK;
    *last = WORKER_SAID;
    while (*last == WORKER_SAID && s->at < s->work->list->count && result == STATUS_OK) {
        const double left = s->deadline + s->process.stood - clock_now();
        *last = worker_wait(&s->process,
                            (worker_patience){left > 0 ? left : 0, s->work->observer->stop});
        if (*last == WORKER_SAID)
            result = take_line(s, err);
    }
    return result;
}

static bool was_stopped(const session *s, enum worker_event last, int code)
{
    const volatile sig_atomic_t *stop = s->work->observer->stop;
    const int by = WIFSIGNALED(code) ? WTERMSIG(code) : 0;
    return last == WORKER_STOPPED || (stop && *stop) || by == SIGINT || by == SIGTERM ||
           by == SIGHUP;
}

/* The process ended before its checks did: either it says that it cannot work, or the device no
 * longer works and the next process continues, or the check that ran has failed. */
static status blame(session *s, enum worker_event last, int code, error *err)
{
    const device_info *info = &s->work->dev->info;
    verdict found = {.error = NAN, .bound = NAN, .suspected = true};
    if (last == WORKER_LATE)
        snprintf(found.why, sizeof found.why, "the driver did not finish it within %.0f seconds",
                 s->patience);
    else
        worker_describe(code, found.why, sizeof found.why);
    if (s->begun && !s->why[0])
        return selftest_record(s->work, s->at++, &found, err);
    if (s->at > s->first && !s->why[0])
        return STATUS_OK;
    return error_set(err, STATUS_FAILED,
                     "the self-test cannot run on %s (driver %s): %s; choose another device or "
                     "driver",
                     info->name, info->driver, s->why[0] ? s->why : found.why);
}

/* The system, or a person, ends a process in this way, but no driver does. */
static bool was_killed(int code)
{
    return WIFSIGNALED(code) && (WTERMSIG(code) == SIGKILL || WTERMSIG(code) == SIGXCPU);
}

static status run_session(session *s, const char *program, error *err)
{
    enum worker_event last;
    int code = 0;
    TRY(start(s, program, err));
    status result = listen(s, &last, err);
    bool wait = result == STATUS_OK && (last == WORKER_SAID || last == WORKER_DONE);
    bool ended = worker_end(&s->process, (worker_patience){wait ? LAST_SECONDS : 0, NULL}, &code);
    TRY(result);
    if (s->at == s->work->list->count)
        return STATUS_OK;
    if (was_stopped(s, last, last == WORKER_LATE ? 0 : code))
        return error_set(err, STATUS_INTERRUPTED, "the self-test was stopped");
    if (ended && last != WORKER_LATE && was_killed(code))
        return error_set(err, STATUS_FAILED,
                         "the process of the self-test was killed by signal %d in %s, as the "
                         "system does when memory is short or `ulimit -t` is reached; free memory "
                         "or raise the limit, and start again",
                         WTERMSIG(code), s->work->list->checks[s->at].name);
    return blame(s, last, code, err);
}

status selftest_run_apart(const selftest_work *w, const char *program, error *err)
{
    session s = {.work = w};
    TRY(read_patience(&s.patience, err));
    while (s.at < w->list->count)
        TRY(run_session(&s, program, err));
    return STATUS_OK;
}
