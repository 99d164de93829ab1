/* SPDX-License-Identifier: Apache-2.0 */
/* The table of algorithms; see convolution.h. */
#include "ops/convolution.h"

#include <string.h>

const convolution_algorithm *const convolution_algorithms[] = {
    &tensor_gemm, &unrolled_gemm, &winograd4,          &winograd2,   &implicit_gemm,
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

int convolution_find_tile(const convolution_algorithm *algorithm, const char *name)
{
    const char *known;
    for (int i = 1; algorithm->tile_name && (known = algorithm->tile_name(i)) != NULL; i++)
        if (strcmp(known, name) == 0)
            return i;
    return 0;
}

const char *convolution_tile_name(convolution_choice choice)
{
    return choice.tile ? choice.algorithm->tile_name(choice.tile) : NULL;
}

convolution_call convolution_by(convolution_choice by, const convolution_call *call)
{
    convolution_call made = *call;
    made.by = by;
    return made;
}

tensor convolution_output(const convolution_shape *s, tensor x)
{
    return (tensor){NULL, x.n, (x.h + 2 * s->pad - s->kernel) / s->stride + 1,
                    (x.w + 2 * s->pad - s->kernel) / s->stride + 1, s->cout};
}

/* Pairs of an output's place and a tap that meet inside the image, along one side. */
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
