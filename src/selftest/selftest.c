/* SPDX-License-Identifier: Apache-2.0 */
/* Which checks there are, and which a network needs; see selftest.h. */
#include "selftest/selftest.h"
#include "base/array.h"
#include "base/clock.h"
#include "base/environment.h"
#include "device/cache.h"
#include "device/driver_hints.h"
#include "ops/convolver.h"
#include "selftest/convolution_checks.h"
#include "selftest/selftest_list.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
    QUICK_SHAPES = 1,
    ALL_SHAPES = 16,
    FEW_FILES = 64, /* open files that may be too few for a driver and its compiler */
};

/* ---- The list of checks ---- */

static status append(selftest_list *list, const selftest_check *check, error *err)
{
    TRY(array_grow(&list->checks, list->count, sizeof *list->checks, "the list of checks", err));
    list->checks[list->count++] = *check;
    return STATUS_OK;
}

static status append_operations(const device *dev, selftest_list *list, error *err)
{
    for (const operation_check *c = operation_checks; c->name; c++) {
        selftest_check check = {.operation = c};
        snprintf(check.name, sizeof check.name, "%s %s", convolver_check_precision(dev, NULL),
                 c->name);
        TRY(append(list, &check, err));
    }
    return STATUS_OK;
}

static status append_tiles(const device *dev, const convolution_algorithm *algorithm,
                           selftest_list *list, error *err)
{
    for (int tile = 0; tile <= algorithm->tile_count; tile++)
        for (int d = 0; d < CONVOLUTION_DIRECTIONS; d++) {
            selftest_check check = {.by = {algorithm, tile},
                                    .direction = (enum convolution_direction)d};
            if (!convolution_check_applies(dev, check.by, check.direction))
                continue;
            convolver_check_name(dev, check.by, check.direction, check.name);
            TRY(append(list, &check, err));
        }
    return STATUS_OK;
}

status selftest_list_all(const device *dev, selftest_list *list, error *err)
{
    *list = (selftest_list){0};
    status result = append_operations(dev, list, err);
    for (int i = 0; convolution_algorithms[i] && result == STATUS_OK; i++)
        result = append_tiles(dev, convolution_algorithms[i], list, err);
    if (result != STATUS_OK)
        selftest_list_free(list);
    return result;
}

void selftest_list_free(selftest_list *list)
{
    free(list->checks);
    *list = (selftest_list){0};
}

static bool is_chosen(const selftest_check *check, const graph *g)
{
    for (int i = 0; i < g->count; i++) {
        const node *n = &g->nodes[i];
        const convolution_choice *by = &n->choices[check->direction];
        if (graph_convolves(g, n, check->direction) && by->algorithm == check->by.algorithm &&
            by->tile == check->by.tile)
            return true;
    }
    return false;
}

static bool is_needed(const selftest_check *check, const graph *g, const network_options *o,
                      network_uses uses)
{
    return check->operation ? operation_check_needed(check->operation, g, o, uses)
                            : is_chosen(check, g);
}

/* The checks that the network needs, with the algorithms that are chosen now. */
static status list_needed(device *dev, const network_options *o, network_uses uses,
                          selftest_list *list, error *err)
{
    convolver c = {0};
    graph g = {0};
    size_t kept = 0;
    status result;
    *list = (selftest_list){0};
    TRY_OR_DONE(convolver_open(dev, &c, err));
    TRY_OR_DONE(network_choose(&c, o, &g, err));
    TRY_OR_DONE(selftest_list_all(dev, list, err));
    for (size_t i = 0; i < list->count; i++)
        if (is_needed(&list->checks[i], &g, o, uses))
            list->checks[kept++] = list->checks[i];
    list->count = kept;
done:
    graph_free(&g);
    convolver_close(&c);
    return result;
}

/* ---- Running ---- */

/* Whether the device still computes: after a fault, some drivers fail every later call. */
static bool still_works(device *dev)
{
    const uint32_t sent = 0x12345678u;
    uint32_t got = 0;
    cl_mem probe = NULL;
    error ignored;
    bool works = buffer_create(dev, sizeof sent, &probe, &ignored) == STATUS_OK &&
                 buffer_write(dev, probe, 0, &sent, sizeof sent, &ignored) == STATUS_OK &&
                 buffer_read(dev, probe, 0, &got, sizeof got, &ignored) == STATUS_OK && got == sent;
    buffer_release(&probe);
    return works;
}

/* Whether a failure says nothing about the kernels. */
static bool is_shortage(const error *fault)
{
    static const char *const signs[] = {"CL_MEM_OBJECT_ALLOCATION_FAILURE", "CL_OUT_OF_HOST_MEMORY",
                                        "out of memory"};
    if (fault->shortage)
        return true;
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
        if (strstr(fault->message, signs[i]))
            return true;
    return false;
}

