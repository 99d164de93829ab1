/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that several commands share; see commands.h. */
#include "base/file.h"
#include "base/json_values.h"
#include "base/terminal.h"
#include "commands/commands.h"
#include "device/cache.h"
#include "train/run_directory.h"
#include "train/train_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LAST_SECONDS = 60 };
static volatile sig_atomic_t last_code; /* for end_now */

static void end_now(int signal_number)
{
    (void)signal_number;
    _exit(last_code);
}

/* After the message the process ends soon, even if a driver blocks the exit. */
int command_fail(const error *err, status code)
{
    last_code = (sig_atomic_t)code;
    signal(SIGALRM, end_now);
    alarm(LAST_SECONDS);
    fflush(stdout);
    terminal_print(stderr, "hcnn-cl: %s\n", err->message);
    return (int)code;
}

void command_warn(const char *format, ...)
{
    fflush(stdout);
    error text;
    va_list arguments;
    va_start(arguments, format);
    error_format(&text, format, arguments);
    va_end(arguments);
    terminal_print(stderr, "hcnn-cl: %s\n", text.message);
}

static void warn_of(void *context, const char *message)
{
    (void)context;
    command_warn("%s", message);
}

const database_note command_wait_note = {warn_of, NULL};

void command_warn_cache(void)
{
    error err;
    if (cache_check(&err) != STATUS_OK)
        command_warn("%s", err.message);
}

static status set_precision(device *dev, precision_request asked, error *err)
{
    enum precision chosen;
    char note[PRECISION_NOTE];
    TRY(precision_choose(dev, asked, &chosen, note, err));
    if (note[0])
        command_warn("%s", note);
    return precision_set(dev, chosen, err);
}

status command_open_device(double timeout, precision_request asked, device **opened, error *err)
{
    TRY(device_open(opened, err));
    device_set_timeout(*opened, timeout);
    command_warn_cache();
    status result = set_precision(*opened, asked, err);
    if (result == STATUS_OK)
        return STATUS_OK;
    device_close(*opened);
    *opened = NULL;
    return result;
}

void command_draw(void *context, const char *what, size_t done, size_t total)
{
    progress_draw(context, what, done, total, "");
}

void command_note(void *context, const char *text)
{
    progress_clear(context);
    command_warn("%s", text);
}

selftest_options command_selftest_options(bool skip, progress *bar)
{
    return (selftest_options){.skip = skip,
                              .program = command_program(),
                              .observer = {bar, command_draw, command_note, NULL, NULL}};
}

bool command_options(const command_line *line, void *values, int argc, char **argv, operands *rest,
                     int *exit_code)
{
    error err;
    status result = options_parse(line, values, argc, argv, rest, &err);
    if (result != STATUS_OK) {
        *exit_code = command_fail(&err, result);
        return false;
    }
    if (rest->help) {
        if (rest->words)
            options_words(line, stdout);
        else
            options_help(line, values, stdout);
        *exit_code = command_finish();
        return false;
    }
    return true;
}

int command_run(const command_line *line, void *values, command_body *body, int argc, char **argv)
{
    operands rest;
    int exit_code;
    error err;
    if (!command_options(line, values, argc, argv, &rest, &exit_code))
        return exit_code;
    status result = body(values, &rest, &err);
    options_free(&rest);
    return result == STATUS_OK ? command_finish() : command_fail(&err, result);
}

int command_width(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80; /* bytes that begin a character */
    return width;
}

void command_put(const char *text, int width)
{
    terminal_put(stdout, text);
    for (int i = command_width(text); i < width; i++)
        putchar(' ');
}

command_network command_network_defaults(void)
{
    return (command_network){.network = {.backbone = "wide_resnet_50",
                                         .coarse_classes = 20,
                                         .fine_classes = 100,
                                         .image_size = 32,
                                         .batch_size = 32},
                             .device_timeout = DEVICE_TIMEOUT};
}

