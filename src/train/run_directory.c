/* SPDX-License-Identifier: Apache-2.0 */
/* Creates, names and locks the directory of a run; see run_directory.h. The lock belongs to the
 * directory, not to its name, so it survives the rename. A start that is killed leaves
 * RUN.new-PROCESS-NUMBER without a lock; the next start with the same name removes that. Every
 * start removes those of the names that the program chooses, because these never come again. */
#include "train/run_directory.h"
#include "base/file.h"
#include "base/text.h"
#include "base/unfinished.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The names of dated_name. */
#define FOUR_DIGITS "[0-9][0-9][0-9][0-9]"
static const char dated_names[] = FOUR_DIGITS FOUR_DIGITS "-" FOUR_DIGITS "[0-9][0-9]";

/* Turns "runs/first/" into "runs/first". */
static void cut_slashes(char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        path[--length] = '\0';
}

static char *dated_name(void)
{
    char stamp[32];
    time_t now = time(NULL);
    struct tm local;
    strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", localtime_r(&now, &local));
    return text_format("runs/%s", stamp);
}

status run_directory_name(run_directory *d, const char *name, error *err)
{
    *d = (run_directory){
        .path = name ? text_format("%s", name) : dated_name(), .lock = -1, .own_name = !name};
    TRY(got_memory(d->path, err, "the run's name"));
    cut_slashes(d->path);
    if (file_is_dangling(d->path))
        return error_set(err, STATUS_USAGE,
                         "%s: is a symbolic link whose target does not exist; remove it or choose "
                         "another --run",
                         d->path);
    if (d->own_name || !file_exists(d->path))
        return STATUS_OK;
    if (!file_may_exist_in(d->path, "config.json"))
        return error_set(err, STATUS_USAGE,
                         "%s: already exists and is not a run; choose another --run", d->path);
    return error_set(err, STATUS_USAGE,
                     "%s: already exists; continue it with --resume %s, or choose another --run",
                     d->path, d->path);
}

/* Whether this is the name of a file without which a run cannot be resumed. */
static bool is_needed(const char *name)
{
    static const char *const names[] = {"config.json", "metrics.jsonl", "last.safetensors",
                                        "best.safetensors"};
    bool needed = text_after(name, "optimizer-");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        needed |= strcmp(name, names[i]) == 0;
    return needed;
}

static status find_file_of_run(void *context, const char *name, const char *path, error *err)
{
    bool *found = context;
    (void)path, (void)err;
    *found |= is_needed(name) || file_is_unfinished(name);
    return STATUS_OK;
}

/* Removes what a killed start left if it is empty or contains a file of a run, perhaps only one
 * that is unfinished. A directory that cannot be removed only takes space. */
static void remove_abandoned(void *context, const char *directory)
{
    error ignored;
    bool found = false;
    (void)context;
    if (rmdir(directory) == 0)
        return;
    if (file_each(directory, find_file_of_run, &found, &ignored) == STATUS_OK && found)
        file_remove_tree(directory, &ignored);
}

static status list_entries(run_directory *d, error *err)
{
    d->entries = opendir(d->temporary);
    return d->entries ? STATUS_OK : file_error(err, d->temporary, "cannot be opened");
}

status run_directory_begin(run_directory *d, error *err)
{
    TRY(unfinished_create(d->path, dated_names, remove_abandoned, NULL, &d->temporary, &d->lock,
                          err));
    return list_entries(d, err);
}

/* rename replaces only an empty directory. If the program chose the name, this tries
 * "runs/DATE-TIME-2" and so on until a name is free. */
static status rename_to_free_name(run_directory *d, const char *first, error *err)
{
    status result = file_rename(d->temporary, d->path, err);
    for (int number = 2; result != STATUS_OK && d->own_name && file_exists(d->path); number++) {
        char *next = text_format("%s-%d", first, number);
        TRY(got_memory(next, err, first));
        free(d->path);
        d->path = next;
        result = file_rename(d->temporary, d->path, err);
    }
    return result;
}

static void close_entries(run_directory *d)
{
    if (d->entries)
        closedir(d->entries);
    d->entries = NULL;
}

