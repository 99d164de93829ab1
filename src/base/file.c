/* SPDX-License-Identifier: Apache-2.0 */
/* Reads files, replaces them atomically, and handles directories, locks and paths; see file.h. */
#include "base/file.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The ends of temporary names, before random digits: while a file is written, and while one gets a
 * second name. Nobody can guess the digits and put a symbolic link there, and two processes with
 * the same number, in two containers, do not meet. */
static const char writer_mark[] = ".tmp-", link_mark[] = ".link-";
enum { RANDOM_DIGITS = 16 };

static const char *shortage_advice(int reason)
{
    if (reason == ENOMEM)
        return "; free memory";
    if (reason == EMFILE)
        return "; raise the limit on open files (ulimit -n)";
    return reason == ENFILE ? "; end other programs that have many files open" : "";
}

static const char *access_advice(int reason)
{
    if (reason == EACCES || reason == EPERM)
        return "; get access to it and to the directories above it (chmod or chown)";
    if (reason == ELOOP)
        return "; remove the symbolic links that lead in a circle";
    return shortage_advice(reason);
}

status file_error(error *err, const char *path, const char *what)
{
    int reason = errno;
    error_set(err, STATUS_FAILED, "%s: %s: %s%s", path, what, strerror(reason),
              access_advice(reason));
    err->shortage = error_is_shortage(reason);
    return STATUS_FAILED;
}

/* Like fdopen, but takes over the descriptor in any case; -1 is allowed. NULL: errno says why. */
static FILE *to_stream(int descriptor, const char *mode)
{
    FILE *stream = descriptor < 0 ? NULL : fdopen(descriptor, mode);
    int reason = errno;
    if (descriptor >= 0 && !stream)
        close(descriptor);
    errno = reason;
    return stream;
}

/* What stands in the place of a file, and the remedy if there is one. */
static const char *kind_of(mode_t mode)
{
    if (S_ISDIR(mode))
        return "a directory; expected a file";
    return S_ISFIFO(mode) ? "not a regular file but a pipe; copy what comes out of it into a file"
                          : "not a regular file";
}

/* Takes over the descriptor. */
static status open_stream(int descriptor, const char *path, FILE **stream, size_t *size, error *err)
{
    struct stat info;
    *stream = to_stream(descriptor, "rb");
    if (!*stream)
        return file_error(err, path, "cannot be opened");
    bool known = fstat(fileno(*stream), &info) == 0;
    if (!known || !S_ISREG(info.st_mode)) {
        if (!known)
            file_error(err, path, "cannot be opened");
        else
            error_set(err, STATUS_FAILED, "%s: is %s", path, kind_of(info.st_mode));
        fclose(*stream);
        *stream = NULL;
        return STATUS_FAILED;
    }
    *size = (size_t)info.st_size;
    return STATUS_OK;
}

