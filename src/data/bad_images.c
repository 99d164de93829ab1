/* SPDX-License-Identifier: Apache-2.0 */
/* A set of paths; see bad_images.h. */
#include "data/bad_images.h"
#include "base/array.h"
#include "base/text.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char what[] = "the list of broken images";

struct bad_images {
    int limit, count;
    void (*note)(void *context, const char *text);
    void *context;
    char **paths; /* [count], in the order in which they came */
    void *root;   /* of tsearch's tree of them */
};

static int by_bytes(const void *a, const void *b)
{
    return strcmp(a, b);
}

status bad_images_create(int limit, void (*note)(void *context, const char *text), void *context,
                         bad_images **created, error *err)
{
    *created = malloc(sizeof **created);
    TRY(got_memory(*created, err, what));
    **created = (bad_images){.limit = limit, .note = note, .context = context};
    return STATUS_OK;
}

void bad_images_free(bad_images *b)
{
    if (!b)
        return;
    for (int i = 0; i < b->count; i++) {
        tdelete(b->paths[i], &b->root, by_bytes);
        free(b->paths[i]);
    }
    free(b->paths);
    free(b);
}

static status remember(bad_images *b, const char *path, error *err)
{
    TRY(array_grow(&b->paths, (size_t)b->count, sizeof *b->paths, what, err));
    char *copy = strdup(path);
    if (!copy || !tsearch(copy, &b->root, by_bytes)) {
        free(copy);
        return error_memory(err, what);
    }
    b->paths[b->count++] = copy;
    return STATUS_OK;
}

/* The error's own capacity ends a list that is too long. */
static status too_many(const bad_images *b, error *err)
{
    char names[ERROR_CAPACITY / 2] = "";
    for (int i = 0; i < b->count; i++) {
        size_t length = strlen(names);
        snprintf(names + length, sizeof names - length, "\n  %s", b->paths[i]);
    }
    return error_set(err, STATUS_FAILED,
                     "%d images cannot be read, and --max-bad allows %d; mend them or take them "
                     "out (`hcnn-cl data PATH --check` finds all), or allow more:%s",
                     b->count, b->limit, names);
}

status bad_images_add(bad_images *b, const char *path, const char *message, error *err)
{
    if (tfind(path, &b->root, by_bytes))
        return STATUS_OK;
    TRY(remember(b, path, err));
    if (b->count > b->limit)
        return too_many(b, err);
    char *text = text_format("skipped, %d of at most %d images: %s", b->count, b->limit, message);
    if (text && b->note)
        b->note(b->context, text);
    free(text);
    return STATUS_OK;
}

int bad_images_limit(const bad_images *b)
{
    return b->limit;
}
