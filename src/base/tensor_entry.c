/* SPDX-License-Identifier: Apache-2.0 */
/* Named tensors; see tensor_entry.h. */
#include "base/tensor_entry.h"
#include "base/bfloat16.h"
#include "base/half.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const tensor_type tensor_types[SAFETENSORS_TYPES] = {
    [SAFETENSORS_F32] = {"F32", 4},         [SAFETENSORS_F16] = {"F16", 2},
    [SAFETENSORS_BF16] = {"BF16", 2},       [SAFETENSORS_F64] = {"F64", 8},
    [SAFETENSORS_I64] = {"I64", 8},         [SAFETENSORS_I32] = {"I32", 4},
    [SAFETENSORS_I16] = {"I16", 2},         [SAFETENSORS_I8] = {"I8", 1},
    [SAFETENSORS_U64] = {"U64", 8},         [SAFETENSORS_U32] = {"U32", 4},
    [SAFETENSORS_U16] = {"U16", 2},         [SAFETENSORS_U8] = {"U8", 1},
    [SAFETENSORS_BOOL] = {"BOOL", 1},       [SAFETENSORS_C64] = {"C64", 8},
    [SAFETENSORS_F8_E4M3] = {"F8_E4M3", 1}, [SAFETENSORS_F8_E5M2] = {"F8_E5M2", 1},
};

bool tensor_bytes_within(safetensors_type type, int rank, const int64_t *shape, uint64_t limit,
                         uint64_t *size)
{
    uint64_t total = tensor_types[type].bytes;
    *size = 0;
    for (int i = 0; i < rank; i++)
        if (shape[i] == 0)
            return true;
    for (int i = 0; i < rank; i++) {
        if (shape[i] < 1 || total > limit / (uint64_t)shape[i])
            return false;
        total *= (uint64_t)shape[i];
    }
    *size = total;
    return true;
}

size_t tensor_elements(const tensor_entry *entry)
{
    size_t elements = 1;
    for (int i = 0; i < entry->rank; i++)
        elements *= (size_t)entry->shape[i];
    return elements;
}

bool tensor_is_floating(const tensor_entry *entry)
{
    return entry->type <= SAFETENSORS_F64;
}

float tensor_element_f32(const unsigned char *bytes, safetensors_type type)
{
    uint16_t half;
    double real;
    float value;
    memcpy(&half, bytes, sizeof half);
    if (type == SAFETENSORS_F16)
        return half_to_float(half);
    if (type == SAFETENSORS_BF16)
        return bfloat16_to_float(half);
    if (type == SAFETENSORS_F64) {
        memcpy(&real, bytes, sizeof real);
        return (float)real;
    }
    memcpy(&value, bytes, sizeof value);
    return value;
}

const char *tensor_shape_text(int rank, const int64_t *shape, char text[TENSOR_SHAPE_BYTES])
{
    size_t used = 1;
    strcpy(text, "[");
    for (int i = 0; i < rank; i++)
        used += (size_t)snprintf(text + used, TENSOR_SHAPE_BYTES - used, "%s%lld", i ? ", " : "",
                                 (long long)shape[i]);
    snprintf(text + used, TENSOR_SHAPE_BYTES - used, "]");
    return text;
}

bool tensor_shapes_fit(int rank, const int64_t *shape, int other_rank, const int64_t *other)
{
    for (int i = 0; i < rank || i < other_rank; i++)
        if ((i < rank ? shape[i] : 1) != (i < other_rank ? other[i] : 1))
            return false;
    return true;
}

static int by_name(const void *a, const void *b)
{
    const tensor_entry *one = *(const tensor_entry *const *)a;
    const tensor_entry *two = *(const tensor_entry *const *)b;
    int order = strcmp(one->name, two->name);
    return order ? order : (one > two) - (one < two);
}

void tensors_sort(const tensor_entry **sorted, size_t count)
{
    qsort(sorted, count, sizeof *sorted, by_name);
}

const tensor_entry *tensors_find(const tensor_entry *const *sorted, size_t count, const char *name)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(sorted[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && strcmp(sorted[low]->name, name) == 0 ? sorted[low] : NULL;
}
