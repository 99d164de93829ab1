/* SPDX-License-Identifier: Apache-2.0 */
/* A closed set of numbered words: those of an enum, or the names of a table's rows. Options, files
 * and messages use such a list, so that the words of the enum or table are written only once. */
#pragma once

#include "base/error.h"

#include <stddef.h>

typedef struct word_list {
    const char *const *first; /* their pointers are `stride` bytes apart; NULL ends them */
    size_t stride;
} word_list;

/* The words of an enum that counts from 0, in its order. */
#define WORD_LIST(...)                                                                             \
    {                                                                                              \
        (const char *const[]){__VA_ARGS__, NULL}, sizeof(const char *)                             \
    }
/* The names in an array of structs; the last struct has the name NULL. */
#define WORD_LIST_OF(table)                                                                        \
    {                                                                                              \
        &(table)->name, sizeof *(table)                                                            \
    }

/* The word of a value, which may be at most the number of words. NULL for that number and for
 * negative values. */
const char *word_list_at(const word_list *words, int value);
/* The value of a word, -1 if it is not in the list. */
int word_list_find(const word_list *words, const char *word);

/* Sets *value to the value of a word. An unknown word is STATUS_USAGE, and `what` names its kind in
 * the message: "unknown backbone 'x'; expected ...". */
status word_list_expect(const word_list *words, const char *what, const char *word, int *value,
                        error *err);

enum { WORD_LIST_TEXT = 256 };
/* Joins the words: "sgd|adam|adamw". A text that is too long is cut. */
void word_list_join(const word_list *words, char text[WORD_LIST_TEXT]);
