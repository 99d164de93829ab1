/* SPDX-License-Identifier: Apache-2.0 */
/* See tree_output.h. */
#include "data/tree_output.h"
#include "base/file.h"
#include "base/text.h"
#include "base/unfinished.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static const char map_name[] = "label_map.json";

/* In the order in which they get their places. */
enum { TEST, TRAIN, PARTS };
static const char *const parts[PARTS] = {"test_images", "train_images"};

static void count_entry(void *count, const char *name, const char *path)
{
    (void)name, (void)path;
    ++*(int *)count;
}

static status check_free(const char *out, const char *part, error *err)
{
    int entries = 0;
    char *path = text_format("%s/%s", out, part);
    TRY(got_memory(path, err, out));
    bool there = file_exists(path);
    if (there && file_is_directory(path)) {
        file_each(path, count_entry, &entries);
        there = entries > 0;
    }
    status result = there ? error_set(err, STATUS_USAGE,
                                      "%s: already exists; remove it or choose another --out", path)
                          : STATUS_OK;
    free(path);
    return result;
}

static status move_part(const char *from, const char *out, const char *part, error *err)
{
    char *old = text_format("%s/%s", from, part), *new = text_format("%s/%s", out, part);
    status result = old && new ? file_rename(old, new, err) : error_memory(err, out);
    free(old);
    free(new);
    return result;
}

static status link_map(const char *from, const char *out, error *err)
{
    char *old = text_format("%s/%s", from, map_name), *new = text_format("%s/%s", out, map_name);
    status result = old && new ? file_link(old, new, err) : error_memory(err, out);
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
    TRY(link_map(from, out, err));
    for (int i = 0; i < PARTS; i++)
        if (file_exists_in(from, parts[i]))
            TRY(move_part(from, out, parts[i], err));
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

/* The map is the last file that is written, so a directory that has it is whole. */
static void take_left(void *context, const char *directory)
{
    tree_output *t = context;
    error ignored;
    if (file_exists_in(directory, map_name) && place(directory, t->out, &ignored) == STATUS_OK)
        t->completed = true;
    else
        file_remove_tree(directory, &ignored);
}

/* A process that was killed in link_map leaves a temporary name. */
static void remove_unfinished(void *context, const char *name, const char *path)
{
    (void)context;
    if (text_after(name, map_name) && file_is_unfinished(name))
        unlink(path);
}

status tree_output_begin(tree_output *t, const char *out, bool train, bool test, error *err)
{
    const bool wanted[PARTS] = {[TRAIN] = train, [TEST] = test};
    *t = (tree_output){.out = out, .lock = -1};
    char *name = text_format("%s/.preprocess", out);
    TRY(got_memory(name, err, out));
    status result = unfinished_create(name, take_left, t, &t->path, &t->lock, err);
    free(name);
    TRY(result);
    file_each(out, remove_unfinished, NULL);
    for (int i = 0; i < PARTS; i++)
        if (wanted[i])
            TRY(check_free(out, parts[i], err));
    return STATUS_OK;
}

status tree_output_commit(tree_output *t, error *err)
{
    if (syncfs(t->lock) != 0)
        return file_write_error(err, t->path, errno);
    status result = place(t->path, t->out, err);
    bool half = file_exists_in(t->path, parts[TRAIN]) && !file_exists_in(t->path, parts[TEST]);
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
    error ignored;
    if (!t->out)
        return;
    if (t->path)
        file_remove_tree(t->path, &ignored);
    file_unlock(t->lock);
    free(t->path);
    *t = (tree_output){0};
}
