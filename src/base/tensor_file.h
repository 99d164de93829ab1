/* SPDX-License-Identifier: Apache-2.0 */
/* Files of named tensors in two formats: safetensors (safetensors.c), and what PyTorch's torch.save
 * writes (torch_file.c). Of a file that is read the content tells them apart, of one that is
 * written the name. */
#pragma once

#include "base/tensor_entry.h"

typedef struct tensor_file tensor_file;

/* Whether a file begins as torch.save's do, whether or not the rest of it can be read. */
status tensor_file_is_torch(const char *path, bool *torch, error *err);
/* Opens a file and reads what it says of its tensors; sizes are checked against the file's. Errors
 * name file, tensor and remedy. */
status tensor_file_open(const char *path, tensor_file **opened, error *err);
void tensor_file_close(tensor_file *file); /* NULL is fine */
size_t tensor_file_count(const tensor_file *file);
/* In the order of a safetensors file's bytes, or of a state dict. */
const tensor_entry *tensor_file_at(const tensor_file *file, size_t index);
/* NULL when there is none of that name. */
const tensor_entry *tensor_file_find(const tensor_file *file, const char *name);
/* The value of a metadata key, or NULL; PyTorch's files have none. */
const char *tensor_file_metadata(const tensor_file *file, const char *key);
/* Reads a whole safetensors file and compares it with the checksum in its metadata, which
 * every file that was written here has; a file without one is taken as it is. */
status tensor_file_verify(tensor_file *file, error *err);
/* Reads an entry of this file, tensor_elements values, row major. STATUS_FAILED for a type that is
 * not of the kind. F64 is rounded to the nearest fp32. */
status tensor_file_read_f32(tensor_file *file, const tensor_entry *entry, float *values,
                            error *err);
status tensor_file_read_i64(tensor_file *file, const tensor_entry *entry, int64_t *values,
                            error *err);

/* ---- Writing: describe every tensor, then hand over their bytes in that order, then commit. The
 * file appears whole or not at all (file.h) ---- */

typedef struct tensor_writer tensor_writer;

/* Whether the name asks for PyTorch's format: it ends in .pth or .pt. */
bool tensor_name_is_torch(const char *path);
/* PyTorch's format if the name asks for it, else safetensors. */
status tensor_writer_create(const char *path, tensor_writer **created, error *err);
/* STATUS_FAILED for a name given twice, a shape that is no shape, and after the first append.
 * PyTorch's format takes F32 and I64. */
status tensor_writer_describe(tensor_writer *writer, const char *name, safetensors_type type,
                              int rank, const int64_t *shape, error *err);
/* Before the first append. PyTorch's format has no metadata: nothing is done. */
status tensor_writer_set_metadata(tensor_writer *writer, const char *key, const char *value,
                                  error *err);
/* The bytes of the next described tensor, all of them. */
status tensor_writer_append(tensor_writer *writer, const void *bytes, size_t size, error *err);
status tensor_writer_commit(tensor_writer *writer, error *err); /* frees the writer */
void tensor_writer_abort(tensor_writer *writer);                /* frees it too; NULL is fine */

/* A tensor of a file, and what it is called in another. */
typedef struct tensor_copy {
    const tensor_entry *from;
    char *name;
    int rank; /* of the copy: trailing dimensions of 1 left out or put behind */
} tensor_copy;

/* Describes and appends the copies: weights as F32, whole numbers as I64. */
status tensor_writer_copy(tensor_writer *writer, tensor_file *file, const tensor_copy *copies,
                          size_t count, error *err);
