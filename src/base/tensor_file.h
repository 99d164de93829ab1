/* Files of named tensors, whichever program wrote them: safetensors (safetensors.h) and what
 * PyTorch's torch.save writes (torch_file.h). The content tells them apart, not the name. */
#ifndef HCNN_BASE_TENSOR_FILE_H
#define HCNN_BASE_TENSOR_FILE_H

#include "base/error.h"
#include "base/safetensors.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Types go by safetensors' names in either format. */
typedef struct tensor_entry {
    const char *name;
    safetensors_type type;
    const char *type_name;
    int rank;
    int64_t shape[SAFETENSORS_MAX_RANK];
} tensor_entry;

typedef struct tensor_file tensor_file;

/* Opens a file and reads what it says of its tensors; sizes are checked against the file's. */
status tensor_file_open(const char *path, tensor_file **opened, error *err);
void tensor_file_close(tensor_file *file); /* NULL is fine */
size_t tensor_file_count(const tensor_file *file);
/* In the order of a safetensors file's bytes, or of a state dict. */
const tensor_entry *tensor_file_at(const tensor_file *file, size_t index);
/* NULL when there is none of that name. */
const tensor_entry *tensor_file_find(const tensor_file *file, const char *name);
/* The safetensors file behind it, for its metadata; NULL for PyTorch's, which have none. */
const safetensors_file *tensor_file_safetensors(const tensor_file *file);
/* Elements of an entry (1 for rank 0). */
size_t tensor_elements(const tensor_entry *entry);
/* Whether it can be read as fp32: F32, F16, BF16 and F64. */
bool tensor_is_floating(const tensor_entry *entry);
/* Reads an entry of this file, tensor_elements values, row major. STATUS_FAILED for a type that is
 * not of the kind. F64 is rounded to the nearest fp32. */
status tensor_file_read_f32(tensor_file *file, const tensor_entry *entry, float *values,
                            error *err);
status tensor_file_read_i64(tensor_file *file, const tensor_entry *entry, int64_t *values,
                            error *err);

#endif
