/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of cache directories; see cache.h. */
#include "device/cache.h"
#include "base/file.h"
#include "base/private_file.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROOM_MEGABYTES = 4 };

/* Whether the directory is there, or `make` makes it, and it can be written. If not, *reason is
 * errno. */
static bool can_write(const char *directory, status make(const char *path, error *err), int *reason)
{
    error ignored;
    errno = 0;
    bool good = make(directory, &ignored) == STATUS_OK && access(directory, W_OK | X_OK) == 0;
    *reason = errno ? errno : EACCES;
    return good;
}

status cache_check(error *err)
{
    static const char remedy[] = "so the self-test is repeated at every start, and tuned choices "
                                 "and compiled kernels (but PoCL's) are lost; set "
                                 "XDG_CACHE_HOME to a directory that can be written";
    char *directory = file_cache_directory();
    int reason;
    if (!directory)
        return error_set(err, STATUS_FAILED, "there is no cache directory, %s", remedy);
    status result = STATUS_OK;
    if (file_is_directory(directory))
        result = private_directory_check(directory, err);
    if (result != STATUS_OK)
        result = error_prefix(err, result,
                              "verdicts of the self-test, tuned choices and compiled kernels "
                              "(but PoCL's) are not kept or used");
    else if (!can_write(directory, private_directory_make, &reason))
        result = error_set(err, STATUS_FAILED, "the cache directory %s cannot be written (%s), %s",
                           directory, strerror(reason), remedy);
    free(directory);
    return result;
}

/* PoCL's rules. The caller frees the text; NULL if there is no memory. */
static char *pocl_directory(void)
{
    const char *own = getenv("POCL_CACHE_DIR"), *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    if (own && *own)
        return text_format("%s", own);
    if (cache && *cache)
        return text_format("%s/pocl/kcache", cache);
    return home ? text_format("%s/.cache/pocl/kcache", home) : text_format("/tmp/pocl/kcache");
}

status cache_check_pocl(error *err)
{
    char *directory = pocl_directory();
    int reason;
    TRY(got_memory(directory, err, "the name of PoCL's cache directory"));
    status result = STATUS_OK;
    if (!can_write(directory, file_make_directory, &reason))
        result =
            error_set(err, STATUS_FAILED,
                      "PoCL offers no device, because its cache directory %s cannot be written "
                      "(%s); set POCL_CACHE_DIR to a directory that can be written",
                      directory, strerror(reason));
    free(directory);
    return result;
}

/* 0 if the directory takes a file of this size; otherwise the reason, as in errno. The file is
 * removed. */
static int try_room(const char *directory, off_t bytes)
{
    char *path = text_format("%s/hcnn-cl-room-XXXXXX", directory);
    if (!path)
        return ENOMEM;
    int file = mkstemp(path), reason = errno;
    if (file >= 0) {
        unlink(path);
        reason = posix_fallocate(file, 0, bytes);
        close(file);
    }
    free(path);
    return reason;
}

status cache_check_pocl_room(error *err)
{
    char *directory = pocl_directory();
    TRY(got_memory(directory, err, "the name of PoCL's cache directory"));
    status result = STATUS_OK;
    int reason = try_room(directory, (off_t)ROOM_MEGABYTES << 20);
    if (reason)
        result = error_set(err, STATUS_USAGE,
                           "PoCL cannot compile, because its cache directory %s takes no file of "
                           "%d MiB (%s); make room or allow writing there, raise `ulimit -f`, or "
                           "set POCL_CACHE_DIR to another directory",
                           directory, ROOM_MEGABYTES, strerror(reason));
    free(directory);
    return result;
}

status cache_lost_by_pocl(const char *what, error *err)
{
    char *directory = pocl_directory();
    TRY(got_memory(directory, err, "the name of PoCL's cache directory"));
    error_set(err, STATUS_FAILED,
              "%s: PoCL's program lacks it; if kernels/ is unchanged, a file in PoCL's cache "
              "directory %s is damaged: remove that directory",
              what, directory);
    free(directory);
    return STATUS_FAILED;
}
