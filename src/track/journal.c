/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of JSON; see journal.h. */
#include "track/journal.h"
#include "base/file.h"
#include "base/json_values.h"
#include "base/text.h"

#include <errno.h>
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
    return stat(path, &info) == 0 ? check_empty(path, &info, err) : STATUS_OK;
}

/* Opens the file for appending. Only regular files are worth a lock, and some file systems have no
 * locks. */
static status open_locked(journal *j, const char *path, struct stat *info, error *err)
{
    *j = (journal){.path = text_format("%s", path)};
    TRY(got_memory(j->path, err, path));
    j->stream = fopen(path, "ab");
    if (!j->stream || fstat(fileno(j->stream), info) != 0)
        return fail(j, err);
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

/* Whether a line ends at `bytes`; 0 counts as an end. */
static bool ends_line(const char *path, uint64_t bytes)
{
    FILE *file = fopen(path, "rb");
    bool ends = bytes == 0 ||
                (file && fseeko(file, (off_t)bytes - 1, SEEK_SET) == 0 && fgetc(file) == '\n');
    if (file)
        fclose(file);
    return ends;
}

status journal_resume(journal *j, const char *path, uint64_t bytes, error *err)
{
    struct stat info;
    TRY(open_locked(j, path, &info, err));
    /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): fstat set it. */
    if (!S_ISREG(info.st_mode) || info.st_size == 0)
        return STATUS_OK;
    if ((uint64_t)info.st_size < bytes || !ends_line(path, bytes))
        return error_set(
            err, STATUS_FAILED,
            "%s: is not the metrics file that the run left: its first %llu bytes have to be whole "
            "lines; put the right file back, or move this one away to start a new one",
            path, (unsigned long long)bytes);
    return ftruncate(fileno(j->stream), (off_t)bytes) == 0 ? STATUS_OK : fail(j, err);
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
    bool written =
        fputs(text, j->stream) != EOF && fputc('\n', j->stream) != EOF && fflush(j->stream) == 0;
    free(text);
    return written ? STATUS_OK : fail(j, err);
}

bool journal_is_there(const journal *j)
{
    struct stat info;
    int file = fileno(j->stream);
    return fstat(file, &info) != 0 || !S_ISREG(info.st_mode) || file_is_at(file, j->path);
}

status journal_sync(journal *j, uint64_t *bytes, error *err)
{
    struct stat info;
    if (fflush(j->stream) != 0 || fstat(fileno(j->stream), &info) != 0)
        return fail(j, err);
    *bytes = 0;
    if (!S_ISREG(info.st_mode))
        return STATUS_OK;
    if (fsync(fileno(j->stream)) != 0)
        return fail(j, err);
    *bytes = (uint64_t)info.st_size;
    return STATUS_OK;
}
