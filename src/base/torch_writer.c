/* SPDX-License-Identifier: Apache-2.0 */
/* Writes state dicts as torch.save does since PyTorch 1.6; torch.load reads them with weights_only
 * too. A file is a zip archive: data.pkl describes the tensors, and a member data/INDEX contains
 * the bytes of each. */
#include "base/tensor_format.h"
#include "base/text.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

typedef struct torch_writer {
    tensor_writer base;
    struct archive *archive;
    FILE *pickle; /* writes into pickle_bytes */
    char *pickle_bytes;
    size_t pickle_size;
} torch_writer;

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
    fputs("tQ", to); /* the tuple names a value outside the pickle */
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
    return error_set(err, STATUS_FAILED, "%s: %s%s%s", w->base.out.path, what, reason ? ": " : "",
                     reason ? reason : "");
}

/* archive_errno is the errno of the write or, below 0, a code of libarchive. */
static status write_failure(const torch_writer *w, error *err)
{
    int reason = archive_errno(w->archive);
    return reason > 0 ? file_write_error(err, w->base.out.path, reason)
                      : refuse(w, "cannot be written", err);
}

static status put_member(torch_writer *w, const char *name, const void *bytes, size_t size,
                         error *err)
{
    struct archive_entry *entry = archive_entry_new();
    char *path = text_format("archive/%s", name);
    status result = entry && path ? STATUS_OK : error_memory(err, w->base.out.path);
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

static status start(tensor_writer *writer, error *err)
{
    torch_writer *w = (torch_writer *)writer;
    fputs("u.", w->pickle);
    int failed = fclose(w->pickle);
    w->pickle = NULL;
    TRY(got_memory(!failed, err, w->base.out.path));
    TRY(put_member(w, "data.pkl", w->pickle_bytes, w->pickle_size, err));
    TRY(put_member(w, "byteorder", "little", strlen("little"), err));
    return put_member(w, "version", "3\n", strlen("3\n"), err);
}

static status open_writer(tensor_writer *writer, error *err)
{
    torch_writer *w = (torch_writer *)writer;
    w->archive = archive_write_new();
    w->pickle = open_memstream(&w->pickle_bytes, &w->pickle_size);
    TRY(got_memory(w->archive && w->pickle, err, w->base.out.path));
    fputs("\x80\x02", w->pickle);
    fputs(make_dictionary, w->pickle);
    putc('(', w->pickle);
    archive_write_set_format_zip(w->archive);
    archive_write_zip_set_compression_store(w->archive);
    return archive_write_open_FILE(w->archive, w->base.out.stream) == ARCHIVE_OK
               ? STATUS_OK
               : refuse(w, "cannot be written", err);
}

static status describe(tensor_writer *writer, const char *name, safetensors_type type, int rank,
                       const int64_t *shape, error *err)
{
    torch_writer *w = (torch_writer *)writer;
    if (type != SAFETENSORS_F32 && type != SAFETENSORS_I64)
        return error_set(err, STATUS_FAILED, "%s: tensor '%.200s' is %s; expected F32 or I64",
                         writer->out.path, name, tensor_types[type].name);
    put_tensor(w->pickle, writer->described, name, type, rank, shape);
    return STATUS_OK;
}

static status append(tensor_writer *writer, const void *bytes, size_t size, error *err)
{
    char name[64];
    snprintf(name, sizeof name, "data/%zu", writer->appended);
    return put_member((torch_writer *)writer, name, bytes, size, err);
}

static status finish(tensor_writer *writer, error *err)
{
    const torch_writer *w = (const torch_writer *)writer;
    return archive_write_close(w->archive) == ARCHIVE_OK ? STATUS_OK : write_failure(w, err);
}

static void close_writer(tensor_writer *writer)
{
    torch_writer *w = (torch_writer *)writer;
    if (w->pickle)
        fclose(w->pickle);
    free(w->pickle_bytes);
    if (w->archive)
        archive_write_free(w->archive);
}

const tensor_output torch_output = {
    .bytes = sizeof(torch_writer),
    .open = open_writer,
    .describe = describe,
    .start = start,
    .append = append,
    .finish = finish,
    .close = close_writer,
};
