/* SPDX-License-Identifier: Apache-2.0 */
/* What a format implements for tensor_file.c; only that file and the formats include this one. The
 * structs of a format begin with the structs declared here, which tensor_file.c allocates and
 * frees. */
#pragma once

#include "base/file.h"
#include "base/tensor_file.h"

typedef struct tensor_format tensor_format;
typedef struct tensor_output tensor_output;

struct tensor_file {
    const tensor_format *format;
    char *path;
    FILE *stream;
    size_t size;               /* bytes */
    const tensor_entry *first; /* the entries are `stride` bytes apart */
    size_t stride, count;
    const tensor_entry **names; /* [count] the entries, sorted by name */
};

struct tensor_format {
    size_t bytes; /* size of the format's struct */
    /* Reads the description of the tensors and sets first, stride and count. `close` is called
     * after a failure too and frees what was allocated. */
    status (*open)(tensor_file *file, error *err);
    void (*close)(tensor_file *file);
    /* Reads all elements: of a floating type as fp32, of I64 as they are. */
    status (*read)(tensor_file *file, const tensor_entry *entry, void *values, error *err);
    const char *(*metadata)(const tensor_file *file, const char *key); /* NULL: has none */
    status (*verify)(tensor_file *file, error *err);                   /* NULL: nothing to verify */
};
extern const tensor_format safetensors_format, torch_format;

enum { TORCH_MAGIC_BYTES = 16 };
/* Whether a file that begins with these bytes is in one of torch.save's two containers. */
bool torch_file_begins(const unsigned char bytes[TORCH_MAGIC_BYTES]);

/* For `read`: reads `size` bytes of the entry, from byte `at` of the file. */
status tensor_file_get(tensor_file *file, const tensor_entry *entry, uint64_t at, void *bytes,
                       size_t size, error *err);

struct tensor_writer {
    const tensor_output *format;
    file_writer out;
    bool started;    /* the first bytes are written */
    uint64_t *sizes; /* bytes of each tensor that was described or is being described */
    uint64_t bytes;  /* bytes of all described tensors */
    size_t described, appended;
};

struct tensor_output {
    size_t bytes; /* size of the format's struct */
    status (*open)(tensor_writer *writer, error *err);
    status (*describe)(tensor_writer *writer, const char *name, safetensors_type type, int rank,
                       const int64_t *shape, error *err);
    status (*set_metadata)(tensor_writer *writer, const char *key, const char *value,
                           error *err);                 /* NULL: has none */
    status (*start)(tensor_writer *writer, error *err); /* all tensors are described */
    status (*append)(tensor_writer *writer, const void *bytes, size_t size, error *err);
    status (*finish)(tensor_writer *writer, error *err);
    void (*close)(tensor_writer *writer); /* frees what `open` allocated, even if it failed */
};
extern const tensor_output safetensors_output, torch_output;
