/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions for every file of tensors that opens (base/tensor_file.h). */
#pragma once

#include "base/tensor_file.h"
#include "base/text.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { FUZZ_MOST_ELEMENTS = 1 << 16, FUZZ_MOST_TENSORS = 64 };

/* The entry's values as bytes of F32 or I64. NULL for types that are not read, or after an
 * error. */
static inline void *fuzz_values(tensor_file *file, const tensor_entry *e, size_t *bytes)
{
    error err;
    bool floating = tensor_is_floating(e);
    *bytes = tensor_elements(e) * (floating ? sizeof(float) : sizeof(int64_t));
    if ((!floating && e->type != SAFETENSORS_I64) || tensor_elements(e) > FUZZ_MOST_ELEMENTS)
        return NULL;
    void *values = calloc(1, *bytes + 1);
    FUZZ_HOLDS(values != NULL);
    status result = floating ? tensor_file_read_f32(file, e, values, &err)
                             : tensor_file_read_i64(file, e, values, &err);
    if (result == STATUS_OK)
        return values;
    free(values);
    return NULL;
}

/* Compares a copy with the file that it was made from. */
static inline void fuzz_compare(tensor_file *file, const char *path, const tensor_copy *copies,
                                size_t count)
{
    error err;
    tensor_file *copy;
    FUZZ_SUCCEEDS(tensor_file_open(path, &copy, &err));
    FUZZ_HOLDS(tensor_file_count(copy) == count);
    for (size_t i = 0; i < count; i++) {
        size_t bytes, same;
        const tensor_entry *e = tensor_file_find(copy, copies[i].name);
        FUZZ_HOLDS(e && e->rank == copies[i].rank);
        void *was = fuzz_values(file, copies[i].from, &bytes), *is = fuzz_values(copy, e, &same);
        FUZZ_HOLDS(was && is && bytes == same && memcmp(was, is, bytes) == 0);
        free(was);
        free(is);
    }
    tensor_file_close(copy);
}

static inline size_t fuzz_choose(tensor_file *file, tensor_copy copies[FUZZ_MOST_TENSORS])
{
    size_t count = 0, bytes;
    for (size_t i = 0; i < tensor_file_count(file) && count < FUZZ_MOST_TENSORS; i++) {
        const tensor_entry *e = tensor_file_at(file, i);
        void *values = fuzz_values(file, e, &bytes);
        if (values)
            copies[count++] = (tensor_copy){e, text_format("t%zu", i), e->rank};
        free(values);
    }
    return count;
}

/* Writes the readable tensors under new names, and reads them back. A wrong checksum in a zip
 * archive is noticed only after all of a member was read; then there is no copy. */
static inline void fuzz_copy(tensor_file *file, const char *name)
{
    error err;
    tensor_writer *writer;
    tensor_copy copies[FUZZ_MOST_TENSORS];
    size_t count = fuzz_choose(file, copies);
    char *path = text_format("%s/%s", fuzz_directory(), name);
    FUZZ_SUCCEEDS(tensor_writer_create(path, &writer, &err));
    if (tensor_writer_copy(writer, file, copies, count, &err) == STATUS_OK) {
        FUZZ_SUCCEEDS(tensor_writer_commit(writer, &err));
        if (count > 0) /* a state dict without tensors is not valid */
            fuzz_compare(file, path, copies, count);
    } else {
        tensor_writer_abort(writer);
    }
    for (size_t i = 0; i < count; i++)
        free(copies[i].name);
    free(path);
}

/* Opens the file. If it opens, checks its entries, and that copies in both formats contain the same
 * values. */
static inline void fuzz_check_tensors(const char *path)
{
    error err;
    tensor_file *file;
    if (tensor_file_open(path, &file, &err) != STATUS_OK)
        return;
    for (size_t i = 0; i < tensor_file_count(file); i++) {
        const tensor_entry *e = tensor_file_at(file, i);
        FUZZ_HOLDS(e->rank >= 0 && e->rank <= SAFETENSORS_MAX_RANK);
        const tensor_entry *found = tensor_file_find(file, e->name);
        FUZZ_HOLDS(found && strcmp(found->name, e->name) == 0);
    }
    fuzz_copy(file, "copy.safetensors");
    fuzz_copy(file, "copy.pth");
    tensor_file_close(file);
}
