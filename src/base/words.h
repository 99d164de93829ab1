/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of texts, and those between the commas of one. */
#ifndef HCNN_BASE_WORDS_H
#define HCNN_BASE_WORDS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct words {
    char **texts;
    size_t count;
} words;

/* Adds a copy of text[0..length). */
status words_add(words *w, const char *text, size_t length, error *err);
/* What lies between the commas of a text, empty parts too. */
status words_split(const char *list, words *w, error *err);
bool words_hold(const words *w, const char *text);
void words_free(words *w); /* one of zeros is fine, and what a failed words_split left */

#endif
