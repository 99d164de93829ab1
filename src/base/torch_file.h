/* SPDX-License-Identifier: Apache-2.0 */
/* What PyTorch's torch.save writes: a pickle that describes tensors, and their storages. Both
 * containers are read, the zip archive of PyTorch 1.6 and later and the plain sequence before it
 * (torch/serialization.py of https://github.com/pytorch/pytorch describes them by what it writes).
 *
 * The tensors are those of the outermost dictionary or, when it holds none, of the dictionary under
 * its key "state_dict", "model_state_dict" or "model". Other values in there are numbers, strings,
 * lists and dictionaries, which are read over; any other object is an error (pickle.h). */
#pragma once

#include "base/tensor_entry.h"

typedef struct torch_file torch_file;

enum { TORCH_MAGIC_BYTES = 16 };

/* Whether a file that begins with these bytes is one of the two containers. */
bool torch_file_begins(const unsigned char bytes[TORCH_MAGIC_BYTES]);

/* Opens and checks: every storage inside the file, every tensor inside its storage. */
status torch_file_open(const char *path, torch_file **opened, error *err);
void torch_file_close(torch_file *file); /* NULL is fine */
size_t torch_file_count(const torch_file *file);
const tensor_entry *torch_file_at(const torch_file *file, size_t index);
const tensor_entry *torch_file_find(const torch_file *file, const char *name);
/* See tensor_file.h; strides of any kind are followed. */
status torch_file_read_f32(torch_file *file, const tensor_entry *entry, float *values, error *err);
status torch_file_read_i64(torch_file *file, const tensor_entry *entry, int64_t *values,
                           error *err);

/* Writing a state dict as the zip container with what torch.load reads under weights_only, too:
 * describe every tensor, then hand over their bytes in that order, then commit. F32 and I64. */
typedef struct torch_writer torch_writer;
status torch_writer_create(const char *path, torch_writer **created, error *err);
status torch_writer_describe(torch_writer *writer, const char *name, safetensors_type type,
                             int rank, const int64_t *shape, error *err);
status torch_writer_append(torch_writer *writer, const void *bytes, size_t size, error *err);
status torch_writer_commit(torch_writer *writer, error *err); /* frees the writer */
void torch_writer_abort(torch_writer *writer);                /* frees it too; NULL is fine */
