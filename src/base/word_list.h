/* SPDX-License-Identifier: Apache-2.0 */
/* A closed set of words, by number: those of an enum, or the names of a table's rows. Options,
 * files and messages take them from here, so that the enum or the table is the only list. */
#pragma once

#include "base/error.h"

#include <stddef.h>

typedef struct word_list {
    const char *const *first; /* the words lie `stride` bytes apart; NULL ends them */
    size_t stride;
} word_list;

/* The words of an enum that counts from 0, in its order. */
#define WORD_LIST(...)                                                                             \
    {                                                                                              \
        (const char *const[]){__VA_ARGS__, NULL}, sizeof(const char *)                             \
    }
/* The names of an array of structs, whose last one has the name NULL. */
#define WORD_LIST_OF(table)                                                                        \
    {                                                                                              \
        &(table)->name, sizeof *(table)                                                            \
    }

/* The word of a value below the number of words; NULL for a negative one. */
const char *word_list_at(const word_list *words, int value);
/* The value of a word, -1 when it is none of them. */
int word_list_find(const word_list *words, const char *word);

/* The same for a word that has to be one: "unknown backbone 'x'; there are ..." is STATUS_USAGE. */
status word_list_expect(const word_list *words, const char *what, const char *word, int *value,
                        error *err);

enum { WORD_LIST_TEXT = 256 };
/* "sgd|adam|adamw" */
void word_list_join(const word_list *words, char text[WORD_LIST_TEXT]);