json_t *command_network_to_json(const network_options *n, const device *dev, const peak *limits)
{
    return json_pack("{s:o, s:s, s:s, s:i, s:i, s:b, s:f, s:s}", "device",
                     text_to_json(dev->info.name), "backbone", n->backbone, "precision",
                     word_list_at(&precision_words, dev->precision), "image_size", n->image_size,
                     "batch_size", n->batch_size, "only_fine", n->only_fine, "peak_gflops",
                     limits->flops * 1e-9, "peak_unit", limits->unit);
}

void command_print_network(const network_options *n, const device *dev, const peak *limits,
                           bool copies)
{
    terminal_print(stdout, "device     %s, %u units\n", dev->info.name, dev->info.compute_units);
    printf("peak       %.0f GFLOP/s by %s", limits->flops * 1e-9, limits->unit);
    if (copies)
        printf(", %.1f GB/s copied", limits->bytes_second * 1e-9);
    printf("\nnetwork    %s%s, %s stem, %dx%d, batches of %d, %s\n", n->backbone,
           n->only_fine ? ", only fine" : "", word_list_at(&stem_words, n->stem), n->image_size,
           n->image_size, n->batch_size, word_list_at(&precision_words, dev->precision));
}

void command_class_name(const hierarchy *classes, bool fine, int class,
                        char name[COMMAND_CLASS_NAME])
{
    if (fine)
        snprintf(name, COMMAND_CLASS_NAME, "%s (%s)", classes->fine_names[class],
                 classes->coarse_names[classes->parents[class]]);
    else
        snprintf(name, COMMAND_CLASS_NAME, "%s", classes->coarse_names[class]);
    terminal_mask(name);
}

const word_list command_mode_words = WORD_LIST("both", "train", "infer");

status command_print_json(json_t *value, size_t form, error *err)
{
    char *text;
    TRY(json_to_text(value, form | JSON_ENSURE_ASCII, "the result", &text, err));
    puts(text);
    free(text);
    return STATUS_OK;
}

status command_check_output(const char *read, const char *written, error *err)
{
    struct stat from, to;
    if (stat(read, &from) == 0 && stat(written, &to) == 0 && from.st_dev == to.st_dev &&
        from.st_ino == to.st_ino)
        return error_set(err, STATUS_USAGE,
                         "%s: is the file that is read, which would be lost; choose another name",
                         written);
    if (run_directory_needs(written))
        return error_set(err, STATUS_USAGE, "%s: is a file that its run needs; choose another name",
                         written);
    return STATUS_OK;
}

const char *command_program(void)
{
    static const char self[] = "/proc/self/exe"; /* Linux */
    return file_exists(self) ? self : NULL;
}

int command_finish(void)
{
    error err;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return STATUS_OK;
    error_set(&err, STATUS_FAILED, "standard output cannot be written: %s", strerror(errno));
    return command_fail(&err, STATUS_FAILED);
}

int command_processors(void)
{
    enum { MOST = 16 };
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > MOST ? MOST : (int)count;
}

void command_sweep_rows(option_row rows[])
{
    size_t count = 0;
    for (const option_row *row = train_rows; row->name; row++)
        if (strcmp(row->name, "run") != 0 && strcmp(row->name, "resume") != 0)
            rows[count++] = *row;
    rows[count] = (option_row){0};
}

/* ---- A flag for Ctrl-C, SIGTERM and SIGUSR2 (which mpirun passes on to its ranks) ---- */

/* Global, because a signal handler has no other way to reach it. */
static volatile sig_atomic_t stop_requested;

static void request_stop(int signal_number)
{
    (void)signal_number;
    stop_requested = 1;
}

/* Not SIGUSR1: LLVM, which PoCL compiles with, installs its own handler for that signal and keeps
 * it; the other signals it passes on. */
const volatile sig_atomic_t *command_catch_stop(void)
{
    signal(SIGINT, request_stop);
    signal(SIGTERM, request_stop);
    signal(SIGUSR2, request_stop);
    return &stop_requested;
}

void command_release_stop(void)
{
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
}
