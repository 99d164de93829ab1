/* SPDX-License-Identifier: Apache-2.0 */
/* Masks characters; see terminal.h. */
#include "base/terminal.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* False for control characters, for the marks, embeddings, overrides and isolates of Unicode's
 * bidirectional algorithm ("Trojan Source" uses them), and for U+2028 and U+2029, which end lines.
 */
static bool is_shown(uint32_t code)
{
    return code >= ' ' && !(code >= 0x7f && code < 0xa0) && !(code >= 0x2028 && code <= 0x202e) &&
           !(code >= 0x2066 && code <= 0x2069) && code != 0x200e && code != 0x200f &&
           code != 0x061c;
}

/* Masks in place all that is not shown, except characters in `kept`. The text never becomes longer.
 */
static void mask(char *text, const char *kept)
{
    char *to = text;
    size_t length;
    for (const char *at = text; *at; at += length) {
        uint32_t code = text_character(at, &length);
        if (is_shown(code) || strchr(kept, *at)) {
            memmove(to, at, length);
            to += length;
        } else {
            *to++ = '?';
        }
    }
    *to = '\0';
}

void terminal_mask(char *text)
{
    mask(text, "");
}

/* Writes in pieces, so that it needs no memory and cannot fail for lack of it. */
void terminal_put(FILE *stream, const char *name)
{
    size_t length;
    for (; *name; name += length) {
        uint32_t code = text_character(name, &length);
        if (is_shown(code))
            fwrite(name, 1, length, stream);
        else
            fputc('?', stream);
    }
}

void terminal_print(FILE *stream, const char *format, ...)
{
    char line[1024], *text = NULL; /* the line is used if memory is out */
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    vsnprintf(line, sizeof line, format, again);
    va_end(again);
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    va_end(arguments);
    mask(text ? text : line, "\n\t");
    fputs(text ? text : line, stream);
    free(text);
}
