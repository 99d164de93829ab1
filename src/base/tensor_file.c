/* SPDX-License-Identifier: Apache-2.0 */
/* One interface to both formats; see tensor_file.h. */
#include "base/array.h"
#include "base/file_kind.h"
#include "base/tensor_format.h"

#include <stdlib.h>
#include <string.h>

/* ---- Reading ---- */

static bool begins_as_torch(FILE *stream)
{
    unsigned char bytes[TORCH_MAGIC_BYTES];
    bool torch = fread(bytes, 1, sizeof bytes, stream) == sizeof bytes && torch_file_begins(bytes);
    rewind(stream);
    return torch;
}

status tensor_file_is_torch(const char *path, bool *torch, error *err)
{
    FILE *stream;
    size_t size;
    TRY(file_open(path, &stream, &size, err));
    *torch = begins_as_torch(stream);
    fclose(stream);
    return STATUS_OK;
}

static status open_contents(tensor_file *f, error *err)
{
    TRY(got_memory(f->path, err, "a file's name"));
    TRY(f->format->open(f, err));
    f->names = calloc(f->count + 1, sizeof *f->names);
    TRY(got_memory(f->names, err, f->path));
    for (size_t i = 0; i < f->count; i++)
        f->names[i] = tensor_file_at(f, i);
    tensors_sort(f->names, f->count);
    return STATUS_OK;
}

/* Refuses a file that is recognised as something else; every other file is taken for a safetensors
 * file. */
static status choose_format(const char *path, FILE *stream, const tensor_format **format,
                            error *err)
{
    *format = begins_as_torch(stream) ? &torch_format : &safetensors_format;
    const file_kind *kind = *format == &torch_format ? NULL : file_kind_read(stream);
    if (!kind || kind->use == FILE_SAFETENSORS)
        return STATUS_OK;
    return error_set(err, STATUS_FAILED,
                     "%s: appears to be %s; expected weights in a safetensors file or in one that "
                     "PyTorch saved (.pth)",
                     path, kind->name);
}

/* Keeps the first safetensors file by name. In the directory of a run this is the best checkpoint
 * and, before there is one, the last. */
static status keep_first(void *context, const char *name, const char *path, error *err)
{
    char **first = context;
    const char *dot = strrchr(name, '.');
    if (!dot || strcmp(dot, ".safetensors") != 0 || (*first && strcmp(path, *first) > 0))
        return STATUS_OK;
    free(*first);
    *first = strdup(path);
    return got_memory(*first, err, path);
}

/* A user may have named a run in place of its checkpoint. */
static status refuse_directory(const char *path, error *err)
{
    char *first = NULL;
    if (file_each(path, keep_first, &first, err) != STATUS_OK) {
        free(first);
        return STATUS_FAILED;
    }
    error_set(err, STATUS_FAILED, "%s: is a directory; expected a file%s%s", path,
              first ? ", such as " : "", first ? first : "");
    free(first);
    return STATUS_FAILED;
}

status tensor_file_open(const char *path, tensor_file **opened, error *err)
{
    FILE *stream;
    size_t size;
    const tensor_format *format;
    *opened = NULL;
    if (file_is_directory(path))
        return refuse_directory(path, err);
    TRY(file_open(path, &stream, &size, err));
    status chosen = choose_format(path, stream, &format, err);
    if (chosen != STATUS_OK) {
        fclose(stream);
        return chosen;
    }
    tensor_file *f = calloc(1, format->bytes);
    if (!f) {
        fclose(stream);
        return error_memory(err, path);
    }
    *f = (tensor_file){.format = format, .path = strdup(path), .stream = stream, .size = size};
    status result = open_contents(f, err);
    if (result == STATUS_OK)
        *opened = f;
    else
        tensor_file_close(f);
    return result;
}

void tensor_file_close(tensor_file *f)
{
    if (!f)
        return;
    f->format->close(f);
    fclose(f->stream);
    free(f->names);
    free(f->path);
    free(f);
}

size_t tensor_file_count(const tensor_file *f)
{
    return f->count;
}

const tensor_entry *tensor_file_at(const tensor_file *f, size_t index)
{
    return (const void *)((const char *)f->first + index * f->stride);
}

const tensor_entry *tensor_file_find(const tensor_file *f, const char *name)
{
    return tensors_find(f->names, f->count, name);
}

const char *tensor_file_metadata(const tensor_file *f, const char *key)
{
    return f->format->metadata ? f->format->metadata(f, key) : NULL;
}

status tensor_file_verify(tensor_file *f, error *err)
{
    return f->format->verify ? f->format->verify(f, err) : STATUS_OK;
}

status tensor_file_get(tensor_file *f, const tensor_entry *e, uint64_t at, void *bytes, size_t size,
                       error *err)
{
    if (fseeko(f->stream, (off_t)at, SEEK_SET) != 0 || fread(bytes, 1, size, f->stream) != size)
        return error_set(
            err, STATUS_FAILED,
            "%s: tensor '%.200s' cannot be read: the file was truncated or the disk failed",
            f->path, e->name);
    return STATUS_OK;
}

/* Reads an entry if its type fits. For the message, `wanted` names the types that do. */
static status read_as(tensor_file *f, const tensor_entry *e, bool fits, const char *wanted,
                      void *values, error *err)
{
    return fits ? f->format->read(f, e, values, err)
                : error_set(err, STATUS_FAILED, "%s: tensor '%.200s' is %s, not %s", f->path,
                            e->name, tensor_types[e->type].name, wanted);
}

