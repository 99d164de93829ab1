/* SPDX-License-Identifier: Apache-2.0 */
/* See words.h. */
#include "base/words.h"

#include <stdlib.h>
#include <string.h>

status words_add(words *w, const char *text, size_t length, error *err)
{
    char **grown = realloc(w->texts, (w->count + 1) * sizeof *grown);
    if (!grown)
        return error_memory(err, text);
    w->texts = grown;
    grown[w->count] = strndup(text, length);
    return grown[w->count++] ? STATUS_OK : error_memory(err, text);
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

bool words_hold(const words *w, const char *text)
{
    for (size_t i = 0; i < w->count; i++)
        if (strcmp(w->texts[i], text) == 0)
            return true;
    return false;
}
