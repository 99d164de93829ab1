/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses the algorithm of a convolution. The choice depends on the environment and on what
 * `hcnn-cl tune` has remembered for the device. Code that builds a network or tunes opens a
 * convolver. */
#pragma once

#include "ops/choices.h"

typedef struct convolver {
    device *dev;
    const char *forced; /* the family that HCNN_CONV names; NULL: none */
    choices *known;     /* the device's file */
} convolver;

/* Opens a convolver for the device's current precision, and dev->verdicts, if it is the first. It
 * is STATUS_USAGE if HCNN_CONV names no family. */
status convolver_open(device *dev, convolver *opened, error *err);
/* The same without regard to HCNN_CONV. */
status convolver_open_plain(device *dev, convolver *opened, error *err);
void convolver_close(convolver *c); /* c may be all zeros */

/* Makes CLBlast use the remembered parameters (gemm.h), else the device's default. Call it before
 * the first product. */
status convolver_prepare_gemm(const convolver *c, error *err);

/* The precision by whose name the self-test calls a check of the algorithm, or of an operation if
 * it is NULL: the device's, except that tf32 runs the kernels of fp32 where nothing is rounded. */
const char *convolver_check_precision(const device *dev, const convolution_algorithm *algorithm);
/* The name that the self-test gives to a choice, such as "fp32 tiled_gemm 64x64x8x8x16 forward". */
enum { CONVOLVER_CHECK_NAME = 96 };
void convolver_check_name(const device *dev, convolution_choice by,
                          enum convolution_direction direction, char name[CONVOLVER_CHECK_NAME]);

/* Whether the algorithm multiplies by CLBlast. */
bool convolver_uses_clblast(const convolution_algorithm *algorithm);

/* Whether the choice supports the call and the self-test has not found it wrong (dev->verdicts). */
bool convolver_supports(const convolver *c, convolution_choice by, const convolution_call *call);

/* The choice for a call. It is made once per layer and direction, with the shapes of the largest
 * batch, and applies to all smaller batches too. If HCNN_CONV forces a family that supports the
 * call, its first such algorithm is chosen; else, if `remembered`, what `hcnn-cl tune` found; else
 * the quick choice. */
convolution_choice convolver_choose(const convolver *c, const convolution_call *call,
                                    bool remembered);
/* The quick choice, which measures nothing: the first algorithm of the table that suits the call,
 * with its default tile or, if that may not be used, its first other one. */
convolution_choice convolver_choose_quickly(const convolver *c, const convolution_call *call);
