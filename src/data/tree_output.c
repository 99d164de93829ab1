/* SPDX-License-Identifier: Apache-2.0 */
/* See tree_output.h. */
#include "data/tree_output.h"
#include "base/file.h"
#include "base/json_values.h"
#include "base/text.h"
#include "base/unfinished.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_MAP_BYTES = 8 << 20 }; /* as tree.c reads */

static const char map_name[] = "label_map.json";

/* In the order in which they get their places. */
enum { TEST, TRAIN, PARTS };
static const char *const parts[PARTS] = {"test_images", "train_images"};

static status note_entry(void *any, const char *name, const char *path, error *err)
{
    (void)name, (void)path, (void)err;
    *(bool *)any = true;
    return STATUS_OK;
}

/* Whether `out` has the part; an empty directory does not count. */
static status has_part(const char *out, const char *part, bool *has, error *err)
{
    char path[PATH_MAX]; /* a longer one cannot exist */
    *has = false;
    if (snprintf(path, sizeof path, "%s/%s", out, part) >= PATH_MAX)
        return STATUS_OK;
    *has = file_is_dangling(path) || (file_exists(path) && !file_is_directory(path));
    return file_each(path, note_entry, has, err);
}

static status check_free(const char *out, const char *part, error *err)
{
    bool has;
    TRY(has_part(out, part, &has, err));
    return has ? error_set(err, STATUS_USAGE,
                           "%s/%s: already exists; remove it or choose another --out", out, part)
               : STATUS_OK;
}

static status map_differs(const char *path, error *err)
{
    return error_set(err, STATUS_USAGE,
                     "%s: already exists and does not have these classes; remove it or choose "
                     "another --out",
                     path);
}

/* Another program may have written the same map with other spaces. */
static status is_same_json(const char *one, size_t size, const char *two, const char *path,
                           bool *same, error *err)
{
    json_error_t fault;
    json_t *first = NULL, *second = NULL;
    status result = json_from_text(one, size, 0, path, &first, &fault, err);
    if (result == STATUS_OK)
        result = json_from_text(two, strlen(two), 0, path, &second, &fault, err);
    *same = first && second && json_equal(first, second);
    json_decref(first);
    json_decref(second);
    return result;
}

/* An own map, or that of a part of another data set, is not replaced. */
static status check_map_at(const char *path, const char *map, error *err)
{
    unsigned char *old;
    size_t size;
    if (!file_exists(path) && !file_is_dangling(path))
        return STATUS_OK;
    if (!file_exists(path) || file_is_directory(path))
        return map_differs(path, err);
    TRY(file_read(path, MAX_MAP_BYTES, &old, &size, err));
    bool same;
    status result = is_same_json((const char *)old, size, map, path, &same, err);
    free(old);
    TRY(result);
    return same ? STATUS_OK : map_differs(path, err);
}

static status check_map(const char *out, const char *map, error *err)
{
    char *path = text_format("%s/%s", out, map_name);
    TRY(got_memory(path, err, out));
    status result = check_map_at(path, map, err);
    free(path);
    return result;
}

/* The same for the map of a whole tree. */
static status check_map_of(const char *from, const char *out, error *err)
{
    unsigned char *map = NULL;
    size_t size;
    char *path = text_format("%s/%s", from, map_name);
    TRY(got_memory(path, err, out));
    status result = file_read(path, MAX_MAP_BYTES, &map, &size, err);
    if (result == STATUS_OK)
        result = check_map(out, (const char *)map, err);
    free(map);
    free(path);
    return result;
}

/* Gives FROM/NAME its place, OUT/NAME, by file_rename or file_link. */
static status put(const char *from, const char *out, const char *name,
                  status by(const char *from, const char *to, error *err), error *err)
{
    char *old = text_format("%s/%s", from, name), *new = text_format("%s/%s", out, name);
    status result = old && new ? by(old, new, err) : error_memory(err, out);
    free(old);
    free(new);
    return result;
}

/* Moves the parts that are still in `from`; so it also completes an earlier, interrupted call. */
static status place_locked(const char *from, const char *out, error *err)
{
    for (int i = 0; i < PARTS; i++)
        if (file_exists_in(from, parts[i]))
            TRY(check_free(out, parts[i], err));
    TRY(check_map_of(from, out, err));
    TRY(put(from, out, map_name, file_link, err));
    for (int i = 0; i < PARTS; i++)
        if (file_exists_in(from, parts[i]))
            TRY(put(from, out, parts[i], file_rename, err));
    return file_remove_tree(from, err);
}

