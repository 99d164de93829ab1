/* SPDX-License-Identifier: Apache-2.0 */
/* State dicts as torch.save writes them since PyTorch 1.6; see torch_file.h. A zip archive with
 * data.pkl, which describes the tensors, then a member data/INDEX with the bytes of each one. */
#include "base/array.h"
#include "base/file.h"
#include "base/text.h"
#include "base/torch_file.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

struct torch_writer {
    file_writer out;
    struct archive *archive;
    FILE *pickle; /* writes into pickle_bytes */
    char *pickle_bytes;
    size_t pickle_size;
    uint64_t *sizes; /* bytes of each tensor described */
    size_t described, appended;
    bool started; /* the pickle is in the archive */
};

/* ---- The pickle, protocol 2 ---- */

static void put_number(FILE *to, uint64_t number, int bytes)
{
    for (int i = 0; i < bytes; i++)
        putc((int)(number >> (8 * i) & 0xff), to);
}

static void put_text(FILE *to, const char *text)
{
    putc('X', to); /* BINUNICODE */
    put_number(to, strlen(text), 4);
    fputs(text, to);
}

static void put_count(FILE *to, uint64_t count)
{
    if (count <= INT32_MAX) {
        putc('J', to); /* BININT */
        put_number(to, count, 4);
    } else {
        fputs("\x8a\x09", to); /* LONG1 of 9 bytes, so that it is positive */
        put_number(to, count, 8);
        putc(0, to);
    }
}

static void put_counts(FILE *to, int rank, const uint64_t *counts)
{
    putc('(', to);
    for (int i = 0; i < rank; i++)
        put_count(to, counts[i]);
    putc('t', to);
}

static const char make_dictionary[] = "ccollections\nOrderedDict\n)R";

/* NAME: _rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict()) */
static void put_tensor(FILE *to, size_t index, const char *name, safetensors_type type, int rank,
                       const int64_t *shape)
{
    uint64_t lengths[SAFETENSORS_MAX_RANK], strides[SAFETENSORS_MAX_RANK], elements = 1;
    char key[32];
    snprintf(key, sizeof key, "%zu", index);
    for (int i = rank; i-- > 0;) {
        lengths[i] = (uint64_t)shape[i];
        strides[i] = elements;
        elements *= lengths[i];
    }
    put_text(to, name);
    fputs("ctorch._utils\n_rebuild_tensor_v2\n((", to);
    put_text(to, "storage");
    fputs(type == SAFETENSORS_I64 ? "ctorch\nLongStorage\n" : "ctorch\nFloatStorage\n", to);
    put_text(to, key);
    put_text(to, "cpu");
    put_count(to, elements);
    fputs("tQ", to); /* the tuple names what lies outside the pickle */
    put_count(to, 0);
    put_counts(to, rank, lengths);
    put_counts(to, rank, strides);
    fputs("\x89", to);
    fputs(make_dictionary, to);
    fputs("tR", to);
}

/* ---- The archive ---- */

static status refuse(const torch_writer *w, const char *what, error *err)
{
    const char *reason = w->archive ? archive_error_string(w->archive) : NULL;
    return error_set(err, STATUS_FAILED, "%s: %s%s%s", w->out.path, what, reason ? ": " : "",
                     reason ? reason : "");
}

/* archive_errno is the errno of the write, or a number of libarchive's own below 0. */
static status write_failure(const torch_writer *w, error *err)
{
    int reason = archive_errno(w->archive);
    return reason > 0 ? file_write_error(err, w->out.path, reason)
                      : refuse(w, "cannot be written", err);
}

static status put_member(torch_writer *w, const char *name, const void *bytes, size_t size,
                         error *err)
{
    struct archive_entry *entry = archive_entry_new();
    char *path = text_format("archive/%s", name);
    status result = entry && path ? STATUS_OK : error_memory(err, w->out.path);
    if (result == STATUS_OK) {
        archive_entry_set_pathname(entry, path);
        archive_entry_set_size(entry, (la_int64_t)size);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0644);
        if (archive_write_header(w->archive, entry) != ARCHIVE_OK ||
            (size > 0 && archive_write_data(w->archive, bytes, size) != (la_ssize_t)size))
            result = write_failure(w, err);
    }
    free(path);
    archive_entry_free(entry);
    return result;
}

