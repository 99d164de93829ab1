/* SPDX-License-Identifier: Apache-2.0 */
/* `hcnn-cl selftest`: prints what selftest/selftest.h finds on a device. */
#include "selftest/selftest.h"
#include "base/clock.h"
#include "base/json_values.h"
#include "base/terminal.h"
#include "commands/commands.h"
#include "device/matrix_unit.h"
#include "device/verdicts.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct request {
    const char *device;
    bool quick, full, json;
} request;

/* One run of the command. */
typedef struct session {
    const request *asked;
    device *dev;
    progress bar;
    json_t *checks; /* with --json */
    int total, failed;
} session;

static json_t *check_to_json(const char *check, const verdict *v)
{
    return json_pack("{s:s, s:b, s:o, s:o, s:o, s:o}", "check", check, "passed", v->passed, "error",
                     number_to_json(v->error), "bound", number_to_json(v->bound), "seconds",
                     number_to_json(v->seconds), "why",
                     v->passed ? json_null() : text_to_json(v->why));
}

static void print_check(const char *check, const verdict *v)
{
    char error[16] = "-", bound[16] = "-";
    if (v->error == v->error)
        snprintf(error, sizeof error, "%.1e", v->error);
    if (v->bound >= 0)
        snprintf(bound, sizeof bound, "%.1e", v->bound);
    terminal_print(stdout, "%-52s %8s %8s %7.2f  %s%s\n", check, error, bound, v->seconds,
                   v->passed ? "passed" : "FAILED: ", v->why);
    fflush(stdout);
}

static void take(void *context, const char *check, const verdict *found)
{
    session *s = context;
    s->total++;
    s->failed += !found->passed;
    if (s->asked->json) {
        s->checks = array_with(s->checks, check_to_json(check, found));
        return;
    }
    progress_clear(&s->bar);
    print_check(check, found);
}

static void draw(void *context, const char *what, size_t done, size_t total)
{
    session *s = context;
    command_draw(&s->bar, what, done, total);
}

static void note(void *context, const char *text)
{
    session *s = context;
    command_note(&s->bar, text);
}

static status test_precision(session *s, enum precision precision, error *err)
{
    const command_network usual = command_network_defaults();
    network_options network = usual.network;
    const selftest_options options = {.program = command_program(),
                                      .uses = {.steps = true},
                                      .observer = {s, draw, note, take, command_catch_stop()}};
    int failed;
    network.training = true;
    device_set_precision(s->dev, precision);
    progress_begin(&s->bar, stderr);
    status result = selftest_run(s->dev, s->asked->quick ? &network : NULL, &options, &failed, err);
    progress_clear(&s->bar);
    command_release_stop();
    return result;
}

static status print_json(session *s, double seconds, error *err)
{
    const device_info *info = &s->dev->info;
    json_t *checks = s->checks;
    s->checks = NULL;
    return command_print_json(
        json_pack("{s:o, s:o, s:o, s:o, s:i, s:i, s:f, s:o}", "device", text_to_json(info->name),
                  "platform", text_to_json(info->platform_name), "version",
                  text_to_json(info->version), "driver", text_to_json(info->driver), "passed",
                  s->total - s->failed, "failed", s->failed, "seconds", seconds, "checks", checks),
        JSON_LINE(6), err);
}

static status test_device(session *s, error *err)
{
    const device_info *info = &s->dev->info;
    double begun = clock_now();
    if (!s->asked->json) {
        terminal_print(stdout, "device     %s (%s), driver %s\n\n", info->name, info->platform_name,
                       info->driver);
        printf("%-52s %8s %8s %7s  %s\n", "CHECK", "ERROR", "BOUND", "SECONDS", "RESULT");
    }
    /* Without a unit for it, tf32 is refused, and its kernels are for tests. */
    for (int p = 0; word_list_at(&precision_words, p); p++)
        if (p != PRECISION_TF32 || matrix_unit_has(s->dev, PRECISION_TF32))
            TRY(test_precision(s, (enum precision)p, err));
    double seconds = clock_now() - begun;
    if (s->asked->json)
        TRY(print_json(s, seconds, err));
    else
        printf("\n%d passed, %d failed in %.1f seconds\n", s->total - s->failed, s->failed,
               seconds);
    if (s->failed == 0)
        return STATUS_OK;
    return error_set(err, STATUS_FAILED,
                     "%s (driver %s) fails %d of %d checks; what fails is not used where something "
                     "else can take its place",
                     info->name, info->driver, s->failed, s->total);
}

static status run(void *values, const operands *rest, error *err)
{
    (void)rest;
    session s = {.asked = values};
    status result;
    s.checks = json_array();
    TRY_OR_DONE(got_memory(s.checks, err, "the result"));
    TRY_OR_DONE(s.asked->device ? device_open_place(s.asked->device, 0, &s.dev, err)
                                : device_open(&s.dev, err));
    result = test_device(&s, err);
done:
    json_decref(s.checks);
    device_close(s.dev);
    return result;
}

static const option_row rows[] = {
    OPTION_ROW_STRING("device", request, device, "DEVICE",
                      "device to test, as in HCNN_DEVICE, which it overrides"),
    OPTION_ROW_FLAG("quick", request, quick,
                    "only what wide_resnet_50 runs in training, with one shape each",
                    .excludes = "full"),
    OPTION_ROW_FLAG("full", request, full,
                    "everything that the device can run, with several shapes; the default"),
    OPTION_ROW_FLAG("json", request, json, "print one line of JSON"),
    {0},
};

static const command_line line = {
    .usage = "selftest [OPTION]...",
    .summary =
        "Tests the kernels on a device: each operation, and each algorithm and tile size of a "
        "convolution in each direction, in each precision, against sums in double precision. An "
        "error is the largest difference of a result, relative to its largest value. Verdicts are "
        "remembered for the device and its driver: an algorithm that failed is not used. train, "
        "eval, classify and bench test by themselves what they are about to use for the first "
        "time. Exit code 1 if a check failed.",
    .example = "hcnn-cl selftest --device gpu",
    .rows = rows,
};

COMMAND(selftest, request, 0)

/* ---- `hcnn-cl selftest-checks P:D PRECISION SHAPES NAME...` ----
 *
 * The process that runs checks for the self-test, and that a driver may crash. */

enum { FIRST_NAME = 4 };

static status serve(int argc, char **argv, device **dev, error *err)
{
    int precision = argc > FIRST_NAME ? word_list_find(&precision_words, argv[2]) : -1;
    int shapes = argc > FIRST_NAME ? (int)strtol(argv[3], NULL, 10) : 0;
    if (precision < 0 || shapes < 1)
        return error_set(err, STATUS_USAGE,
                         "selftest-checks is started by the self-test; expected PLATFORM:DEVICE, a "
                         "precision, a number of shapes and names of checks");
    TRY(device_open_place(argv[1], 0, dev, err));
    device_set_precision(*dev, (enum precision)precision);
    device_set_timeout(*dev, 0); /* the process that started this one has a limit of its own */
    return selftest_serve(*dev, shapes, argv + FIRST_NAME, argc - FIRST_NAME, stdout, err);
}

int command_selftest_checks(int argc, char **argv)
{
    device *dev = NULL;
    error err;
    status result = serve(argc, argv, &dev, &err);
    if (result != STATUS_OK)
        selftest_serve_error(&err, stdout);
    fflush(stdout);
    device_close(dev);
    return result == STATUS_OK ? command_finish() : command_fail(&err, result);
}
