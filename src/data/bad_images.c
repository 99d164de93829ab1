/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the paths of broken images; see bad_images.h. */
#include "data/bad_images.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char what[] = "the list of broken images";

struct bad_images {
    size_t limit;
    void (*note)(void *context, const char *text);
    void *context;
    json_t *paths; /* the keys, in the order in which they were added */
};

status bad_images_create(int limit, void (*note)(void *context, const char *text), void *context,
                         bad_images **created, error *err)
{
    bad_images *b = *created = malloc(sizeof **created);
    TRY(got_memory(b, err, what));
    *b = (bad_images){(size_t)limit, note, context, json_object()};
    return got_memory(b->paths, err, what);
}

void bad_images_free(bad_images *b)
{
    if (b)
        json_decref(b->paths);
    free(b);
}

/* A list that is too long is cut at the capacity of the error. */
static status too_many(const bad_images *b, error *err)
{
    char names[ERROR_CAPACITY / 2] = "";
    const char *path;
    json_t *unused;
    json_object_foreach(b->paths, path, unused)
    {
        size_t length = strlen(names);
        snprintf(names + length, sizeof names - length, "\n  %s", path);
    }
    return error_set(err, STATUS_FAILED,
                     "%zu images cannot be read, and --max-bad allows %zu; repair or remove them "
                     "(`hcnn-cl data PATH --check` lists all), or allow more:%s",
                     json_object_size(b->paths), b->limit, names);
}

status bad_images_add(bad_images *b, const char *path, const char *message, error *err)
{
    if (json_object_get(b->paths, path))
        return STATUS_OK;
    TRY(got_memory(json_object_set_new_nocheck(b->paths, path, json_true()) == 0, err, what));
    if (json_object_size(b->paths) > b->limit)
        return too_many(b, err);
    error text;
    error_set(&text, STATUS_OK, "skipped image %zu of at most %zu: %s", json_object_size(b->paths),
              b->limit, message);
    if (b->note)
        b->note(b->context, text.message);
    return STATUS_OK;
}

size_t bad_images_limit(const bad_images *b)
{
    return b->limit;
}
