/* SPDX-License-Identifier: Apache-2.0 */
/* Text made with printf's formats, and lists of texts. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* A new string, freed by the caller; NULL when memory runs out. */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What follows `start` in a text that begins with it; NULL: it does not. */
const char *text_after(const char *text, const char *start);
/* Puts text behind *text, which is new memory, or NULL once memory ran out. */
void text_append(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));

typedef struct words {
    char **texts;
    size_t count;
} words;

/* Adds a copy of text[0..length). */
status words_add(words *w, const char *text, size_t length, error *err);
/* Adds the text itself, which is the list's from here on, also after a failure; NULL is one. */
status words_take(words *w, char *text, error *err);
/* What lies between the commas of a text, empty parts too. */
status words_split(const char *list, words *w, error *err);
bool words_hold(const words *w, const char *text);
void words_free(words *w); /* one of zeros is fine, and what a failed words_split left */
