/* SPDX-License-Identifier: Apache-2.0 */
/* One interface to both formats; see tensor_file.h. */
#include "base/tensor_file.h"
#include "base/file.h"
#include "base/torch_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tensor_file {
    safetensors_file *safetensors;
    torch_file *torch; /* or this */
};

bool tensor_file_is_torch(const char *path)
{
    unsigned char bytes[TORCH_MAGIC_BYTES];
    error ignored;
    size_t size;
    FILE *stream;
    if (file_open(path, &stream, &size, &ignored) != STATUS_OK)
        return false;
    bool is = fread(bytes, 1, sizeof bytes, stream) == sizeof bytes && torch_file_begins(bytes);
    fclose(stream);
    return is;
}

status tensor_file_open(const char *path, tensor_file **opened, error *err)
{
    *opened = NULL;
    tensor_file *f = calloc(1, sizeof *f);
    TRY(got_memory(f, err, path));
    status result = tensor_file_is_torch(path) ? torch_file_open(path, &f->torch, err)
                                               : safetensors_open(path, &f->safetensors, err);
    if (result == STATUS_OK)
        *opened = f;
    else
        free(f);
    return result;
}

void tensor_file_close(tensor_file *f)
{
    if (!f)
        return;
    safetensors_close(f->safetensors);
    torch_file_close(f->torch);
    free(f);
}

size_t tensor_file_count(const tensor_file *f)
{
    return f->torch ? torch_file_count(f->torch) : safetensors_count(f->safetensors);
}

const tensor_entry *tensor_file_at(const tensor_file *f, size_t index)
{
    return f->torch ? torch_file_at(f->torch, index) : safetensors_at(f->safetensors, index);
}

const tensor_entry *tensor_file_find(const tensor_file *f, const char *name)
{
    return f->torch ? torch_file_find(f->torch, name) : safetensors_find(f->safetensors, name);
}

const safetensors_file *tensor_file_safetensors(const tensor_file *f)
{
    return f->safetensors;
}

status tensor_file_verify(tensor_file *f, error *err)
{
    return f->safetensors ? safetensors_verify(f->safetensors, err) : STATUS_OK;
}

status tensor_file_read_f32(tensor_file *f, const tensor_entry *e, float *values, error *err)
{
    return f->torch ? torch_file_read_f32(f->torch, e, values, err)
                    : safetensors_read_f32(f->safetensors, e, values, err);
}

status tensor_file_read_i64(tensor_file *f, const tensor_entry *e, int64_t *values, error *err)
{
    return f->torch ? torch_file_read_i64(f->torch, e, values, err)
                    : safetensors_read_i64(f->safetensors, e, values, err);
}

/* ---- Writing ---- */

struct tensor_writer {
    safetensors_writer *safetensors;
    torch_writer *torch; /* or this */
};

bool tensor_name_is_torch(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && (strcmp(dot, ".pth") == 0 || strcmp(dot, ".pt") == 0);
}

status tensor_writer_create(const char *path, tensor_writer **created, error *err)
{
    tensor_writer *w = calloc(1, sizeof *w);
    *created = NULL;
    TRY(got_memory(w, err, path));
    status result = tensor_name_is_torch(path) ? torch_writer_create(path, &w->torch, err)
                                               : safetensors_create(path, &w->safetensors, err);
    if (result == STATUS_OK)
        *created = w;
    else
        free(w);
    return result;
}

status tensor_writer_describe(tensor_writer *w, const char *name, safetensors_type type, int rank,
                              const int64_t *shape, error *err)
{
    return w->torch ? torch_writer_describe(w->torch, name, type, rank, shape, err)
                    : safetensors_describe(w->safetensors, name, type, rank, shape, err);
}

status tensor_writer_append(tensor_writer *w, const void *bytes, size_t size, error *err)
{
    return w->torch ? torch_writer_append(w->torch, bytes, size, err)
                    : safetensors_append(w->safetensors, bytes, size, err);
}

safetensors_writer *tensor_writer_safetensors(tensor_writer *w)
{
    return w->safetensors;
}

status tensor_writer_commit(tensor_writer *w, error *err)
{
    status result =
        w->torch ? torch_writer_commit(w->torch, err) : safetensors_commit(w->safetensors, err);
    free(w);
    return result;
}

void tensor_writer_abort(tensor_writer *w)
{
    if (!w)
        return;
    torch_writer_abort(w->torch);
    safetensors_abort(w->safetensors);
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
