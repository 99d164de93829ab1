/* SPDX-License-Identifier: Apache-2.0 */
/* Formats error messages; see error.h. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#undef error_set
#undef error_prefix
#undef error_memory

status error_set(error *err, status code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(err->message, sizeof err->message, format, arguments);
    va_end(arguments);
    return code;
}

status error_prefix(error *err, status code, const char *format, ...)
{
    char prefix[512], kept[ERROR_CAPACITY];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(prefix, sizeof prefix, format, arguments);
    va_end(arguments);
    memcpy(kept, err->message, sizeof kept);
    return error_set(err, code, "%s: %s", prefix, kept);
}

status error_suffix(error *err, status code, const char *format, ...)
{
    size_t length = strlen(err->message);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(err->message + length, sizeof err->message - length, format, arguments);
    va_end(arguments);
    return code;
}

status error_memory(error *err, const char *what)
{
    return error_set(err, STATUS_FAILED, "out of memory for %s", what);
}
