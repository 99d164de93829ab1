/* SPDX-License-Identifier: Apache-2.0 */
/* Formatted strings, and lists of strings. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A new string, which the caller frees; NULL if there is no memory. */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The rest of a text after `start`; NULL if it does not begin with `start`. */
const char *text_after(const char *text, const char *start);
/* Appends to *text, which was allocated and is replaced. After a failed allocation *text is NULL
 * and stays so. */
void text_append(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A stream that collects a text, or `length` bytes of any kind. If memory runs out, that of
 * open_memstream leaves bytes out, and glibc does not report it; this one fails at its end. */
typedef struct text_writer {
    FILE *stream;
    char *text;
    size_t length, capacity;
    bool failed;
} text_writer;

/* STATUS_FAILED if there is no memory for `what`. Do not move or copy the writer while it is
 * open. */
status text_writer_open(text_writer *writer, const char *what, error *err);
/* If so_far is STATUS_OK, *text is what was written, which the caller frees; otherwise returns
 * so_far. *text is NULL after a failure. */
status text_writer_end(text_writer *writer, status so_far, const char *what, char **text,
                       error *err);

/* Decodes the UTF-8 character at the start of a text: its code, and its length in bytes. 0 and a
 * length of 1 if it is not UTF-8. */
uint32_t text_character(const char *text, size_t *length);

enum { TEXT_FIRST_LINES = 1100 };
/* Copies the first lines of a list, about 1000 bytes, into `head` and returns it. If there are
 * more, a last line says how many. Neither ends with a line break. */
const char *text_first_lines(const char *list, char head[TEXT_FIRST_LINES]);

typedef struct words {
    char **texts;
    size_t count;
} words;

/* Adds a copy of text[0..length). */
status words_add(words *w, const char *text, size_t length, error *err);
/* Adds the text itself, which the list takes over even on failure. A NULL text is a failed
 * allocation. */
status words_take(words *w, char *text, error *err);
/* Splits a text at its commas; parts may be empty. */
status words_split(const char *list, words *w, error *err);
void words_free(words *w); /* a list of zeros and the result of a failed words_split are allowed */
