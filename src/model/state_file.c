/* SPDX-License-Identifier: Apache-2.0 */
/* Saves and loads a list of device buffers; see state_file.h. */
#include "model/state_file.h"
#include "base/array.h"
#include "base/tensor_file.h"
#include "base/text.h"
#include "device/buffer.h"

#include <stdlib.h>

status state_list_add(state_list *list, device *dev, const char *owner, const char *kind,
                      size_t count, cl_mem *created, error *err)
{
    TRY(array_grow(&list->buffers, list->count, sizeof *list->buffers, "the optimizer", err));
    state_buffer *added = &list->buffers[list->count++];
    *added = (state_buffer){.name = text_format("%s.%s", owner, kind), .count = count};
    TRY(got_memory(added->name, err, "the optimizer"));
    TRY(buffer_create(dev, count * sizeof(float), &added->buffer, err));
    *created = added->buffer;
    return buffer_zero(dev, added->buffer, 0, count * sizeof(float), err);
}

void state_list_free(state_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->buffers[i].name);
        buffer_release(&list->buffers[i].buffer);
    }
    free(list->buffers);
    *list = (state_list){0};
}

static status write_buffer(const state_buffer *b, device *dev, tensor_writer *to, error *err)
{
    size_t bytes = b->count * sizeof(float);
    float *values = malloc(bytes);
    status result;
    TRY_OR_DONE(got_memory(values, err, b->name));
    TRY_OR_DONE(buffer_read(dev, b->buffer, 0, values, bytes, err));
    result = tensor_writer_append(to, values, bytes, err);
done:
    free(values);
    return result;
}

static status read_buffer(const state_buffer *b, device *dev, tensor_file *from, const char *path,
                          error *err)
{
    size_t bytes = b->count * sizeof(float);
    const tensor_entry *entry = tensor_file_find(from, b->name);
    if (!entry || tensor_elements(entry) != b->count)
        return error_set(err, STATUS_FAILED,
                         "%s: the optimizer's state has no buffer '%s' of %zu values", path,
                         b->name, b->count);
    float *values = malloc(bytes);
    status result;
    TRY_OR_DONE(got_memory(values, err, b->name));
    TRY_OR_DONE(tensor_file_read_f32(from, entry, values, err));
    result = buffer_write(dev, b->buffer, 0, values, bytes, err);
done:
    free(values);
    return result;
}

status state_file_save(const state_list *list, device *dev, const char *path, error *err)
{
    tensor_writer *writer;
    status result;
    TRY(tensor_writer_create(path, &writer, err));
    for (size_t i = 0; i < list->count; i++) {
        const state_buffer *b = &list->buffers[i];
        const int64_t shape[] = {(int64_t)b->count};
        TRY_OR_DONE(tensor_writer_describe(writer, b->name, SAFETENSORS_F32, 1, shape, err));
    }
    for (size_t i = 0; i < list->count; i++)
        TRY_OR_DONE(write_buffer(&list->buffers[i], dev, writer, err));
    return tensor_writer_commit(writer, err);
done:
    tensor_writer_abort(writer);
    return result;
}

status state_file_load(const state_list *list, device *dev, const char *path, error *err)
{
    tensor_file *file;
    status result;
    TRY(tensor_file_open(path, &file, err));
    TRY_OR_DONE(tensor_file_verify(file, err));
    for (size_t i = 0; i < list->count; i++)
        TRY_OR_DONE(read_buffer(&list->buffers[i], dev, file, path, err));
done:
    tensor_file_close(file);
    return result;
}
