/* SPDX-License-Identifier: Apache-2.0 */
/* See word_list.h. */
#include "base/word_list.h"

#include <stdio.h>
#include <string.h>

static const char *at(const word_list *words, size_t index)
{
    return *(const char *const *)(const void *)((const char *)words->first + index * words->stride);
}

const char *word_list_at(const word_list *words, int value)
{
    return value < 0 ? NULL : at(words, (size_t)value);
}

int word_list_find(const word_list *words, const char *word)
{
    for (size_t i = 0; at(words, i); i++)
        if (strcmp(at(words, i), word) == 0)
            return (int)i;
    return -1;
}

void word_list_join(const word_list *words, char text[WORD_LIST_TEXT])
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; at(words, i) && used < WORD_LIST_TEXT; i++)
        used += (size_t)snprintf(text + used, WORD_LIST_TEXT - used, "%s%s", i ? "|" : "",
                                 at(words, i));
}

status word_list_expect(const word_list *words, const char *what, const char *word, int *value,
                        error *err)
{
    char text[WORD_LIST_TEXT];
    *value = word_list_find(words, word);
    if (*value >= 0)
        return STATUS_OK;
    word_list_join(words, text);
    return error_set(err, STATUS_USAGE, "unknown %s '%s'; expected %s", what, word, text);
}
