/* One interface to both formats; see tensor_file.h. */
#include "base/tensor_file.h"
#include "base/torch_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tensor_file {
    safetensors_file *safetensors;
    torch_file *torch; /* or this */
    tensor_entry *entries;
    size_t count;
};

static bool begins_as_torch(const char *path)
{
    unsigned char bytes[TORCH_MAGIC_BYTES];
    FILE *stream = fopen(path, "rb");
    bool is =
        stream && fread(bytes, 1, sizeof bytes, stream) == sizeof bytes && torch_file_begins(bytes);
    if (stream)
        fclose(stream);
    return is;
}

static tensor_entry entry_of(const safetensors_entry *e)
{
    tensor_entry entry = {e->name, e->type, e->type_name, e->rank, {0}};
    memcpy(entry.shape, e->shape, sizeof entry.shape);
    return entry;
}

static status list_entries(tensor_file *f, const char *path, error *err)
{
    f->count = f->torch ? torch_file_count(f->torch) : safetensors_count(f->safetensors);
    f->entries = calloc(f->count + 1, sizeof *f->entries);
    if (!f->entries)
        return error_memory(err, path);
    for (size_t i = 0; i < f->count; i++)
        f->entries[i] =
            f->torch ? torch_file_at(f->torch, i) : entry_of(safetensors_at(f->safetensors, i));
    return STATUS_OK;
}

status tensor_file_open(const char *path, tensor_file **opened, error *err)
{
    *opened = NULL;
    tensor_file *f = calloc(1, sizeof *f);
    if (!f)
        return error_memory(err, path);
    status result = begins_as_torch(path) ? torch_file_open(path, &f->torch, err)
                                          : safetensors_open(path, &f->safetensors, err);
    if (result == STATUS_OK)
        result = list_entries(f, path, err);
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
    safetensors_close(f->safetensors);
    torch_file_close(f->torch);
    free(f->entries);
    free(f);
}

size_t tensor_file_count(const tensor_file *f)
{
    return f->count;
}

const tensor_entry *tensor_file_at(const tensor_file *f, size_t index)
{
    return &f->entries[index];
}

const tensor_entry *tensor_file_find(const tensor_file *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->entries[i].name, name) == 0)
            return &f->entries[i];
    return NULL;
}

const safetensors_file *tensor_file_safetensors(const tensor_file *f)
{
    return f->safetensors;
}

size_t tensor_elements(const tensor_entry *entry)
{
    size_t elements = 1;
    for (int i = 0; i < entry->rank; i++)
        elements *= (size_t)entry->shape[i];
    return elements;
}

bool tensor_is_floating(const tensor_entry *entry)
{
    return entry->type == SAFETENSORS_F32 || entry->type == SAFETENSORS_F16 ||
           entry->type == SAFETENSORS_BF16 || entry->type == SAFETENSORS_F64;
}

status tensor_file_read_f32(tensor_file *f, const tensor_entry *e, float *values, error *err)
{
    size_t index = (size_t)(e - f->entries);
    return f->torch ? torch_file_read_f32(f->torch, index, values, err)
                    : safetensors_read_f32(f->safetensors, safetensors_at(f->safetensors, index),
                                           values, err);
}

status tensor_file_read_i64(tensor_file *f, const tensor_entry *e, int64_t *values, error *err)
{
    size_t index = (size_t)(e - f->entries);
    return f->torch ? torch_file_read_i64(f->torch, index, values, err)
                    : safetensors_read_i64(f->safetensors, safetensors_at(f->safetensors, index),
                                           values, err);
}