/* Two processes must not mix their parts. */
static status place(const char *from, const char *out, error *err)
{
    int lock;
    TRY(file_wait_lock(out, &lock, err));
    status result = place_locked(from, out, err);
    file_unlock(lock);
    return result;
}

/* The map goes first: without it, a directory that is only partly removed is not taken for a whole
 * tree. */
static void discard(const char *directory)
{
    error ignored;
    char map[PATH_MAX];
    if (snprintf(map, sizeof map, "%s/%s", directory, map_name) < PATH_MAX)
        unlink(map);
    file_remove_tree(directory, &ignored);
}

typedef struct leftovers {
    tree_output *output;
    status result; /* of the last one that could be neither placed nor removed */
    error err;
} leftovers;

/* A directory with the map is whole. It is removed if its place is taken. After any other error it
 * stays, because it may have the only copy of a part whose other one is already in its place. */
static void take_left(void *context, const char *directory)
{
    leftovers *l = context;
    const char *out = l->output->out;
    status result = STATUS_USAGE;
    if (file_exists_in(directory, map_name))
        result = check_map_of(directory, out, &l->err) == STATUS_OK ? place(directory, out, &l->err)
                                                                    : STATUS_FAILED;
    if (result == STATUS_OK)
        l->output->completed = true;
    else if (result == STATUS_USAGE)
        discard(directory);
    else
        l->result = error_suffix(&l->err, result,
                                 "; an interrupted preprocess left a complete tree in %s, which "
                                 "cannot be moved to its place: try again, or remove it",
                                 directory);
}

/* A process that was killed in file_link leaves a temporary name. */
static status remove_link(void *context, const char *name, const char *path, error *err)
{
    (void)context, (void)err;
    if (text_after(name, map_name) && file_is_unfinished(name))
        unlink(path);
    return STATUS_OK;
}

/* Under the lock, so that no other process is in file_link. */
static status remove_links(const char *out, error *err)
{
    int lock;
    TRY(file_wait_lock(out, &lock, err));
    status result = file_each(out, remove_link, NULL, err);
    file_unlock(lock);
    return result;
}

status tree_output_begin(tree_output *t, const char *out, const hierarchy *classes, bool train,
                         bool test, error *err)
{
    const bool wanted[PARTS] = {[TRAIN] = train, [TEST] = test};
    leftovers left = {.output = t, .result = STATUS_OK};
    *t = (tree_output){.out = out, .lock = -1, .made = !file_exists(out)};
    TRY(hierarchy_map_text(classes, out, &t->map, err));
    char *name = text_format("%s/.preprocess", out);
    TRY(got_memory(name, err, out));
    status result = unfinished_create(name, NULL, take_left, &left, &t->path, &t->lock, err);
    free(name);
    TRY(result);
    TRY(remove_links(out, err));
    if (left.result != STATUS_OK)
        *err = left.err;
    TRY(left.result);
    t->done = t->completed;
    for (int i = 0; i < PARTS && t->done; i++)
        if (wanted[i])
            TRY(has_part(out, parts[i], &t->done, err));
    for (int i = 0; i < PARTS && !t->done; i++)
        if (wanted[i])
            TRY(check_free(out, parts[i], err));
    return t->done ? STATUS_OK : check_map(out, t->map, err);
}

/* All images are on the disk before the map exists, so that a directory with the map is whole also
 * after a power cut. */
static status write_map(const tree_output *t, error *err)
{
    if (syncfs(t->lock) != 0)
        return file_write_error(err, t->path, errno);
    char *path = text_format("%s/%s", t->path, map_name);
    TRY(got_memory(path, err, t->path));
    status result = file_write(path, t->map, strlen(t->map), err);
    free(path);
    return result;
}

status tree_output_commit(tree_output *t, error *err)
{
    bool both = file_exists_in(t->path, parts[TEST]) && file_exists_in(t->path, parts[TRAIN]);
    TRY(write_map(t, err));
    status result = place(t->path, t->out, err);
    bool half =
        both && file_exists_in(t->path, parts[TRAIN]) && !file_exists_in(t->path, parts[TEST]);
    if (result != STATUS_OK && !half)
        return result;
    free(t->path); /* so that tree_output_close leaves the part that has no place yet */
    t->path = NULL;
    return result == STATUS_OK
               ? STATUS_OK
               : error_suffix(err, result, "; the next preprocess with this --out completes it");
}

void tree_output_close(tree_output *t)
{
    if (!t->out)
        return;
    if (t->path)
        discard(t->path);
    if (t->made)
        rmdir(t->out); /* fails if anything is in it */
    file_unlock(t->lock);
    free(t->path);
    free(t->map);
    *t = (tree_output){0};
}
