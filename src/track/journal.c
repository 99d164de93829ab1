/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of JSON; see journal.h. */
#include "track/journal.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "base/json_values.h"
#include "base/text.h"
#include "track/journal_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Enough digits to read back the same float. */
enum { DIGITS = 9 };

static status fail(const journal *j, error *err)
{
    int reason = errno;
    struct stat info = {0};
    stat(j->path, &info);
    if (S_ISDIR(info.st_mode))
        return error_set(err, STATUS_FAILED,
                         "%s: is a directory, but metrics are written to a file; move this "
                         "directory away to start a new file",
                         j->path);
    if (reason == ENXIO && S_ISFIFO(info.st_mode))
        return error_set(err, STATUS_FAILED,
                         "%s: is a pipe that nobody reads; start its reader first, or move the "
                         "pipe away to write to a new file",
                         j->path);
    /* The file is not replaced, so it has to be writable itself. */
    if (reason == EACCES && file_exists(j->path))
        return error_set(err, STATUS_FAILED,
                         "%s: cannot be written: %s; make this file writable, or move it away to "
                         "start a new one",
                         j->path, strerror(reason));
    return file_write_error(err, j->path, reason);
}

static status check_empty(const char *path, const struct stat *info, error *err)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): fstat set it. */
    if (!S_ISREG(info->st_mode) || info->st_size == 0)
        return STATUS_OK;
    return error_set(err, STATUS_USAGE,
                     "%s: already contains %lld bytes, but the metrics file of a new run has to be "
                     "new or empty; choose another --metrics or move this file away",
                     path, (long long)info->st_size);
}

status journal_check_new(const char *path, error *err)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return STATUS_OK;
    if (S_ISDIR(info.st_mode))
        return error_set(err, STATUS_USAGE,
                         "%s: is a directory, but metrics are written to a file; choose another "
                         "--metrics",
                         path);
    return check_empty(path, &info, err);
}

/* Without O_NONBLOCK, opening a pipe would wait for a reader; writes to it should wait. */
static FILE *open_to_append(const char *path)
{
    int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
    FILE *stream = file >= 0 && fcntl(file, F_SETFL, O_APPEND) == 0 ? fdopen(file, "ab") : NULL;
    int reason = errno;
    if (file >= 0 && !stream)
        close(file);
    errno = reason;
    return stream;
}

static bool is_open_as(int descriptor, const struct stat *info)
{
    struct stat other;
    return fstat(descriptor, &other) == 0 && other.st_dev == info->st_dev &&
           other.st_ino == info->st_ino;
}

/* Only regular files are worth a lock, and some file systems have no locks. */
static status open_locked(journal *j, const char *path, struct stat *info, error *err)
{
    *j = (journal){.path = text_format("%s", path)};
    TRY(got_memory(j->path, err, path));
    j->stream = open_to_append(path);
    if (!j->stream || fstat(fileno(j->stream), info) != 0)
        return fail(j, err);
    /* In a program that uses the library, standard output may be closed, and the file itself may
     * have got its number. */
    bool shared = !S_ISREG(info->st_mode) ||
                  (fileno(j->stream) > STDERR_FILENO &&
                   (is_open_as(STDOUT_FILENO, info) || is_open_as(STDERR_FILENO, info)));
    j->now.kind = shared ? JOURNAL_APPENDED : JOURNAL_FILE;
    if (S_ISREG(info->st_mode) && flock(fileno(j->stream), LOCK_EX | LOCK_NB) != 0 &&
        errno == EWOULDBLOCK)
        return error_set(err, STATUS_FAILED,
                         "%s: another hcnn-cl is writing its metrics to it; wait until it has "
                         "ended or choose another --metrics",
                         path);
    return STATUS_OK;
}

status journal_create(journal *j, const char *path, error *err)
{
    struct stat info;
    TRY(open_locked(j, path, &info, err));
    return check_empty(path, &info, err);
}

status journal_resume(journal *j, const char *path, const journal_mark *mark, uint64_t step,
                      error *err)
{
    struct stat info;
    TRY(open_locked(j, path, &info, err));
    if (mark->kind == JOURNAL_APPENDED)
        j->now.kind = JOURNAL_APPENDED;
    /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): fstat set it. */
    if (j->now.kind == JOURNAL_APPENDED || info.st_size == 0)
        return STATUS_OK;
    TRY(journal_check(path, mark, step, &j->now.crc32c, err));
    j->now.bytes = mark->bytes;
    return ftruncate(fileno(j->stream), (off_t)mark->bytes) == 0 ? STATUS_OK : fail(j, err);
}

void journal_close(journal *j)
{
    if (j->stream)
        fclose(j->stream);
    free(j->path);
    *j = (journal){0};
}

status journal_put(journal *j, const metric_line *line, error *err)
{
    char *text;
    json_watch();
    TRY(json_to_text(metric_line_to_json(line),
                     JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(DIGITS), j->path,
                     &text, err));
    size_t length = strlen(text);
    text[length++] = '\n'; /* in place of the zero byte */
    bool written = fwrite(text, 1, length, j->stream) == length && fflush(j->stream) == 0;
    if (written && j->now.kind == JOURNAL_FILE) {
        j->now.bytes += length;
        j->now.crc32c = crc32c_more(j->now.crc32c, text, length);
    }
    free(text);
    return written ? STATUS_OK : fail(j, err);
}

bool journal_is_there(const journal *j)
{
    struct stat info;
    int file = fileno(j->stream);
    return fstat(file, &info) != 0 || !S_ISREG(info.st_mode) || file_is_at(file, j->path);
}

status journal_sync(journal *j, journal_mark *mark, error *err)
{
    struct stat info;
    *mark = j->now;
    if (fflush(j->stream) != 0 || fstat(fileno(j->stream), &info) != 0)
        return fail(j, err);
    return !S_ISREG(info.st_mode) || fsync(fileno(j->stream)) == 0 ? STATUS_OK : fail(j, err);
}