status run_directory_commit(run_directory *d, error *err)
{
    char *first = text_format("%s", d->path);
    TRY(got_memory(first, err, d->path));
    status result = rename_to_free_name(d, first, err);
    free(first);
    if (result == STATUS_OK) {
        close_entries(d);
        free(d->temporary);
        d->temporary = NULL;
    }
    if (result == STATUS_OK || !file_exists(d->path))
        return result;
    return error_set(
        err, STATUS_USAGE,
        "%s: was just created by another start; continue that run with --resume %s, or "
        "choose another --run",
        d->path, d->path);
}

/* Removes a file of the run that a killed process did not finish. The run is locked, so no other
 * process is writing it. Other temporary files are the user's. */
static status remove_unfinished(void *context, const char *name, const char *path, error *err)
{
    (void)context, (void)err;
    if (file_is_unfinished(name))
        unlink(path);
    return STATUS_OK;
}

/* Metrics go to a file that is there, so a directory that may not be written would be noticed only
 * at the next checkpoint, perhaps after hours. */
static status check_writable(const char *path, error *err)
{
    return access(path, W_OK | X_OK) == 0
               ? STATUS_OK
               : error_set(err, STATUS_FAILED,
                           "%s: cannot be written: %s; make this directory writable, or move the "
                           "run to another place",
                           path, strerror(errno));
}

status run_directory_open(run_directory *d, const char *path, error *err)
{
    *d = (run_directory){.path = text_format("%s", path), .lock = -1};
    TRY(got_memory(d->path, err, path));
    TRY(file_lock(path, &d->lock, err));
    TRY(check_writable(path, err));
    return file_each(path, remove_unfinished, NULL, err);
}

bool run_directory_is_there(const run_directory *d)
{
    return file_is_at(d->lock, d->path);
}

/* ---- Removing one ---- */

static const char kept_to_the_last[] = "config.json"; /* what is left is known by it */

typedef struct removal {
    status result;
    error *err;
} removal;

static status remove_entry(void *context, const char *name, const char *path, error *err)
{
    struct stat info;
    (void)context;
    if (strcmp(name, kept_to_the_last) == 0)
        return STATUS_OK;
    if (lstat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return file_remove_tree(path, err);
    return unlink(path) == 0 ? STATUS_OK : file_error(err, path, "cannot be removed");
}

static void remove_all(removal *r, const char *directory)
{
    r->result = file_each(directory, remove_entry, NULL, r->err);
    if (r->result == STATUS_OK)
        r->result = file_remove_tree(directory, r->err);
    if (r->result != STATUS_OK)
        error_suffix(r->err, r->result, "; once that is solved, the same command removes the rest");
}

/* Removes what an earlier removal left. */
static void remove_rest(void *context, const char *directory)
{
    removal *r = context;
    if (r->result == STATUS_OK && rmdir(directory) != 0 &&
        file_may_exist_in(directory, kept_to_the_last))
        remove_all(r, directory);
}

static status remove_locked(const char *path, error *err)
{
    char *temporary;
    removal r = {STATUS_OK, err};
    TRY(unfinished_rename(path, &temporary, err));
    remove_all(&r, temporary);
    free(temporary);
    return r.result;
}

status run_directory_remove(const char *path, error *err)
{
    int lock;
    removal r = {STATUS_OK, err};
    TRY(unfinished_visit_left(path, NULL, remove_rest, &r, err));
    TRY(r.result);
    if (!file_may_exist(path))
        return STATUS_OK;
    TRY(file_lock(path, &lock, err));
    status result = remove_locked(path, err);
    file_unlock(lock);
    return result;
}

bool run_directory_needs(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory = is_needed(slash ? slash + 1 : path) ? file_parent(path) : NULL;
    bool needed = directory && file_exists_in(directory, "config.json") &&
                  file_exists_in(directory, "last.safetensors");
    free(directory);
    return needed;
}

/* A run's directory contains only files. */
static void remove_temporary(run_directory *d)
{
    if (d->entries)
        rewinddir(d->entries);
    for (const struct dirent *entry; d->entries && (entry = readdir(d->entries));)
        unlinkat(dirfd(d->entries), entry->d_name, 0);
    close_entries(d);
    rmdir(d->temporary);
}

void run_directory_close(run_directory *d)
{
    if (!d->path)
        return;
    if (d->temporary)
        remove_temporary(d);
    file_unlock(d->lock);
    free(d->temporary);
    free(d->path);
    *d = (run_directory){0};
}
