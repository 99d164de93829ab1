/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the reader of safetensors (base/safetensors.c): the input is the file. If it opens, its
 * tensors must be inside it and have the bytes that their type and shape require; copies in both
 * formats must be read back the same. */
#include "tensors.h"

static void check_places(tensor_file *file, size_t size)
{
    uint64_t end = 0;
    for (size_t i = 0; i < tensor_file_count(file); i++) {
        const tensor_entry *e = tensor_file_at(file, i);
        FUZZ_HOLDS(e->begin == end && e->end >= e->begin && e->end <= size);
        FUZZ_HOLDS(tensor_elements(e) <= e->end - e->begin);
        FUZZ_HOLDS(tensor_file_find(file, e->name) == e);
        end = e->end;
    }
    tensor_file_metadata(file, "format");
}

int fuzz_safetensors(const uint8_t *data, size_t size)
{
    error err;
    tensor_file *file;
    bool torch;
    char *path = fuzz_file("input.safetensors", data, size);
    if (tensor_file_open(path, &file, &err) == STATUS_OK) {
        FUZZ_HOLDS(tensor_file_is_torch(path, &torch, &err) == STATUS_OK);
        if (!torch)
            check_places(file, size);
        tensor_file_close(file);
        if (!torch)
            fuzz_check_tensors(path);
    }
    free(path);
    return 0;
}
