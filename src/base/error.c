/* SPDX-License-Identifier: Apache-2.0 */
/* Formats error messages; see error.h. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#undef error_set
#undef error_prefix
#undef error_memory

/* A message that does not fit loses its middle: the start says where, the end says what to do. */
static void format_message(error *err, const char *format, va_list arguments)
{
    static const char gap[] = " [...] ";
    enum { HEAD = ERROR_CAPACITY / 2, TAIL = ERROR_CAPACITY - HEAD - sizeof gap };
    char *text = NULL;
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(err->message, sizeof err->message, format, arguments);
    if (length >= ERROR_CAPACITY && vasprintf(&text, format, again) == length) {
        memcpy(err->message + HEAD, gap, sizeof gap - 1);
        memcpy(err->message + HEAD + sizeof gap - 1, text + length - TAIL, TAIL + 1);
        free(text);
    }
    va_end(again);
}

status error_set(error *err, status code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    format_message(err, format, arguments);
    va_end(arguments);
    return code;
}

status error_prefix(error *err, status code, const char *format, ...)
{
    error prefix, kept = *err;
    va_list arguments;
    va_start(arguments, format);
    format_message(&prefix, format, arguments);
    va_end(arguments);
    return error_set(err, code, "%s: %s", prefix.message, kept.message);
}

status error_suffix(error *err, status code, const char *format, ...)
{
    error suffix, kept = *err;
    va_list arguments;
    va_start(arguments, format);
    format_message(&suffix, format, arguments);
    va_end(arguments);
    return error_set(err, code, "%s%s", kept.message, suffix.message);
}

status error_memory(error *err, const char *what)
{
    return error_set(err, STATUS_FAILED, "out of memory for %s", what);
}
