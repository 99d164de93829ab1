/* SPDX-License-Identifier: Apache-2.0 */
/* See journal_check.h. */
#include "track/journal_check.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "base/json_values.h"

#include <stdlib.h>
#include <string.h>

/* A metrics file as it is read. */
typedef struct left_file {
    const char *path;
    FILE *stream;
    uint64_t size, kept; /* the bytes before the mark are kept */
    uint64_t at;         /* where the line in `text` starts */
    char text[METRIC_LINE_BYTES];
} left_file;

/* Completes the message, which says why. */
static status foreign(const left_file *f, error *err)
{
    error_prefix(err, STATUS_FAILED, "%s: is not the metrics file that the run left", f->path);
    return error_suffix(err, STATUS_FAILED,
                        "; put the right file back, or move this one away to start a new one");
}

static status refuse_line(const left_file *f, error *err)
{
    error_set(err, STATUS_FAILED, "the line at byte %llu is not one that this run can have written",
              (unsigned long long)f->at);
    return foreign(f, err);
}

static status fail_to_read(const left_file *f, error *err)
{
    if (ferror(f->stream))
        return file_error(err, f->path, "cannot be read");
    error_set(err, STATUS_FAILED, "it was truncated while it was being read");
    return foreign(f, err);
}

static status move_to(left_file *f, uint64_t at, error *err)
{
    return fseeko(f->stream, (off_t)at, SEEK_SET) == 0 ? STATUS_OK
                                                       : file_error(err, f->path, "cannot be read");
}

static status sum_kept(left_file *f, uint32_t *sum, error *err)
{
    *sum = 0;
    for (uint64_t left = f->kept; left > 0;) {
        size_t part = left < sizeof f->text ? (size_t)left : sizeof f->text;
        if (fread(f->text, 1, part, f->stream) != part)
            return fail_to_read(f, err);
        *sum = crc32c_more(*sum, f->text, part);
        left -= part;
    }
    return STATUS_OK;
}

/* Checks the start of the last line, whose end was lost. */
static status check_cut_line(left_file *f, error *err)
{
    int byte;
    if (f->at < f->kept || !metric_line_begins(f->text))
        return refuse_line(f, err);
    TRY(move_to(f, f->at + strlen(f->text), err));
    do
        byte = getc(f->stream);
    while (byte == '\0');
    return byte == EOF && !ferror(f->stream) ? STATUS_OK : refuse_line(f, err);
}

/* Checks the lines up to the byte `end`: their steps follow `step` and are at most `most`. */
static status check_lines(left_file *f, uint64_t end, uint64_t step, uint64_t most, error *err)
{
    while (f->at < end) {
        json_error_t fault;
        json_t *line;
        if (!fgets(f->text, sizeof f->text, f->stream))
            return fail_to_read(f, err);
        size_t length = strlen(f->text);
        if (length == 0 || f->text[length - 1] != '\n')
            return check_cut_line(f, err);
        TRY(json_from_text(f->text, length, 0, f->path, &line, &fault, err));
        bool follows = metric_line_follows(line, &step);
        json_decref(line);
        if (!follows || step > most || f->at + length > end)
            return refuse_line(f, err);
        f->at += length;
    }
    return STATUS_OK;
}

static status check_file(left_file *f, const journal_mark *mark, uint64_t step, uint32_t *sum,
                         error *err)
{
    if (f->size < f->kept) {
        error_set(err, STATUS_FAILED, "it has %llu bytes, but had %llu at the last checkpoint",
                  (unsigned long long)f->size, (unsigned long long)f->kept);
        return foreign(f, err);
    }
    TRY(sum_kept(f, sum, err));
    if (mark->kind == JOURNAL_FILE && *sum != mark->crc32c) {
        error_set(err, STATUS_FAILED, "its first %llu bytes are not those of the last checkpoint",
                  (unsigned long long)f->kept);
        return foreign(f, err);
    }
    if (mark->kind == JOURNAL_FILE) {
        f->at = f->kept;
    } else {
        TRY(move_to(f, 0, err));
        TRY(check_lines(f, f->kept, 0, step, err));
    }
    return check_lines(f, f->size, step, UINT64_MAX, err);
}

status journal_check(const char *path, const journal_mark *mark, uint64_t step, uint32_t *crc32c,
                     error *err)
{
    size_t size;
    FILE *stream;
    TRY(file_open(path, &stream, &size, err));
    left_file *f = malloc(sizeof *f);
    status result;
    TRY_OR_DONE(got_memory(f, err, path));
    f->path = path;
    f->stream = stream;
    f->size = size;
    f->kept = mark->bytes;
    f->at = 0;
    result = check_file(f, mark, step, crc32c, err);
done:
    free(f);
    fclose(stream);
    return result;
}
