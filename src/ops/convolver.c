/* SPDX-License-Identifier: Apache-2.0 */
/* The choice of an algorithm; see convolver.h. */
#include "ops/convolver.h"
#include "device/verdicts.h"
#include "ops/gemm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    return error_set(err, STATUS_USAGE, "HCNN_CONV=%s: expected one of %s", name, families);
}

static status read_family(convolver *c, error *err)
{
    const char *name = getenv("HCNN_CONV");
    if (!name || !*name)
        return STATUS_OK;
    const convolution_algorithm *first = find_family(name);
    if (!first)
        return unknown_family(name, err);
    c->forced = first->family;
    return STATUS_OK;
}

static status open_files(convolver *c, error *err)
{
    TRY(verdicts_open_own(c->dev, err));
    return choices_open(c->dev, &c->known, err);
}

status convolver_open_plain(device *dev, convolver *opened, error *err)
{
    *opened = (convolver){.dev = dev};
    return open_files(opened, err);
}

status convolver_open(device *dev, convolver *opened, error *err)
{
    *opened = (convolver){.dev = dev};
    TRY(read_family(opened, err));
    return open_files(opened, err);
}

void convolver_close(convolver *c)
{
    choices_close(c->known);
    *c = (convolver){0};
}

status convolver_prepare_gemm(const convolver *c, error *err)
{
    const char *name = choices_gemm(c->known);
    const gemm_parameters *remembered = name ? gemm_find_parameters(name) : NULL;
    return gemm_use_parameters(c->dev, remembered ? remembered : gemm_default_parameters(c->dev),
                               err);
}

const char *convolver_check_precision(const device *dev, const convolution_algorithm *algorithm)
{
    bool shared = dev->precision == PRECISION_TF32 && !(algorithm && algorithm->tf32);
    return word_list_at(&precision_words, shared ? PRECISION_FP32 : dev->precision);
}

void convolver_check_name(const device *dev, convolution_choice by,
                          enum convolution_direction direction, char name[CONVOLVER_CHECK_NAME])
{
    const char *tile = convolution_tile_name(by);
    snprintf(name, CONVOLVER_CHECK_NAME, "%s %s%s%s %s",
             convolver_check_precision(dev, by.algorithm), by.algorithm->name, tile ? " " : "",
             tile ? tile : "", convolution_direction_names[direction]);
}

static bool has_failed(const device *dev, const char *check)
{
    verdict found;
    return dev->verdicts && verdicts_find(dev->verdicts, check, &found) && !found.passed;
}

bool convolver_uses_clblast(const convolution_algorithm *algorithm)
{
    return algorithm == &im2col_gemm || algorithm == &conv1x1_gemm;
}

/* Whether the self-test found the choice wrong, or CLBlast if it is made of that. */
static bool is_wrong(const device *dev, convolution_choice by, enum convolution_direction direction)
{
    char name[CONVOLVER_CHECK_NAME];
    snprintf(name, sizeof name, "%s gemm", convolver_check_precision(dev, NULL));
    if (convolver_uses_clblast(by.algorithm) && has_failed(dev, name))
        return true;
    convolver_check_name(dev, by, direction, name);
    return has_failed(dev, name);
}

bool convolver_supports(const convolver *c, convolution_choice by, const convolution_call *call)
{
    const convolution_call asked = convolution_by(by, call);
    return by.algorithm->supports(c->dev, &asked) && !is_wrong(c->dev, by, call->direction);
}

/* The algorithm with the first of its tiles, the default before all, that may be used for the call;
 * without an algorithm if there is none. */
static convolution_choice find_tile(const convolver *c, const convolution_algorithm *algorithm,
                                    const convolution_call *call)
{
    for (int tile = 0; tile <= algorithm->tile_count; tile++) {
        const convolution_choice by = {algorithm, tile};
        if (convolver_supports(c, by, call))
            return by;
    }
    return (convolution_choice){0};
}

static bool suits(const convolver *c, convolution_choice by, const convolution_call *call)
{
    const convolution_call asked = convolution_by(by, call);
    return !by.algorithm->suits || by.algorithm->suits(c->dev, &asked);
}

convolution_choice convolver_choose_quickly(const convolver *c, const convolution_call *call)
{
    for (int i = 0; convolution_algorithms[i]; i++) {
        const convolution_choice by = find_tile(c, convolution_algorithms[i], call);
        if (by.algorithm && suits(c, by, call))
            return by;
    }
    for (int i = 0; convolution_algorithms[i]; i++) {
        const convolution_choice by = find_tile(c, convolution_algorithms[i], call);
        if (by.algorithm)
            return by;
    }
    /* It supports every call. The self-test found it wrong, and everything else, too. */
    return (convolution_choice){&direct_convolution, 0};
}

convolution_choice convolver_choose(const convolver *c, const convolution_call *call,
                                    bool remembered)
{
    for (int i = 0; c->forced && convolution_algorithms[i]; i++) {
        const convolution_choice by = find_tile(c, convolution_algorithms[i], call);
        if (by.algorithm && strcmp(by.algorithm->family, c->forced) == 0)
            return by;
    }
    const choice *found = remembered ? choices_find(c->known, call) : NULL;
    if (found && convolver_supports(c, found->by, call))
        return found->by;
    const convolution_choice near =
        found ? find_tile(c, found->by.algorithm, call) : (convolution_choice){0};
    if (near.algorithm)
        return near;
    return convolver_choose_quickly(c, call);
}