static status start(torch_writer *w, error *err)
{
    w->started = true;
    fputs("u.", w->pickle);
    int failed = fclose(w->pickle);
    w->pickle = NULL;
    if (failed)
        return error_memory(err, w->out.path);
    TRY(put_member(w, "data.pkl", w->pickle_bytes, w->pickle_size, err));
    TRY(put_member(w, "byteorder", "little", strlen("little"), err));
    return put_member(w, "version", "3\n", strlen("3\n"), err);
}

static status open_archive(torch_writer *w, const char *path, error *err)
{
    TRY(file_writer_open(&w->out, path, err));
    w->archive = archive_write_new();
    w->pickle = open_memstream(&w->pickle_bytes, &w->pickle_size);
    TRY(got_memory(w->archive && w->pickle, err, w->out.path));
    fputs("\x80\x02", w->pickle);
    fputs(make_dictionary, w->pickle);
    putc('(', w->pickle);
    archive_write_set_format_zip(w->archive);
    archive_write_zip_set_compression_store(w->archive);
    return archive_write_open_FILE(w->archive, w->out.stream) == ARCHIVE_OK
               ? STATUS_OK
               : refuse(w, "cannot be written", err);
}

status torch_writer_create(const char *path, torch_writer **created, error *err)
{
    *created = NULL;
    torch_writer *w = calloc(1, sizeof *w);
    TRY(got_memory(w, err, path));
    status result = open_archive(w, path, err);
    if (result == STATUS_OK)
        *created = w;
    else
        torch_writer_abort(w);
    return result;
}

status torch_writer_describe(torch_writer *w, const char *name, safetensors_type type, int rank,
                             const int64_t *shape, error *err)
{
    if (w->started || rank < 0 || rank > SAFETENSORS_MAX_RANK ||
        (type != SAFETENSORS_F32 && type != SAFETENSORS_I64))
        return error_set(err, STATUS_FAILED, "%s: tensor '%.200s' cannot be described", w->out.path,
                         name);
    TRY(array_grow(&w->sizes, w->described, sizeof *w->sizes, w->out.path, err));
    uint64_t bytes = type == SAFETENSORS_I64 ? sizeof(int64_t) : sizeof(float);
    for (int i = 0; i < rank; i++)
        bytes *= (uint64_t)shape[i];
    put_tensor(w->pickle, w->described, name, type, rank, shape);
    w->sizes[w->described++] = bytes;
    return STATUS_OK;
}

status torch_writer_append(torch_writer *w, const void *bytes, size_t size, error *err)
{
    char name[64];
    if (!w->started)
        TRY(start(w, err));
    if (w->appended == w->described || w->sizes[w->appended] != size)
        return error_set(err, STATUS_FAILED, "%s: %zu bytes for a tensor of another size",
                         w->out.path, size);
    snprintf(name, sizeof name, "data/%zu", w->appended++);
    return put_member(w, name, bytes, size, err);
}

static status finish(torch_writer *w, error *err)
{
    if (!w->started)
        TRY(start(w, err));
    if (w->appended != w->described)
        return error_set(err, STATUS_FAILED, "%s: %zu tensors described, %zu written", w->out.path,
                         w->described, w->appended);
    if (archive_write_close(w->archive) != ARCHIVE_OK)
        return write_failure(w, err);
    return file_writer_commit(&w->out, err);
}

status torch_writer_commit(torch_writer *w, error *err)
{
    status result = finish(w, err);
    torch_writer_abort(w);
    return result;
}

void torch_writer_abort(torch_writer *w)
{
    if (!w)
        return;
    if (w->pickle)
        fclose(w->pickle);
    free(w->pickle_bytes);
    if (w->archive)
        archive_write_free(w->archive);
    file_writer_abort(&w->out);
    free(w->sizes);
    free(w);
}