/* Without O_NONBLOCK, opening a pipe would wait for a writer. */
static int open_to_read(const char *path)
{
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

status file_open(const char *path, FILE **stream, size_t *size, error *err)
{
    return open_stream(open_to_read(path), path, stream, size, err);
}

static status read_stream(const char *path, FILE *stream, size_t size, unsigned char **data,
                          error *err)
{
    unsigned char *bytes = malloc(size + 1);
    TRY(got_memory(bytes, err, path));
    if (fread(bytes, 1, size, stream) != size) {
        if (ferror(stream))
            file_error(err, path, "cannot be read");
        else
            error_set(err, STATUS_FAILED,
                      "%s: cannot be read: the file was truncated while it was being read", path);
        free(bytes);
        return STATUS_FAILED;
    }
    bytes[size] = '\0';
    *data = bytes;
    return STATUS_OK;
}

status file_read_descriptor(int descriptor, const char *path, size_t limit, unsigned char **data,
                            size_t *size, error *err)
{
    FILE *stream;
    size_t length;
    *data = NULL;
    *size = 0;
    TRY(open_stream(descriptor, path, &stream, &length, err));
    status result = length > limit ? error_set(err, STATUS_FAILED,
                                               "%s: has %zu bytes; at most %zu are expected here",
                                               path, length, limit)
                                   : read_stream(path, stream, length, data, err);
    if (result == STATUS_OK)
        *size = length;
    fclose(stream);
    return result;
}

status file_read(const char *path, size_t limit, unsigned char **data, size_t *size, error *err)
{
    return file_read_descriptor(open_to_read(path), path, limit, data, size, err);
}

const char *file_write_advice(int reason)
{
    if (reason == ENOSPC || reason == EDQUOT)
        return "; make room there";
    if (reason == EFBIG)
        return "; raise the limit on file sizes (ulimit -f), or use a file system that allows "
               "larger files";
    if (reason == EACCES || reason == EPERM || reason == EROFS)
        return "; make its directory writable, or choose another place";
    return shortage_advice(reason);
}

status file_write_error(error *err, const char *path, int reason)
{
    char *parent = reason == ENOENT ? file_parent(path) : NULL;
    const char *what = strerror(reason);
    if (reason == ENOTDIR)
        what = "a part of this path is a file, not a directory";
    else if (parent && !file_exists(parent))
        what = "its directory does not exist";
    error_set(err, STATUS_FAILED, "%s: cannot be written: %s%s", path, what,
              file_write_advice(reason));
    free(parent);
    return STATUS_FAILED;
}

/* Without this check the final rename would replace a device with a file if the program runs as
 * root. */
static status check_replaceable(const char *path, error *err)
{
    struct stat info;
    if (stat(path, &info) != 0 || S_ISREG(info.st_mode))
        return STATUS_OK;
    return error_set(err, STATUS_FAILED, "%s: is %s, not a regular file; choose another name", path,
                     S_ISDIR(info.st_mode) ? "a directory" : "a device or a pipe");
}

/* A temporary name beside `path`; the caller frees it. */
static status temporary_name(const char *path, const char *mark, char **name, error *err)
{
    uint64_t digits;
    *name = NULL;
    if (getentropy(&digits, sizeof digits) != 0)
        return file_error(err, path, "no random name can be made");
    *name = text_format("%s%s%016llx", path, mark, (unsigned long long)digits);
    return got_memory(*name, err, path);
}

status file_writer_open(file_writer *writer, const char *path, error *err)
{
    *writer = (file_writer){0};
    TRY(check_replaceable(path, err));
    writer->path = strdup(path);
    status result;
    TRY_OR_DONE(got_memory(writer->path, err, path));
    TRY_OR_DONE(temporary_name(path, writer_mark, &writer->temporary, err));
    int descriptor =
        open(writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    writer->stream = to_stream(descriptor, "wb");
    if (!writer->stream)
        result = file_write_error(err, path, errno);
    if (descriptor >= 0 && !writer->stream)
        unlink(writer->temporary);
done:
    if (result != STATUS_OK)
        file_writer_abort(writer);
    return result;
}

status file_writer_put(file_writer *writer, const void *data, size_t size, error *err)
{
    if (size == 0 || fwrite(data, 1, size, writer->stream) == size)
        return STATUS_OK;
    if (!writer->reason)
        writer->reason = errno;
    return file_write_error(err, writer->path, errno);
}

static status seek(file_writer *writer, uint64_t at, int from, error *err)
{
    return fseeko(writer->stream, (off_t)at, from) == 0
               ? STATUS_OK
               : file_write_error(err, writer->path, errno);
}

status file_writer_replace(file_writer *writer, uint64_t at, const void *data, size_t size,
                           error *err)
{
    TRY(seek(writer, at, SEEK_SET, err));
    TRY(file_writer_put(writer, data, size, err));
    return seek(writer, 0, SEEK_END, err);
}

char *file_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return text_format(".");
    if (slash == path)
        return text_format("/");
    return text_format("%.*s", (int)(slash - path), path);
}

/* Some file systems cannot sync a directory (EINVAL); a rename in it is still atomic. */
static int sync_directory(int descriptor)
{
    return fsync(descriptor) == 0 || errno == EINVAL ? 0 : errno;
}

/* Renames, and syncs the directory, so that the rename survives a crash of the machine. Whatever
 * can fail is tried before the rename: an error means that nothing was renamed. Returns 0 or the
 * errno of the first failure. */
static int rename_synced(const char *from, const char *to)
{
    char *parent = file_parent(to);
    int descriptor = parent ? open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int reason = descriptor < 0 ? errno : sync_directory(descriptor);
    if (!reason && rename(from, to) != 0)
        reason = errno;
    if (!reason)
        sync_directory(descriptor);
    if (descriptor >= 0)
        close(descriptor);
    free(parent);
    return reason;
}

/* Syncs and closes the stream and renames the file. Returns 0 or the errno of the first failure. */
static int settle(file_writer *writer)
{
    int reason = writer->reason;
    if (!reason && (fflush(writer->stream) != 0 || fsync(fileno(writer->stream)) != 0))
        reason = errno;
    if (fclose(writer->stream) != 0 && !reason)
        reason = errno;
    writer->stream = NULL;
    return reason ? reason : rename_synced(writer->temporary, writer->path);
}

status file_writer_commit(file_writer *writer, error *err)
{
    int reason = settle(writer);
    if (reason)
        unlink(writer->temporary);
    status result = reason ? file_write_error(err, writer->path, reason) : STATUS_OK;
    file_writer_abort(writer);
    return result;
}

status file_writer_end(file_writer *writer, status so_far, error *err)
{
    if (so_far == STATUS_OK)
        return file_writer_commit(writer, err);
    file_writer_abort(writer);
    return so_far;
}

void file_writer_abort(file_writer *writer)
{
    if (writer->stream) {
        fclose(writer->stream);
        unlink(writer->temporary);
    }
    free(writer->temporary);
    free(writer->path);
    *writer = (file_writer){0};
}

status file_put(const char *path, const void *data, size_t size, error *err)
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    FILE *stream = to_stream(descriptor, "wb");
    if (!stream)
        return file_write_error(err, path, errno);
    int reason = fwrite(data, 1, size, stream) == size ? 0 : errno;
    if (fclose(stream) != 0 && !reason)
        reason = errno;
    return reason ? file_write_error(err, path, reason) : STATUS_OK;
}