status tensor_file_read_f32(tensor_file *f, const tensor_entry *e, float *values, error *err)
{
    return read_as(f, e, tensor_is_floating(e), "F32, F16, BF16 or F64", values, err);
}

status tensor_file_read_i64(tensor_file *f, const tensor_entry *e, int64_t *values, error *err)
{
    return read_as(f, e, e->type == SAFETENSORS_I64, "I64", values, err);
}

/* ---- Writing ---- */

bool tensor_name_is_torch(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && (strcmp(dot, ".pth") == 0 || strcmp(dot, ".pt") == 0);
}

status tensor_writer_create(const char *path, tensor_writer **created, error *err)
{
    const tensor_output *format = tensor_name_is_torch(path) ? &torch_output : &safetensors_output;
    tensor_writer *w = calloc(1, format->bytes);
    *created = NULL;
    TRY(got_memory(w, err, path));
    w->format = format;
    status result = file_writer_open(&w->out, path, err);
    if (result == STATUS_OK)
        result = format->open(w, err);
    if (result == STATUS_OK)
        *created = w;
    else
        tensor_writer_abort(w);
    return result;
}

status tensor_writer_describe(tensor_writer *w, const char *name, safetensors_type type, int rank,
                              const int64_t *shape, error *err)
{
    if (w->started)
        return error_set(err, STATUS_FAILED,
                         "%s: tensor '%.200s' cannot be added: bytes were already written",
                         w->out.path, name);
    TRY(array_grow(&w->sizes, w->described, sizeof *w->sizes, w->out.path, err));
    uint64_t *size = &w->sizes[w->described];
    if (rank < 0 || rank > SAFETENSORS_MAX_RANK ||
        !tensor_bytes_within(type, rank, shape, INT64_MAX - w->bytes, size))
        return error_set(err, STATUS_FAILED,
                         "%s: tensor '%.200s' has a shape that no file can contain", w->out.path,
                         name);
    TRY(w->format->describe(w, name, type, rank, shape, err));
    w->bytes += *size;
    w->described++;
    return STATUS_OK;
}

status tensor_writer_set_metadata(tensor_writer *w, const char *key, const char *value, error *err)
{
    return w->format->set_metadata ? w->format->set_metadata(w, key, value, err) : STATUS_OK;
}

static status start(tensor_writer *w, error *err)
{
    if (w->started)
        return STATUS_OK;
    w->started = true;
    return w->format->start(w, err);
}

static status append_next(tensor_writer *w, const void *bytes, size_t size, error *err)
{
    TRY(w->format->append(w, bytes, size, err));
    w->appended++;
    return STATUS_OK;
}

/* Starts, then appends the empty tensors that come next, because no call will bring bytes for
 * them. */
static status pass_empty(tensor_writer *w, error *err)
{
    TRY(start(w, err));
    while (w->appended < w->described && w->sizes[w->appended] == 0)
        TRY(append_next(w, "", 0, err));
    return STATUS_OK;
}

status tensor_writer_append(tensor_writer *w, const void *bytes, size_t size, error *err)
{
    TRY(size > 0 ? pass_empty(w, err) : start(w, err));
    if (w->appended == w->described || w->sizes[w->appended] != size)
        return error_set(err, STATUS_FAILED,
                         "%s: %zu bytes were given for a tensor of another size", w->out.path,
                         size);
    return append_next(w, bytes, size, err);
}

status tensor_writer_commit(tensor_writer *w, error *err)
{
    status result;
    TRY_OR_DONE(pass_empty(w, err));
    if (w->appended != w->described)
        TRY_OR_DONE(error_set(err, STATUS_FAILED, "%s: %zu tensors described, %zu written",
                              w->out.path, w->described, w->appended));
    TRY_OR_DONE(w->format->finish(w, err));
    TRY_OR_DONE(file_writer_commit(&w->out, err));
done:
    tensor_writer_abort(w);
    return result;
}

void tensor_writer_abort(tensor_writer *w)
{
    if (!w)
        return;
    w->format->close(w);
    file_writer_abort(&w->out);
    free(w->sizes);
    free(w);
}

static status describe_copy(tensor_writer *w, const tensor_copy *c, error *err)
{
    int64_t shape[SAFETENSORS_MAX_RANK];
    const tensor_entry *e = c->from;
    for (int i = 0; i < c->rank; i++)
        shape[i] = i < e->rank ? e->shape[i] : 1;
    return tensor_writer_describe(
        w, c->name, tensor_is_floating(e) ? SAFETENSORS_F32 : SAFETENSORS_I64, c->rank, shape, err);
}

static status append_copy(tensor_writer *w, tensor_file *file, const tensor_entry *e, error *err)
{
    bool floating = tensor_is_floating(e);
    size_t size = tensor_elements(e) * (floating ? sizeof(float) : sizeof(int64_t));
    void *values = malloc(size ? size : 1);
    TRY(got_memory(values, err, e->name));
    status result = floating ? tensor_file_read_f32(file, e, values, err)
                             : tensor_file_read_i64(file, e, values, err);
    if (result == STATUS_OK)
        result = tensor_writer_append(w, values, size, err);
    free(values);
    return result;
}

status tensor_writer_copy(tensor_writer *w, tensor_file *file, const tensor_copy *copies,
                          size_t count, error *err)
{
    for (size_t i = 0; i < count; i++)
        TRY(describe_copy(w, &copies[i], err));
    for (size_t i = 0; i < count; i++)
        TRY(append_copy(w, file, copies[i].from, err));
    return STATUS_OK;
}
