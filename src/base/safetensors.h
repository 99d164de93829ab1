/* SPDX-License-Identifier: Apache-2.0 */
/* The safetensors file format (https://github.com/huggingface/safetensors, "Format"): u64 LE length
 * of a JSON header, the header {"name": {"dtype", "shape", "data_offsets"}, "__metadata__":
 * {string: string}}, then the tensors' bytes, little endian, row major. */
#pragma once

#include "base/tensor_entry.h"

typedef struct safetensors_file safetensors_file;

/* Opens and checks: header length within the file, JSON well formed, offsets inside the file, not
 * overlapping, each of the size that dtype and shape make. Errors name file, tensor and remedy. */
status safetensors_open(const char *path, safetensors_file **opened, error *err);
void safetensors_close(safetensors_file *file);
size_t safetensors_count(const safetensors_file *file);
const tensor_entry *safetensors_at(const safetensors_file *file, size_t index);
/* NULL when there is none of that name. */
const tensor_entry *safetensors_find(const safetensors_file *file, const char *name);
/* The value of a metadata key, or NULL. */
const char *safetensors_metadata(const safetensors_file *file, const char *key);
/* Reads the whole file and compares it with the checksum in its metadata (checksum.h), which every
 * file that was written here has; a file without one is taken as it is. */
status safetensors_verify(safetensors_file *file, error *err);
/* Reads a tensor as fp32, converting F16 and BF16 and rounding F64; values has the entry's element
 * count. */
status safetensors_read_f32(safetensors_file *file, const tensor_entry *entry, float *values,
                            error *err);
status safetensors_read_i64(safetensors_file *file, const tensor_entry *entry, int64_t *values,
                            error *err);

/* Writing: describe every tensor, then hand over their bytes in that order, then commit. The file
 * appears whole or not at all (file.h), with a checksum in its metadata. */
typedef struct safetensors_writer safetensors_writer;
status safetensors_create(const char *path, safetensors_writer **created, error *err);
/* STATUS_FAILED for a name given twice, a shape that is no shape, and after the first append. */
status safetensors_describe(safetensors_writer *writer, const char *name, safetensors_type type,
                            int rank, const int64_t *shape, error *err);
status safetensors_set_metadata(safetensors_writer *writer, const char *key, const char *value,
                                error *err);
/* The bytes of the next described tensor, all of them. */
status safetensors_append(safetensors_writer *writer, const void *bytes, size_t size, error *err);
status safetensors_commit(safetensors_writer *writer, error *err); /* frees the writer */
void safetensors_abort(safetensors_writer *writer);                /* frees it too; NULL is fine */
