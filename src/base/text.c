/* SPDX-License-Identifier: Apache-2.0 */
/* See text.h. */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

char *text_format(const char *format, ...)
{
    char *made = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&made, format, arguments) < 0)
        made = NULL; /* vasprintf leaves it undefined */
    va_end(arguments);
    return made;
}
