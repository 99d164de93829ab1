/* SPDX-License-Identifier: Apache-2.0 */
/* Formats error messages; see error.h. */
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#undef error_set
#undef error_prefix
#undef error_memory

enum { MOST_CONTINUATIONS = 3 }; /* bytes of a UTF-8 character after its first */

static bool continues_character(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* A text that does not fit loses whole characters from its middle, because its start says where the
 * error is and its end says what to do. */
static void shorten(const char *text, size_t length, char message[ERROR_CAPACITY])
{
    static const char gap[] = " [...] ";
    enum { HEAD = ERROR_CAPACITY / 2, TAIL = ERROR_CAPACITY - HEAD - sizeof gap };
    const char *head = text + HEAD, *tail = text + length - TAIL;
    for (int i = 0; i < MOST_CONTINUATIONS && continues_character(*head); i++)
        head--;
    for (int i = 0; i < MOST_CONTINUATIONS && continues_character(*tail); i++)
        tail++;
    snprintf(message, ERROR_CAPACITY, "%.*s%s%s", (int)(head - text), text, gap, tail);
}

void error_format(error *err, const char *format, va_list arguments)
{
    char *text = NULL;
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(err->message, sizeof err->message, format, arguments);
    if (length >= ERROR_CAPACITY && vasprintf(&text, format, again) == length) {
        shorten(text, (size_t)length, err->message);
        free(text);
    }
    va_end(again);
}

status error_set(error *err, status code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    error_format(err, format, arguments);
    va_end(arguments);
    err->shortage = false;
    return code;
}

status error_prefix(error *err, status code, const char *format, ...)
{
    error prefix, kept = *err;
    va_list arguments;
    va_start(arguments, format);
    error_format(&prefix, format, arguments);
    va_end(arguments);
    error_set(err, code, "%s: %s", prefix.message, kept.message);
    err->shortage = kept.shortage;
    return code;
}

status error_suffix(error *err, status code, const char *format, ...)
{
    error suffix, kept = *err;
    va_list arguments;
    va_start(arguments, format);
    error_format(&suffix, format, arguments);
    va_end(arguments);
    error_set(err, code, "%s%s", kept.message, suffix.message);
    err->shortage = kept.shortage;
    return code;
}

bool error_is_shortage(int reason)
{
    return reason == ENOMEM || reason == EMFILE || reason == ENFILE;
}

/* Where memory is short, a thread without room for its stack fails with EAGAIN. */
status error_start(error *err, const char *what, int reason)
{
    bool shortage = reason == EAGAIN || error_is_shortage(reason);
    error_set(err, STATUS_FAILED, "%s cannot be started: %s%s", what, strerror(reason),
              shortage ? "; free memory, or raise the limits on memory and on processes (ulimit -v "
                         "and -u)"
                       : "");
    err->shortage = shortage;
    return STATUS_FAILED;
}

status error_memory(error *err, const char *what)
{
    error_set(err, STATUS_FAILED, "out of memory for %s", what);
    err->shortage = true;
    return STATUS_FAILED;
}
