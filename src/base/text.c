/* SPDX-License-Identifier: Apache-2.0 */
/* See text.h. */
#include "base/text.h"
#include "base/array.h"

#include <stdarg.h>
#include <stdio.h>

static char *format_list(const char *format, va_list arguments)
{
    char *made = NULL;
    /* A failure leaves `made` undefined. */
    return vasprintf(&made, format, arguments) < 0 ? NULL : made;
}

char *text_format(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *made = format_list(format, arguments);
    va_end(arguments);
    return made;
}

static ssize_t append_bytes(void *context, const char *bytes, size_t size)
{
    text_writer *w = context;
    size_t needed = w->length + size + 1;
    if (w->failed)
        return 0;
    if (needed > w->capacity) {
        char *grown = realloc(w->text, 2 * needed);
        w->failed = !grown;
        if (!grown)
            return 0;
        w->text = grown;
        w->capacity = 2 * needed;
    }
    memcpy(w->text + w->length, bytes, size);
    w->length += size;
    w->text[w->length] = '\0';
    return (ssize_t)size;
}

status text_writer_open(text_writer *w, const char *what, error *err)
{
    *w = (text_writer){.text = NULL};
    w->stream = fopencookie(w, "w", (cookie_io_functions_t){.write = append_bytes});
    return got_memory(w->stream, err, what);
}

status text_writer_end(text_writer *w, status so_far, const char *what, char **text, error *err)
{
    bool whole = fclose(w->stream) == 0 && !w->failed;
    *text = whole && !w->text ? strdup("") : w->text;
    if (so_far == STATUS_OK && whole && *text)
        return STATUS_OK;
    free(*text);
    *text = NULL;
    return so_far == STATUS_OK ? error_memory(err, what) : so_far;
}

const char *text_after(const char *text, const char *start)
{
    size_t length = strlen(start);
    return strncmp(text, start, length) == 0 ? text + length : NULL;
}

const char *text_first_lines(const char *list, char head[TEXT_FIRST_LINES])
{
    enum { MOST = 1000 };
    size_t used = 0, left = 0;
    for (const char *at = list; *at;) {
        size_t length = strcspn(at, "\n"), gap = used > 0;
        if (left == 0 && used + gap + length <= MOST)
            used += (size_t)sprintf(head + used, "%s%.*s", gap ? "\n" : "", (int)length, at);
        else
            left++;
        at += length + (at[length] == '\n');
    }
    head[used] = '\0';
    if (left > 0)
        snprintf(head + used, TEXT_FIRST_LINES - used, "%sand %zu more", used ? "\n" : "", left);
    return head;
}

/* The length of a character in bytes, which its first byte announces; 0 if no character begins with
 * it. Overlong forms that begin with 0xc0 or 0xc1 are refused here; text_character finds the
 * others. */
static size_t announced(unsigned char first)
{
    return first < 0x80   ? 1
           : first < 0xc2 ? 0
           : first < 0xe0 ? 2
           : first < 0xf0 ? 3
           : first < 0xf5 ? 4
                          : 0;
}

uint32_t text_character(const char *at, size_t *length)
{
    const unsigned char *text = (const unsigned char *)at;
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

void text_append(char **text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *more = format_list(format, arguments), *before = *text;
    va_end(arguments);
    *text = before && more ? text_format("%s%s", before, more) : NULL;
    free(before);
    free(more);
}

status words_take(words *w, char *text, error *err)
{
    status result = got_memory(text, err, "a list of words");
    if (result == STATUS_OK)
        result = array_grow(&w->texts, w->count, sizeof *w->texts, text, err);
    if (result == STATUS_OK)
        w->texts[w->count++] = text;
    else
        free(text);
    return result;
}

status words_add(words *w, const char *text, size_t length, error *err)
{
    return words_take(w, strndup(text, length), err);
}

status words_split(const char *list, words *w, error *err)
{
    *w = (words){0};
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        TRY(words_add(w, at, strcspn(at, ","), err));
    return STATUS_OK;
}

void words_free(words *w)
{
    for (size_t i = 0; i < w->count; i++)
        free(w->texts[i]);
    free(w->texts);
    *w = (words){0};
}
