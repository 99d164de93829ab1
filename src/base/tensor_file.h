/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and writes files of named tensors in two formats: safetensors (safetensors.c), and that of
 * PyTorch's torch.save (torch_file.c, torch_writer.c). When reading, the content tells them apart;
 * when writing, the name of the file does. */
#pragma once

#include "base/tensor_entry.h"

typedef struct tensor_file tensor_file;

/* Whether a file begins like those of torch.save. The rest of it need not be readable. */
status tensor_file_is_torch(const char *path, bool *torch, error *err);
/* Opens a file and reads the description of its tensors, whose sizes are checked against the file's
 * size. Errors name file, tensor and remedy. */
status tensor_file_open(const char *path, tensor_file **opened, error *err);
void tensor_file_close(tensor_file *file); /* NULL is allowed */
size_t tensor_file_count(const tensor_file *file);
/* Entry `index`, in the order of the bytes of the file: in this order the file is read only once.
 * Entries belong to the file. */
const tensor_entry *tensor_file_at(const tensor_file *file, size_t index);
/* The entry of that name, or NULL. */
const tensor_entry *tensor_file_find(const tensor_file *file, const char *name);
/* The value of a metadata key, or NULL; PyTorch's files have none. */
const char *tensor_file_metadata(const tensor_file *file, const char *key);
/* Reads a whole safetensors file and compares it with the checksum in its metadata. Every file
 * written here has one; a file without one is accepted. */
status tensor_file_verify(tensor_file *file, error *err);
/* Reads an entry of this file: tensor_elements values, row major. STATUS_FAILED if it has another
 * type. tensor_file_read_f32 reads F32, F16, BF16 and F64, which is rounded to the nearest fp32. */
status tensor_file_read_f32(tensor_file *file, const tensor_entry *entry, float *values,
                            error *err);
status tensor_file_read_i64(tensor_file *file, const tensor_entry *entry, int64_t *values,
                            error *err);

/* ---- Writing: describe every tensor, then append their bytes in that order, then commit. The file
 * appears whole or not at all (file.h) ---- */

typedef struct tensor_writer tensor_writer;

/* Whether the name selects PyTorch's format: it ends in .pth or .pt. */
bool tensor_name_is_torch(const char *path);
/* Writes PyTorch's format if the name selects it, else safetensors. */
status tensor_writer_create(const char *path, tensor_writer **created, error *err);
/* STATUS_FAILED for an impossible shape and after the first append. Safetensors also refuses a name
 * that was already given; PyTorch's format accepts only F32 and I64. */
status tensor_writer_describe(tensor_writer *writer, const char *name, safetensors_type type,
                              int rank, const int64_t *shape, error *err);
/* Has to be called before the first append. PyTorch's format has no metadata and ignores it. */
status tensor_writer_set_metadata(tensor_writer *writer, const char *key, const char *value,
                                  error *err);
/* Appends all bytes of the next described tensor. */
status tensor_writer_append(tensor_writer *writer, const void *bytes, size_t size, error *err);
status tensor_writer_commit(tensor_writer *writer, error *err); /* frees the writer */
void tensor_writer_abort(tensor_writer *writer);                /* frees it too; NULL is allowed */

/* A tensor of one file and its name in another. */
typedef struct tensor_copy {
    const tensor_entry *from;
    char *name;
    int rank; /* of the copy: trailing dimensions of 1 are dropped or added */
} tensor_copy;

/* Describes and appends the copies: floating types become F32, I64 stays I64. STATUS_FAILED for
 * other types. */
status tensor_writer_copy(tensor_writer *writer, tensor_file *file, const tensor_copy *copies,
                          size_t count, error *err);
