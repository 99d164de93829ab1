/* SPDX-License-Identifier: Apache-2.0 */
/* The self-test in a process of its own; see selftest_list.h.
 *
 * The process prints "selftest: begin" before each check and, after it, "selftest: end PASSED ERROR
 * BOUND SECONDS WHY". Other lines come from drivers and are ignored. */
#include "base/worker.h"
#include "selftest/selftest_list.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char begin_line[] = "selftest: begin", end_line[] = "selftest: end ";
enum { PATIENCE = 300, MOST_PATIENCE = 86400, FIXED_ARGUMENTS = 5 };

/* ---- In the process ---- */

static const selftest_check *find_check(const selftest_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->checks[i].name, name) == 0)
            return &list->checks[i];
    return NULL;
}

static status serve_check(device *dev, const selftest_list *list, int shapes, const char *name,
                          FILE *out, error *err)
{
    const selftest_check *check = find_check(list, name);
    verdict found;
    if (!check)
        return error_set(err, STATUS_USAGE, "the self-test has no check '%s' on %s", name,
                         dev->info.name);
    fprintf(out, "%s\n", begin_line);
    fflush(out);
    selftest_judge(dev, check, shapes, &found);
    fprintf(out, "%s%d %.9g %.9g %.9g %s\n", end_line, found.passed, found.error, found.bound,
            found.seconds, found.why);
    fflush(out);
    return STATUS_OK;
}

status selftest_serve(device *dev, int shapes, char *const names[], int count, FILE *out,
                      error *err)
{
    selftest_list list;
    convolver c;
    TRY(convolver_open(dev, &c, err));
    status result = convolver_prepare_gemm(&c, err);
    convolver_close(&c);
    TRY(result);
    TRY(selftest_list_all(dev, &list, err));
    for (int i = 0; i < count && result == STATUS_OK; i++)
        result = serve_check(dev, &list, shapes, names[i], out, err);
    selftest_list_free(&list);
    return result;
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
    worker_patience patience;
    size_t at;   /* the check that runs or is next */
    bool begun;  /* it has reported that this check runs */
    bool served; /* it has reported anything */
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
    s->begun = s->served = false;
    status result = worker_start((char *const *)arguments, &s->process, err);
    free(arguments);
    return result;
}

static bool read_end(const char *line, verdict *found)
{
    int passed, used = 0;
    /* NOLINTNEXTLINE(cert-err34-c): selftest_serve writes these. */
    if (sscanf(line, "%d %lf %lf %lf %n", &passed, &found->error, &found->bound, &found->seconds,
               &used) != 4)
        return false;
    found->passed = passed;
    snprintf(found->why, sizeof found->why, "%s", line + used);
    return true;
}

/* Takes a line of the process. */
static status take_line(session *s, error *err)
{
    const char *line = s->process.line;
    verdict found;
    if (strcmp(line, begin_line) == 0)
        s->begun = s->served = true;
    if (!s->begun || strncmp(line, end_line, strlen(end_line)) != 0 ||
        !read_end(line + strlen(end_line), &found))
        return STATUS_OK;
    s->begun = false;
    return selftest_record(s->work, s->at++, &found, err);
}

/* Reads what the process reports until it ends, hangs or is stopped. */
static status listen(session *s, enum worker_event *last, error *err)
{
    status result = STATUS_OK;
    *last = WORKER_SAID;
    while (*last == WORKER_SAID && s->at < s->work->list->count && result == STATUS_OK) {
        *last = worker_wait(&s->process, s->patience);
        if (*last == WORKER_SAID)
            result = take_line(s, err);
    }
    return result;
}

/* A process ended before its checks did: the check that ran has failed. */
static status blame(session *s, enum worker_event last, int code, error *err)
{
    verdict found = {.error = NAN, .bound = NAN};
    if (last == WORKER_LATE)
        snprintf(found.why, sizeof found.why, "the driver did not finish it within %.0f seconds",
                 s->patience.seconds);
    else
        worker_describe(code, found.why, sizeof found.why);
    if (!s->served)
        return error_set(err, STATUS_FAILED,
                         "the self-test cannot run on %s (driver %s): %s; choose another device, "
                         "or add --no-selftest to run all the same",
                         s->work->dev->info.name, s->work->dev->info.driver, found.why);
    return selftest_record(s->work, s->at++, &found, err);
}

static status run_session(session *s, const char *program, error *err)
{
    enum worker_event last;
    int code = 0;
    TRY(start(s, program, err));
    status result = listen(s, &last, err);
    worker_patience rest = s->patience;
    if (last == WORKER_LATE || last == WORKER_STOPPED || result != STATUS_OK)
        rest.seconds = 0;
    worker_end(&s->process, rest, &code);
    TRY(result);
    if (last == WORKER_STOPPED)
        return error_set(err, STATUS_INTERRUPTED, "the self-test was stopped");
    return s->at < s->work->list->count ? blame(s, last, code, err) : STATUS_OK;
}

status selftest_run_apart(const selftest_work *w, const char *program, error *err)
{
    session s = {.work = w, .patience = {.stop = w->observer->stop}};
    TRY(read_patience(&s.patience.seconds, err));
    while (s.at < w->list->count)
        TRY(run_session(&s, program, err));
    return STATUS_OK;
}
