/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands have in common: errors on standard error, options, and the end. */
#include "base/file.h"
#include "base/terminal.h"
#include "commands/commands.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int command_fail(const error *err, status code)
{
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
    vsnprintf(text.message, sizeof text.message, format, arguments);
    va_end(arguments);
    terminal_print(stderr, "hcnn-cl: %s\n", text.message);
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

const word_list command_mode_words = WORD_LIST("both", "train", "infer");

status command_print_json(json_t *value, int digits, error *err)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_PRESERVE_ORDER |
                                               JSON_REAL_PRECISION(digits))
                       : NULL;
    json_decref(value);
    if (!text)
        return error_memory(err, "the result");
    puts(text);
    free(text);
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
