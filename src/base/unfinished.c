/* SPDX-License-Identifier: Apache-2.0 */
/* See unfinished.h. */
#include "base/unfinished.h"
#include "base/file.h"
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_ATTEMPTS = 100 };

static const char mark[] = ".new-";

typedef struct search {
    const char *name; /* without its directory */
    const char *pattern;
    unfinished_visit *visit;
    void *context;
} search;

/* Whether `entry` is "NAME.new-PROCESS-NUMBER". */
static bool is_temporary_name(const char *entry, const search *s)
{
    char name[NAME_MAX + 1];
    const char *dot = strrchr(entry, '.'), *process = dot ? text_after(dot, mark) : NULL;
    const char *number = process ? process + strspn(process, "0123456789") : NULL;
    if (!number || number == process || *number != '-' || !isdigit((unsigned char)number[1]) ||
        number[1 + strspn(number + 1, "0123456789")] != '\0')
        return false;
    snprintf(name, sizeof name, "%.*s", (int)(dot - entry), entry);
    return strcmp(name, s->name) == 0 || (s->pattern && fnmatch(s->pattern, name, 0) == 0);
}

static status visit_left(void *context, const char *entry, const char *directory, error *err)
{
    const search *s = context;
    int lock;
    (void)err;
    if (is_temporary_name(entry, s) && file_try_lock(directory, &lock)) {
        s->visit(s->context, directory);
        file_unlock(lock);
    }
    return STATUS_OK;
}

/* Uses mkdir, because the directories of mkdtemp are closed to the group whatever the umask is.
 * *taken: the name exists, or another process removed the new directory as a leftover; the next
 * name may be free. */
static status make_locked(const char *path, int *lock, bool *taken, error *err)
{
    int reason = mkdir(path, 0777) == 0 ? 0 : errno;
    *taken = reason == EEXIST;
    if (reason)
        return error_set(err, STATUS_FAILED, "%s: directory cannot be created: %s%s", path,
                         strerror(reason), file_write_advice(reason));
    status result = file_lock(path, lock, err);
    if (result != STATUS_OK)
        *taken = rmdir(path) != 0 && errno == ENOENT;
    TRY(result);
    /* Before it was locked, another process may have removed it as a leftover. */
    if (file_is_at(*lock, path))
        return STATUS_OK;
    file_unlock(*lock);
    *lock = -1;
    *taken = true;
    return error_set(err, STATUS_FAILED, "%s: was removed by another process", path);
}

static char *temporary_name(const char *name, int number)
{
    return text_format("%s%s%ld-%d", name, mark, (long)getpid(), number);
}

status unfinished_visit_left(const char *name, const char *pattern, unfinished_visit *visit,
                             void *context, error *err)
{
    const char *slash = strrchr(name, '/');
    search s = {slash ? slash + 1 : name, pattern, visit, context};
    char *parent = file_parent(name);
    TRY(got_memory(parent, err, name));
    status result = file_each(parent, visit_left, &s, err);
    free(parent);
    return result;
}

status unfinished_create(const char *name, const char *pattern, unfinished_visit *visit,
                         void *context, char **path, int *lock, error *err)
{
    char *parent = file_parent(name);
    *path = NULL;
    *lock = -1;
    status result = parent ? file_make_directory(parent, err) : error_memory(err, name);
    free(parent);
    TRY(result);
    TRY(unfinished_visit_left(name, pattern, visit, context, err));
    bool taken = true;
    for (int number = 0; taken && number < MOST_ATTEMPTS; number++) {
        char *tried = temporary_name(name, number);
        TRY(got_memory(tried, err, name));
        if (make_locked(tried, lock, &taken, err) == STATUS_OK) {
            *path = tried;
            return STATUS_OK;
        }
        free(tried);
    }
    return STATUS_FAILED; /* err says why the last attempt failed */
}

status unfinished_rename(const char *name, char **path, error *err)
{
    status result = STATUS_FAILED;
    *path = NULL;
    for (int number = 0; result != STATUS_OK && number < MOST_ATTEMPTS; number++) {
        char *tried = temporary_name(name, number);
        TRY(got_memory(tried, err, name));
        bool taken = file_may_exist(tried);
        result = file_rename(name, tried, err); /* never replaces one that is not empty */
        if (result == STATUS_OK)
            *path = tried;
        else
            free(tried);
        if (!taken)
            break;
    }
    return result;
}
