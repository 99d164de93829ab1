/* SPDX-License-Identifier: Apache-2.0 */
/* Decodes UTF-8 and masks characters; see terminal.h. */
#include "base/terminal.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The length of a character in bytes, which its first byte announces; 0 if no character begins with
 * it. Overlong forms that begin with 0xc0 or 0xc1 are refused here; `decode` finds the others. */
static size_t announced(unsigned char first)
{
    return first < 0x80   ? 1
           : first < 0xc2 ? 0
           : first < 0xe0 ? 2
           : first < 0xf0 ? 3
           : first < 0xf5 ? 4
                          : 0;
}

/* The character at text, and its length in bytes; 0 and a length of 1 if it is not UTF-8. */
static uint32_t decode(const unsigned char *text, size_t *length)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t count = announced(text[0]);
    uint32_t code = count < 2 ? text[0] : text[0] & (0x7fu >> count);
    *length = 1;
    if (count == 0)
        return 0;
    for (size_t i = 1; i < count; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3f);
    }
    if (code < least[count] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return 0;
    *length = count;
    return code;
}

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
        uint32_t code = decode((const unsigned char *)at, &length);
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
        uint32_t code = decode((const unsigned char *)name, &length);
        if (is_shown(code))
            fwrite(name, 1, length, stream);
        else
            fputc('?', stream);
    }
}

void terminal_print(FILE *stream, const char *format, ...)
{
    char line[1024], *text = NULL; /* the line is for want of memory */
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
