/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the reader of safetensors (base/safetensors.c): the input is the file. Tensors of a file
 * that opens lie inside of it and have the bytes that type and shape make; copies in both formats
 * are read back the same. */
#include "tensors.h"

static void check_places(const char *path, size_t size)
{
    error err;
    safetensors_file *file;
    uint64_t end = 0;
    if (safetensors_open(path, &file, &err) != STATUS_OK)
        return;
    for (size_t i = 0; i < safetensors_count(file); i++) {
        const tensor_entry *e = safetensors_at(file, i);
        FUZZ_HOLDS(e->begin >= end && e->end >= e->begin && e->end <= size);
        FUZZ_HOLDS(tensor_elements(e) <= e->end - e->begin);
        FUZZ_HOLDS(safetensors_find(file, e->name) == e);
        end = e->end;
    }
    safetensors_metadata(file, "format");
    safetensors_close(file);
}

int fuzz_safetensors(const uint8_t *data, size_t size)
{
    char *path = fuzz_file("input.safetensors", data, size);
    check_places(path, size);
    if (!tensor_file_is_torch(path))
        fuzz_check_tensors(path);
    free(path);
    return 0;
}