status file_write(const char *path, const void *data, size_t size, error *err)
{
    file_writer writer;
    TRY(file_writer_open(&writer, path, err));
    return file_writer_end(&writer, file_writer_put(&writer, data, size, err), err);
}

static status copy_contents(const char *from, FILE *source, file_writer *writer, error *err)
{
    char block[1 << 16];
    size_t got;
    while ((got = fread(block, 1, sizeof block, source)) > 0)
        TRY(file_writer_put(writer, block, got, err));
    return ferror(source) ? file_error(err, from, "cannot be read") : STATUS_OK;
}

static status copy(const char *from, const char *to, error *err)
{
    file_writer writer;
    FILE *source = fopen(from, "rb");
    if (!source)
        return file_error(err, from, "cannot be opened");
    status result = file_writer_open(&writer, to, err);
    if (result == STATUS_OK)
        result = file_writer_end(&writer, copy_contents(from, source, &writer, err), err);
    fclose(source);
    return result;
}

/* The next entry that is neither . nor ..; NULL at the end, or with errno set after an error. */
static const struct dirent *next_entry(DIR *opened)
{
    const struct dirent *entry;
    do {
        errno = 0;
        entry = readdir(opened);
    } while (entry && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
    return entry;
}

status file_each(const char *directory, file_visit *visit, void *context, error *err)
{
    char path[PATH_MAX];
    status result = STATUS_OK;
    const struct dirent *entry = NULL;
    DIR *opened = opendir(directory);
    if (!opened && (errno == ENOENT || errno == ENOTDIR))
        return STATUS_OK;
    while (opened && result == STATUS_OK && (entry = next_entry(opened)))
        if (snprintf(path, sizeof path, "%s/%s", directory, entry->d_name) < PATH_MAX)
            result = visit(context, entry->d_name, path, err);
    if (!opened || (!entry && errno != 0))
        result = file_error(err, directory, "cannot be read");
    if (opened)
        closedir(opened);
    return result;
}

bool file_is_unfinished(const char *name)
{
    const char *dot = strrchr(name, '.');
    const char *dash = dot ? strchr(dot, '-') : NULL;
    if (!dash)
        return false;
    size_t mark = (size_t)(dash + 1 - dot);
    bool marked = (mark == strlen(writer_mark) && strncmp(dot, writer_mark, mark) == 0) ||
                  (mark == strlen(link_mark) && strncmp(dot, link_mark, mark) == 0);
    return marked && strlen(dash + 1) == RANDOM_DIGITS &&
           strspn(dash + 1, "0123456789abcdef") == RANDOM_DIGITS;
}

status file_link(const char *from, const char *to, error *err)
{
    char *temporary;
    TRY(temporary_name(to, link_mark, &temporary, err));
    bool linked = link(from, temporary) == 0;
    status result = linked ? file_rename(temporary, to, err) : copy(from, to, err);
    /* rename does nothing if both names are already the same file */
    if (linked)
        unlink(temporary);
    free(temporary);
    return result;
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static bool is_absence(int reason)
{
    return reason == ENOENT || reason == ENOTDIR || reason == ENAMETOOLONG;
}

bool file_may_exist(const char *path)
{
    return file_exists(path) || !is_absence(errno);
}

static bool is_in(const char *directory, const char *name, bool (*is)(const char *path))
{
    char path[PATH_MAX]; /* a longer one cannot exist */
    return snprintf(path, sizeof path, "%s/%s", directory, name) < PATH_MAX && is(path);
}

bool file_exists_in(const char *directory, const char *name)
{
    return is_in(directory, name, file_exists);
}

bool file_may_exist_in(const char *directory, const char *name)
{
    return is_in(directory, name, file_may_exist);
}

bool file_is_dangling(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0 && S_ISLNK(info.st_mode) && !file_exists(path) &&
           (is_absence(errno) || errno == ELOOP);
}

bool file_is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

status file_make_directory(const char *path, error *err)
{
    char *copy = strdup(path);
    TRY(got_memory(copy, err, path));
    status result = STATUS_OK;
    for (char *at = copy + 1;; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        char kept = *at;
        *at = '\0';
        int reason = mkdir(copy, 0777) == 0 ? 0 : errno;
        if (reason && !file_is_directory(copy)) {
            const char *advice =
                reason == EEXIST
                    ? "; it is not a directory: remove it, or choose another name for the directory"
                    : file_write_advice(reason);
            result = error_set(err, STATUS_FAILED, "%s: directory cannot be created: %s%s", copy,
                               strerror(reason), advice);
            break;
        }
        *at = kept;
        if (kept == '\0')
            break;
    }
    free(copy);
    return result;
}

status file_remove_tree(const char *path, error *err)
{
    int opened = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *directory = opened < 0 ? NULL : fdopendir(opened);
    if (!directory) {
        file_error(err, path, "cannot be removed");
        file_unlock(opened);
        return STATUS_FAILED;
    }
    status result = STATUS_OK;
    struct dirent *entry;
    while (result == STATUS_OK && (entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *child = text_format("%s/%s", path, entry->d_name);
        struct stat info;
        if (!child)
            result = error_memory(err, path);
        else if (lstat(child, &info) == 0 && S_ISDIR(info.st_mode))
            result = file_remove_tree(child, err);
        else if (unlink(child) != 0)
            result = file_error(err, child, "cannot be removed");
        free(child);
    }
    closedir(directory);
    if (result == STATUS_OK && rmdir(path) != 0)
        result = file_error(err, path, "cannot be removed");
    return result;
}

status file_rename(const char *from, const char *to, error *err)
{
    int reason = rename_synced(from, to);
    return reason ? error_set(err, STATUS_FAILED, "%s: cannot be renamed to %s: %s%s", from, to,
                              strerror(reason), file_write_advice(reason))
                  : STATUS_OK;
}

bool file_is_at(int descriptor, const char *path)
{
    struct stat opened, named;
    return fstat(descriptor, &opened) == 0 && stat(path, &named) == 0 &&
           opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

status file_open_directory(const char *directory, int *opened, error *err)
{
    *opened = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *opened >= 0 ? STATUS_OK : file_error(err, directory, "cannot be opened");
}

/* LOCK_NAPS: another process may have a lock only for the moment that file_is_locked takes.
 * WAIT_NAPS: five seconds. */
enum { LOCK_NAPS = 10, WAIT_NAPS = 250, NAP_MILLISECONDS = 20 };

static status lock_within(const char *directory, int naps, int *lock, error *err)
{
    const struct timespec nap = {.tv_nsec = NAP_MILLISECONDS * 1000000L};
    TRY(file_open_directory(directory, lock, err));
    for (int i = 0; i < naps; i++) {
        if (flock(*lock, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
            return STATUS_OK;
        nanosleep(&nap, NULL);
    }
    close(*lock);
    *lock = -1;
    return error_set(err, STATUS_FAILED,
                     "%s: another hcnn-cl is working in it; wait for it or stop it", directory);
}

status file_lock(const char *directory, int *lock, error *err)
{
    return lock_within(directory, LOCK_NAPS, lock, err);
}

status file_wait_lock(const char *directory, int *lock, error *err)
{
    return lock_within(directory, WAIT_NAPS, lock, err);
}

bool file_try_lock(const char *directory, int *lock)
{
    *lock = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (*lock >= 0 && flock(*lock, LOCK_EX | LOCK_NB) == 0)
        return true;
    file_unlock(*lock);
    *lock = -1;
    return false;
}

bool file_is_locked(const char *directory)
{
    int opened = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (opened < 0)
        return false;
    bool locked = flock(opened, LOCK_EX | LOCK_NB) != 0;
    close(opened);
    return locked;
}

void file_unlock(int lock)
{
    if (lock >= 0)
        close(lock);
}

bool file_path_leaves(const char *path)
{
    int depth = 0;
    for (const char *at = path; *at && depth >= 0;) {
        size_t length = strcspn(at, "/");
        if (length == 2 && at[0] == '.' && at[1] == '.')
            depth--;
        else if (length > 0 && !(length == 1 && at[0] == '.'))
            depth++;
        at += length + (at[length] == '/');
    }
    return depth < 0;
}

/* Whether an absolute path is `root` followed by a path that stays below it. Frees `root`; NULL
 * never matches. */
static bool begins_with(const char *path, char *root)
{
    size_t length = root ? strlen(root) : 0;
    while (length > 0 && root[length - 1] == '/')
        length--;
    bool below = root && strncmp(path, root, length) == 0 && path[length] == '/' &&
                 !file_path_leaves(path + length);
    free(root);
    return below;
}

bool file_path_is_below(const char *path, const char *directory)
{
    if (path[0] != '/')
        return !file_path_leaves(path);
    return begins_with(path, file_absolute(directory)) ||
           begins_with(path, realpath(directory, NULL));
}

bool file_is_name(const char *name)
{
    return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

char *file_absolute(const char *path)
{
    char here[PATH_MAX];
    return path[0] == '/' || !getcwd(here, sizeof here) ? text_format("%s", path)
                                                        : text_format("%s/%s", here, path);
}

char *file_cache_directory(void)
{
    const char *cache = getenv("XDG_CACHE_HOME");
    if (cache && cache[0] == '/')
        return text_format("%s/hcnn-cl", cache);
    const char *home = getenv("HOME");
    if (home && home[0] == '/')
        return text_format("%s/.cache/hcnn-cl", home);
    return NULL;
}
