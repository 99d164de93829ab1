/* SPDX-License-Identifier: Apache-2.0 */
/* The table of algorithms; see convolution.h. */
#include "ops/convolution.h"

#include <string.h>

const convolution_algorithm *const convolution_algorithms[] = {
    &tensor_gemm, &unrolled_gemm, &toeplitz2,          &winograd4,   &winograd2, &implicit_gemm,
    &tiled_gemm,  &conv1x1_gemm,  &direct_convolution, &im2col_gemm, NULL};

const char *const convolution_direction_names[CONVOLUTION_DIRECTIONS] = {"forward", "data",
                                                                         "weights"};

const convolution_algorithm *convolution_find(const char *name)
{
    for (int i = 0; convolution_algorithms[i]; i++)
        if (strcmp(convolution_algorithms[i]->name, name) == 0)
            return convolution_algorithms[i];
    return NULL;
}

const char *convolution_tile_name(convolution_choice choice)
{
    const convolution_algorithm *a = choice.algorithm;
    if (choice.tile < 1 || choice.tile > a->tile_count)
        return NULL;
    const char *tile = (const char *)a->tiles + (size_t)(choice.tile - 1) * a->tile_bytes;
    return *(const char *const *)tile;
}

int convolution_find_tile(const convolution_algorithm *algorithm, const char *name)
{
    for (int tile = algorithm->tile_count; tile > 0; tile--)
        if (strcmp(convolution_tile_name((convolution_choice){algorithm, tile}), name) == 0)
            return tile;
    return 0;
}

convolution_call convolution_by(convolution_choice by, const convolution_call *call)
{
    convolution_call made = *call;
    made.by = by;
    return made;
}

status convolution_memory_create(device *dev, const convolution_bytes *bytes,
                                 convolution_memory *created, error *err)
{
    *created = (convolution_memory){0};
    if (bytes->columns)
        TRY(buffer_create(dev, bytes->columns, &created->columns, err));
    if (bytes->weights)
        TRY(buffer_create(dev, bytes->weights, &created->weights, err));
    if (bytes->scratch)
        TRY(buffer_create(dev, bytes->scratch, &created->scratch, err));
    return bytes->prepared ? buffer_create(dev, bytes->prepared, &created->prepared, err)
                           : STATUS_OK;
}

void convolution_memory_release(convolution_memory *memory)
{
    buffer_release(&memory->columns);
    buffer_release(&memory->weights);
    buffer_release(&memory->scratch);
    buffer_release(&memory->prepared);
}

status convolution_run(device *dev, const convolution_call *call, convolution_memory memory,
                       error *err)
{
    if (memory.prepared)
        TRY(call->by.algorithm->prepare(dev, call, memory.prepared, err));
    return call->by.algorithm->run(dev, call, memory, err);
}

size_t convolution_weights(const convolution_shape *s)
{
    return (size_t)s->kernel * (size_t)s->kernel * (size_t)s->cin * (size_t)s->cout;
}

cl_mem convolution_result(const convolution_call *call)
{
    return call->direction == CONVOLUTION_FORWARD         ? call->y.buffer
           : call->direction == CONVOLUTION_BACKWARD_DATA ? call->x.buffer
                                                          : call->weights;
}

convolution_extent convolution_products_of(const convolution_call *call, int batch)
{
    const convolution_shape *s = &call->shape;
    size_t n = (size_t)batch, stride = (size_t)s->stride;
    size_t cin = (size_t)s->cin, cout = (size_t)s->cout;
    switch (call->direction) {
    case CONVOLUTION_FORWARD:
        return (convolution_extent){tensor_pixels(call->y), cout, n};
    case CONVOLUTION_BACKWARD_DATA: /* rows: the pixels of the largest class */
        return (convolution_extent){(size_t)call->x.n * divide_up((size_t)call->x.h, stride) *
                                        divide_up((size_t)call->x.w, stride),
                                    cin, n * stride * stride};
    default:
        return (convolution_extent){cin, cout, n * (size_t)s->kernel * (size_t)s->kernel};
    }
}

/* The number of pairs of an output position and a tap that meet inside the image, along one
 * axis. */
static double pairs_inside(int size, int out, const convolution_shape *s)
{
    int pairs = 0;
    for (int o = 0; o < out; o++)
        for (int tap = 0; tap < s->kernel; tap++) {
            int at = o * s->stride - s->pad + tap;
            pairs += at >= 0 && at < size;
        }
    return pairs;
}

double convolution_products(const convolution_call *call)
{
    const convolution_shape *s = &call->shape;
    return pairs_inside(call->x.h, call->y.h, s) * pairs_inside(call->x.w, call->y.w, s) *
           call->x.n * s->cin * s->cout;
}