status selftest_judge(device *dev, const selftest_check *check, int shapes, verdict *found,
                      bool *works, error *err)
{
    deviation d = deviation_none;
    error fault;
    double begun = clock_now();
    status result = check->operation ? operation_check_run(check->operation, dev, &d, &fault)
                                     : convolution_check_run(dev, check->by, check->direction,
                                                             shapes, &d, &fault);
    *found = (verdict){.error = d.error, .bound = d.bound, .seconds = clock_now() - begun};
    found->suspected = result != STATUS_OK;
    *works = result == STATUS_OK || still_works(dev);
    if (result != STATUS_OK && is_shortage(&fault))
        return error_set(err, STATUS_FAILED, "the self-test needs more memory for %s: %s",
                         check->name, fault.message);
    if (result != STATUS_OK)
        snprintf(found->why, sizeof found->why, "%.*s", (int)strcspn(fault.message, "\n"),
                 fault.message);
    else if (isnan(d.error))
        snprintf(found->why, sizeof found->why, "its result has a NaN, or a value is missing");
    else if (!deviation_within(&d))
        snprintf(found->why, sizeof found->why,
                 "its result is wrong by %.1e of the largest value; rounding explains %.1e",
                 d.error, d.bound);
    else
        found->passed = true;
    return STATUS_OK;
}

static bool stop_wanted(const selftest_observer *o)
{
    return o->stop && *o->stop;
}

static status run_here(const selftest_work *w, error *err)
{
    for (size_t i = 0; i < w->list->count; i++) {
        const selftest_check *check = &w->list->checks[i];
        verdict found;
        bool works;
        if (stop_wanted(w->observer))
            return error_set(err, STATUS_INTERRUPTED, "the self-test was stopped");
        TRY(selftest_judge(w->dev, check, w->shapes, &found, &works, err));
        TRY(selftest_record(w, i, &found, err));
        if (!works)
            return error_set(err, STATUS_FAILED,
                             "the device %s (driver %s) does not answer any more after %s of the "
                             "self-test failed: %s; start again, and the check is left out",
                             w->dev->info.name, w->dev->info.driver, check->name, found.why);
    }
    return STATUS_OK;
}

/* After a failure without a result: an error if this system is why the driver cannot compile. */
static status check_surroundings(const device *dev, error *err)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < FEW_FILES)
        return error_set(err, STATUS_USAGE,
                         "this process may open only %d files, which are too few for the driver of "
                         "%s; raise `ulimit -n` to %d or more",
                         (int)files.rlim_cur, dev->info.name, FEW_FILES);
    return driver_is_pocl(&dev->info) ? cache_check_pocl_room(err) : STATUS_OK;
}

status selftest_record(const selftest_work *w, size_t i, const verdict *found, error *err)
{
    const selftest_observer *o = w->observer;
    const char *name = w->list->checks[i].name;
    const operation_check *operation = w->list->checks[i].operation;
    verdict kept = *found, before = {.passed = true};
    if (found->suspected)
        TRY(check_surroundings(w->dev, err));
    kept.required = operation && strcmp(operation->name, "gemm") != 0;
    kept.shapes = w->shapes;
    verdicts_find(w->dev->verdicts, name, &before);
    /* A shape that passes does not excuse another that failed. */
    if (before.passed || !kept.passed || before.shapes <= kept.shapes)
        TRY(verdicts_put(w->dev->verdicts, name, &kept, err));
    if (o->progress)
        o->progress(o->context, "testing the device", i + 1, w->list->count);
    if (o->checked)
        o->checked(o->context, name, found);
    return STATUS_OK;
}

/* Runs the checks and remembers the verdicts. Without a cache directory they last as long as the
 * device is open. What is wrong with the whole cache is for the program to say, once. */
static status run_list(const selftest_work *w, const char *program, error *err)
{
    error fault, ignored;
    status result = program ? selftest_run_apart(w, program, err) : run_here(w, err);
    if (verdicts_save(w->dev->verdicts, &fault) != STATUS_OK && w->observer->note &&
        cache_check(&ignored) == STATUS_OK)
        w->observer->note(w->observer->context, fault.message);
    return result;
}

/* ---- For a network ---- */

static verdict verdict_of(const device *dev, const selftest_check *check)
{
    verdict found = {0};
    verdicts_find(dev->verdicts, check->name, &found);
    return found;
}

/* Moves the checks without a verdict to the front; returns their number. */
static size_t without_verdict(const device *dev, selftest_list *list)
{
    size_t count = 0;
    verdict found;
    for (size_t i = 0; i < list->count; i++)
        if (!verdicts_find(dev->verdicts, list->checks[i].name, &found)) {
            selftest_check moved = list->checks[i];
            list->checks[i] = list->checks[count];
            list->checks[count++] = moved;
        }
    return count;
}

/* What tests a check again that failed. */
static const char *next_test(const verdict *failed)
{
    return failed->suspected ? "the next start" : "`hcnn-cl selftest`";
}

