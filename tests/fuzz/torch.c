/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the reader of torch.save's files (base/torch_file.c, base/zip.c): the input is the file,
 * in either container. If it opens, its tensors can be copied to both formats and must be read back
 * the same. */
#include "base/tensor_format.h"
#include "tensors.h"

int fuzz_torch(const uint8_t *data, size_t size)
{
    if (size < TORCH_MAGIC_BYTES || !torch_file_begins(data))
        return 0;
    char *path = fuzz_file("input.pth", data, size);
    fuzz_check_tensors(path);
    free(path);
    return 0;
}
