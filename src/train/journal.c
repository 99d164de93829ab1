/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of JSON; see journal.h. */
#include "train/journal.h"
#include "base/file.h"
#include "base/json_values.h"
#include "base/text.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Enough digits that a float's value survives. */
enum { DIGITS = 9 };

static status fail(const journal *j, error *err)
{
    return file_write_error(err, j->path, errno);
}

static status check_empty(const char *path, const struct stat *info, error *err)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): fstat set it. */
    if (!S_ISREG(info->st_mode) || info->st_size == 0)
        return STATUS_OK;
    return error_set(err, STATUS_USAGE,
                     "%s: holds %lld bytes already, and a run's metrics replace nothing; name "
                     "another --metrics or move this file away",
                     path, (long long)info->st_size);
}

status journal_check_new(const char *path, error *err)
{
    struct stat info;
    return stat(path, &info) == 0 ? check_empty(path, &info, err) : STATUS_OK;
}

/* For appending. Only files have a length and are worth a lock; some file systems have none. */
static status open_locked(journal *j, const char *path, struct stat *info, error *err)
{
    *j = (journal){.path = text_format("%s", path)};
    if (!j->path)
        return error_memory(err, path);
    j->stream = fopen(path, "ab");
    if (!j->stream || fstat(fileno(j->stream), info) != 0)
        return fail(j, err);
    if (S_ISREG(info->st_mode) && flock(fileno(j->stream), LOCK_EX | LOCK_NB) != 0 &&
        errno == EWOULDBLOCK)
        return error_set(err, STATUS_FAILED,
                         "%s: another hcnn-cl writes its metrics there; wait for it or name "
                         "another --metrics",
                         path);
    return STATUS_OK;
}

status journal_create(journal *j, const char *path, error *err)
{
    struct stat info;
    TRY(open_locked(j, path, &info, err));
    return check_empty(path, &info, err);
}

/* Whether the byte before `bytes` ends a line. */
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
        return error_set(err, STATUS_FAILED,
                         "%s: is not the metrics file that the run left, whose first %llu bytes "
                         "are lines of it; put that one back, or move this one away to begin anew",
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

/* Takes over `line`. */
static status put(journal *j, json_t *line, error *err)
{
    if (!line)
        return error_memory(err, j->path);
    bool written =
        json_dumpf(line, j->stream,
                   JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(DIGITS)) == 0 &&
        fputc('\n', j->stream) != EOF && fflush(j->stream) == 0;
    if (written && j->watch)
        j->watch(j->context, line);
    json_decref(line);
    return written ? STATUS_OK : fail(j, err);
}

status journal_step(journal *j, const train_step *w, error *err)
{
    json_t *line = json_pack("{s:I, s:f}", "step", (json_int_t)w->step, "loss", w->loss);
    if (line && !w->only_fine)
        json_object_set_new(line, "coarse_loss", json_real(w->coarse_loss));
    if (line) {
        json_object_set_new(line, "fine_loss", json_real(w->fine_loss));
        json_object_set_new(line, "lr", json_real(w->lr));
    }
    return put(j, line, err);
}

status journal_epoch(journal *j, const train_epoch *w, uint64_t step, error *err)
{
    json_t *line = json_pack(
        "{s:i, s:I, s:f, s:f, s:f, s:f, s:f, s:b, s:o, s:o}", "epoch", w->epoch, "steps",
        (json_int_t)step, "lr", w->lr, "coarse_weight", w->coarse_weight, "fine_weight",
        w->fine_weight, "seconds", w->seconds, "images_per_second", w->images_per_second, "best",
        w->best, "train",
        metrics_to_object(&w->train, w->coarse_weight, w->fine_weight, w->only_fine), "validation",
        metrics_to_object(&w->validation, w->run_coarse_weight, w->run_fine_weight, w->only_fine));
    return put(j, line, err);
}

static void add_part(json_t *line, const char *name, const metrics *m, const train_finished *w)
{
    if (line && m->count > 0)
        json_object_set_new(line, name,
                            metrics_to_object(m, w->coarse_weight, w->fine_weight, w->only_fine));
}

status journal_test(journal *j, const train_finished *w, error *err)
{
    json_t *line = json_pack("{s:i}", "best_epoch", w->best_epoch);
    add_part(line, "test_half", &w->test_half, w);
    add_part(line, "test_whole", &w->test_whole, w);
    if (line && w->stopped_early > 0)
        json_object_set_new(line, "stopped_early", json_integer(w->stopped_early));
    return put(j, line, err);
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
