/* SPDX-License-Identifier: Apache-2.0 */
/* The table of algorithms, and the choice among them; see convolution.h. */
#include "ops/convolution.h"
#include "ops/choices.h"
#include "ops/tensor_gemm.h"

#include <stdio.h>
#include <stdlib.h>
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

/* The first algorithm of a family, or NULL. */
static const convolution_algorithm *find_family(const char *name)
{
    int i = 0;
    while (convolution_algorithms[i] && strcmp(convolution_algorithms[i]->family, name) != 0)
        i++;
    return convolution_algorithms[i];
}

static status unknown_family(const char *name, error *err)
{
    char families[256] = "";
    for (int i = 0; convolution_algorithms[i]; i++) {
        const char *family = convolution_algorithms[i]->family;
        size_t used = strlen(families);
        if (find_family(family) == convolution_algorithms[i])
            snprintf(families + used, sizeof families - used, "%s%s", used ? ", " : "", family);
    }
    return error_set(err, STATUS_USAGE, "HCNN_CONV=%s: is none of %s", name, families);
}

static status prepare_tf32(device *dev, error *err)
{
    const char *asked = getenv("HCNN_TF32");
    if (asked && strcmp(asked, "1") == 0)
        return tensor_gemm_prepare(dev, err);
    dev->tf32 = false;
    if (!asked || !*asked || strcmp(asked, "0") == 0)
        return STATUS_OK;
    return error_set(err, STATUS_USAGE, "HCNN_TF32=%s: it may be 0 or 1", asked);
}

status convolution_prepare(device *dev, error *err)
{
    TRY(prepare_tf32(dev, err));
    const char *forced = getenv("HCNN_CONV");
    TRY(choices_load(dev, err));
    dev->forced_convolution[0] = '\0';
    if (!forced || !*forced)
        return STATUS_OK;
    if (!find_family(forced) || strlen(forced) >= sizeof dev->forced_convolution)
        return unknown_family(forced, err);
    strcpy(dev->forced_convolution, forced);
    return STATUS_OK;
}

const convolution_algorithm *convolution_choose_quickly(const device *dev,
                                                        const convolution_call *call)
{
    for (int i = 0; convolution_algorithms[i]; i++) {
        const convolution_algorithm *a = convolution_algorithms[i];
        if (a->supports(dev, call) && (!a->suits || a->suits(dev, call)))
            return a;
    }
    return &direct_convolution; /* suits nothing and supports everything */
}

const convolution_algorithm *convolution_choose(const device *dev, const convolution_call *call)
{
    for (int i = 0; dev->forced_convolution[0] && convolution_algorithms[i]; i++) {
        const convolution_algorithm *a = convolution_algorithms[i];
        if (strcmp(a->family, dev->forced_convolution) == 0 && a->supports(dev, call))
            return a;
    }
    const choice *remembered = choices_find(dev, call);
    if (remembered && remembered->algorithm->supports(dev, call))
        return remembered->algorithm;
    return convolution_choose_quickly(dev, call);
}