/* Says which algorithms are left out from now on. */
static void note_failures(const selftest_work *w)
{
    char text[ERROR_CAPACITY];
    for (size_t i = 0; i < w->list->count; i++) {
        const selftest_check *check = &w->list->checks[i];
        verdict found; /* none if the self-test ended before it */
        if (!verdicts_find(w->dev->verdicts, check->name, &found) || found.passed ||
            check->operation || !w->observer->note)
            continue;
        snprintf(text, sizeof text,
                 "the self-test leaves out %s, and another algorithm takes its place: %s (device "
                 "%s, driver %s; %s tests it again)",
                 check->name, found.why, w->dev->info.name, w->dev->info.driver, next_test(&found));
        w->observer->note(w->observer->context, text);
    }
}

/* Says at each start what is left out of what was asked for: the family of HCNN_CONV, or tf32. */
static status remind(device *dev, const selftest_options *options, error *err)
{
    convolver c = {0};
    selftest_list list = {0};
    size_t kept = 0;
    status result;
    TRY_OR_DONE(convolver_open(dev, &c, err));
    if (!c.forced && dev->precision != PRECISION_TF32)
        goto done;
    TRY_OR_DONE(selftest_list_all(dev, &list, err));
    for (size_t i = 0; i < list.count; i++) {
        const convolution_algorithm *a = list.checks[i].by.algorithm;
        verdict found;
        if (a && (a->tf32 || (c.forced && strcmp(a->family, c.forced) == 0)) &&
            verdicts_find(dev->verdicts, list.checks[i].name, &found))
            list.checks[kept++] = list.checks[i];
    }
    list.count = kept;
    note_failures(&(selftest_work){dev, &list, QUICK_SHAPES, &options->observer});
done:
    selftest_list_free(&list);
    convolver_close(&c);
    return result;
}

/* An error if something that the network cannot do without has failed. */
static status judge_needed(const device *dev, const selftest_list *list, error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        const verdict found = verdict_of(dev, &list->checks[i]);
        if (!found.passed)
            return error_set(err, STATUS_FAILED,
                             "the device %s (driver %s) fails the self-test in %s, which nothing "
                             "can replace: %s (tested %s; %s tests it again); "
                             "choose another device or driver, or add --no-selftest to run all the "
                             "same",
                             dev->info.name, dev->info.driver, list->checks[i].name, found.why,
                             verdicts_totals(dev->verdicts).tested, next_test(&found));
    }
    return STATUS_OK;
}

/* One round: runs what the network needs with the algorithms that are chosen now. *done: everything
 * had a verdict, so that nothing ran and no choice will change. */
static status run_round(device *dev, const network_options *network,
                        const selftest_options *options, bool *done, error *err)
{
    selftest_list list;
    const selftest_work w = {dev, &list, QUICK_SHAPES, &options->observer};
    status result;
    TRY_OR_DONE(list_needed(dev, network, options->uses, &list, err));
    size_t missing = without_verdict(dev, &list);
    *done = missing == 0;
    if (missing == 0) {
        TRY_OR_DONE(judge_needed(dev, &list, err));
    } else {
        list.count = missing;
        result = run_list(&w, options->program, err);
        note_failures(&w);
        if (result == STATUS_FAILED)
            result = error_suffix(err, result, "; --no-selftest runs all the same");
    }
done:
    selftest_list_free(&list);
    return result;
}

status selftest_network(device *dev, const network_options *network,
                        const selftest_options *options, error *err)
{
    bool wanted, done = false;
    TRY(environment_flag("HCNN_SELFTEST", true, &wanted, err));
    if (!wanted || options->skip)
        return STATUS_OK;
    TRY(verdicts_open_own(dev, err));
    verdicts_retry(dev->verdicts);
    TRY(remind(dev, options, err));
    while (!done)
        TRY(run_round(dev, network, options, &done, err));
    return STATUS_OK;
}

/* ---- On request ---- */

/* Leaves out the checks that another precision has, too. */
static void keep_own(const device *dev, selftest_list *list)
{
    const char *own = word_list_at(&precision_words, dev->precision);
    size_t kept = 0, length = strlen(own);
    for (size_t i = 0; i < list->count; i++)
        if (strncmp(list->checks[i].name, own, length) == 0)
            list->checks[kept++] = list->checks[i];
    list->count = kept;
}

status selftest_run(device *dev, const network_options *network, const selftest_options *options,
                    int *failed, error *err)
{
    selftest_list list;
    const selftest_work w = {dev, &list, network ? QUICK_SHAPES : ALL_SHAPES, &options->observer};
    *failed = 0;
    TRY(verdicts_open_own(dev, err));
    verdicts_retry(dev->verdicts);
    TRY(network ? list_needed(dev, network, options->uses, &list, err)
                : selftest_list_all(dev, &list, err));
    keep_own(dev, &list);
    status result = run_list(&w, options->program, err);
    for (size_t i = 0; i < list.count && result == STATUS_OK; i++)
        *failed += !verdict_of(dev, &list.checks[i]).passed;
    selftest_list_free(&list);
    return result;
}
