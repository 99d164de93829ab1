/* SPDX-License-Identifier: Apache-2.0 */
/* A named tensor in a file of any format. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Limits: dimensions of a tensor, and tensors in a file (twenty times as many as the largest file
 * in use has). */
enum { SAFETENSORS_MAX_RANK = 8, SAFETENSORS_MOST = 1 << 16 };

/* Element types under safetensors' names. The first four can be read as fp32. */
typedef enum safetensors_type {
    SAFETENSORS_F32,
    SAFETENSORS_F16,
    SAFETENSORS_BF16,
    SAFETENSORS_F64,
    SAFETENSORS_I64,
    SAFETENSORS_I32,
    SAFETENSORS_I16,
    SAFETENSORS_I8,
    SAFETENSORS_U64,
    SAFETENSORS_U32,
    SAFETENSORS_U16,
    SAFETENSORS_U8,
    SAFETENSORS_BOOL,
    SAFETENSORS_C64,
    SAFETENSORS_F8_E4M3,
    SAFETENSORS_F8_E5M2,
    SAFETENSORS_TYPES,
} safetensors_type;

typedef struct tensor_type {
    const char *name;
    unsigned bytes; /* of an element */
} tensor_type;
extern const tensor_type tensor_types[SAFETENSORS_TYPES];

typedef struct tensor_entry {
    const char *name;
    safetensors_type type;
    int rank;
    int64_t shape[SAFETENSORS_MAX_RANK];
    size_t index;        /* among the tensors of the file */
    uint64_t begin, end; /* byte range in a safetensors file, counted from the end of the header */
} tensor_entry;

/* Computes the bytes of a tensor without overflow. False if they exceed `limit` or a dimension is
 * negative. A tensor with a dimension of 0 has no bytes, whatever its other dimensions are. */
bool tensor_bytes_within(safetensors_type type, int rank, const int64_t *shape, uint64_t limit,
                         uint64_t *size);
/* The number of elements of an entry (1 for rank 0). */
size_t tensor_elements(const tensor_entry *entry);
/* Whether the entry can be read as fp32. */
bool tensor_is_floating(const tensor_entry *entry);
/* An element of one of these types as fp32; F64 is rounded to nearest. */
float tensor_element_f32(const unsigned char *bytes, safetensors_type type);

/* Writes a shape like "[64, 3, 7, 7]" to `text` and returns it. */
enum { TENSOR_SHAPE_BYTES = 200 };
const char *tensor_shape_text(int rank, const int64_t *shape, char text[TENSOR_SHAPE_BYTES]);
/* Whether two shapes are equal except for dimensions of 1 at their ends: PyTorch stores a linear
 * layer as [out, in] or, as a convolution, as [out, in, 1, 1]. */
bool tensor_shapes_fit(int rank, const int64_t *shape, int other_rank, const int64_t *other);

/* Sorts pointers to entries of one array by name. Equal names, which a state dict may have, stay in
 * the order of the array. */
void tensors_sort(const tensor_entry **sorted, size_t count);
/* The first of the sorted entries with that name; NULL if there is none. */
const tensor_entry *tensors_find(const tensor_entry *const *sorted, size_t count, const char *name);
