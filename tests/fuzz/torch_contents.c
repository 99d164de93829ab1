/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the reader of torch.save's pickle (base/torch_contents.c): the input is the pickle,
 * without a container and so without checksums. Every tensor must be inside its storage. */
#include "base/torch_contents.h"
#include "fuzz.h"

/* Shapes and strides were checked against the storage, so nothing overflows here. */
static void check_tensor(const torch_tensor *t)
{
    uint64_t last = t->first;
    FUZZ_HOLDS(t->entry.rank >= 0 && t->entry.rank <= SAFETENSORS_MAX_RANK);
    for (int i = 0; i < t->entry.rank; i++) {
        if (t->entry.shape[i] == 0)
            return;
        last += (uint64_t)(t->entry.shape[i] - 1) * (uint64_t)t->strides[i];
    }
    FUZZ_HOLDS(last < t->storage->count);
    FUZZ_HOLDS(tensor_elements(&t->entry) <= t->storage->count);
}

int fuzz_torch_contents(const uint8_t *data, size_t size)
{
    error err;
    torch_contents contents;
    if (torch_contents_read("input", data, size, &contents, &err) != STATUS_OK)
        return 0;
    for (size_t i = 0; i < contents.count; i++)
        check_tensor(&contents.tensors[i]);
    torch_contents_free(&contents);
    return 0;
}
