/* SPDX-License-Identifier: Apache-2.0 */
/* Files of this user alone; see private_file.h. */
#include "base/private_file.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OWN_DIRECTORY = 0700, OWN_FILE = 0600 };

/* Under sudo, HOME may be that of the user who called it, whose cache root must not take over. */
static status refuse_owner(error *err, const char *path, uid_t owner)
{
    error_set(err, STATUS_FAILED, "%s: belongs to another user (number %lu), who could change it; ",
              path, (unsigned long)owner);
    if (geteuid() == 0)
        return error_suffix(err, STATUS_FAILED,
                            "set XDG_CACHE_HOME to a directory that belongs to root");
    return error_suffix(err, STATUS_FAILED, "run `chown -R %lu %s` or choose another place",
                        (unsigned long)geteuid(), path);
}

/* Whether what was opened belongs to this user or root, and nobody else may write to it. */
static status check_owner(int descriptor, const char *path, error *err)
{
    struct stat info;
    if (fstat(descriptor, &info) != 0)
        return file_error(err, path, "cannot be examined");
    if (info.st_uid != geteuid() && info.st_uid != 0)
        return refuse_owner(err, path, info.st_uid);
    if (info.st_mode & (S_IWGRP | S_IWOTH))
        return error_set(err, STATUS_FAILED,
                         "%s: other users can write to it (mode %04o); run `chmod -R go-w %s`",
                         path, (unsigned)info.st_mode & 07777, path);
    return STATUS_OK;
}

/* Opens and checks a directory. */
static status open_directory(const char *path, int *directory, error *err)
{
    TRY(file_open_directory(path, directory, err));
    status result = check_owner(*directory, path, err);
    if (result != STATUS_OK)
        close(*directory);
    return result;
}

status private_directory_check(const char *path, error *err)
{
    int directory;
    if (!file_may_exist(path))
        return STATUS_OK;
    TRY(open_directory(path, &directory, err));
    close(directory);
    return STATUS_OK;
}

status private_directory_make(const char *path, error *err)
{
    char *parent = file_parent(path);
    TRY(got_memory(parent, err, path));
    status result = file_make_directory(parent, err);
    free(parent);
    TRY(result);
    if (mkdir(path, OWN_DIRECTORY) != 0 && errno != EEXIST)
        return error_set(err, STATUS_FAILED, "%s: directory cannot be created: %s%s", path,
                         strerror(errno), file_write_advice(errno));
    return private_directory_check(path, err);
}

/* Reads the file of this name in the directory; `path` is for messages. */
static status read_in(int directory, const char *path, size_t limit, unsigned char **data,
                      size_t *size, error *err)
{
    const char *slash = strrchr(path, '/');
    /* Without O_NONBLOCK, opening a pipe would wait for a writer. */
    int file =
        openat(directory, slash ? slash + 1 : path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return file_error(err, path, "cannot be opened");
    status result = check_owner(file, path, err);
    if (result == STATUS_OK)
        return file_read_descriptor(file, path, limit, data, size, err);
    close(file);
    return result;
}

status private_file_read(const char *path, size_t limit, unsigned char **data, size_t *size,
                         error *err)
{
    int directory;
    char *parent = file_parent(path);
    *data = NULL;
    *size = 0;
    TRY(got_memory(parent, err, path));
    status result = open_directory(parent, &directory, err);
    free(parent);
    TRY(result);
    result = read_in(directory, path, limit, data, size, err);
    close(directory);
    return result;
}

static status write_contents(file_writer *writer, const void *data, size_t size, error *err)
{
    if (fchmod(fileno(writer->stream), OWN_FILE) != 0)
        return file_write_error(err, writer->path, errno);
    return file_writer_put(writer, data, size, err);
}

/* The program chose the name, so only removal helps. */
static status check_kind(const char *path, error *err)
{
    struct stat info;
    if (stat(path, &info) != 0 || S_ISREG(info.st_mode))
        return STATUS_OK;
    return error_set(err, STATUS_FAILED, "%s: is not a regular file; remove it", path);
}

status private_file_write(const char *path, const void *data, size_t size, error *err)
{
    file_writer writer;
    char *parent = file_parent(path);
    TRY(got_memory(parent, err, path));
    status result = private_directory_make(parent, err);
    free(parent);
    TRY(result);
    TRY(check_kind(path, err));
    TRY(file_writer_open(&writer, path, err));
    return file_writer_end(&writer, write_contents(&writer, data, size, err), err);
}
