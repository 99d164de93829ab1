/* SPDX-License-Identifier: Apache-2.0 */
/* The choice among the algorithms of a convolution. On a device it depends on what the environment
 * asks for and on what `hcnn-cl tune` remembered; whoever makes a network or tunes opens one. */
#pragma once

#include "ops/choices.h"

typedef struct convolver {
    device *dev;
    const char *forced; /* the family that HCNN_CONV names; NULL: none */
    bool tf32;          /* HCNN_TF32: algorithms may round their factors to TF32 */
    choices *known;     /* the device's file */
} convolver;

/* For the precision that the device has now. A HCNN_CONV that is no family or a HCNN_TF32 that is
 * neither 0 nor 1 is STATUS_USAGE, and so is TF32 where there is none (tensor_gemm.h). */
status convolver_open(device *dev, convolver *opened, error *err);
void convolver_close(convolver *c); /* one of zeros is fine */

/* Makes CLBlast use the parameters that are remembered (gemm.h); before the first product. */
status convolver_prepare_gemm(const convolver *c, error *err);

/* Whether the choice may be taken for the call. */
bool convolver_supports(const convolver *c, convolution_choice by, const convolution_call *call);

/* The choice for a call, chosen once per layer and direction with the largest batch's shapes:
 * all smaller batches then run by the same one. The forced family wherever one of it supports the
 * call; else, with `remembered`, what `hcnn-cl tune` found; else the quick choice. */
convolution_choice convolver_choose(const convolver *c, const convolution_call *call,
                                    bool remembered);
/* The first in the table that suits, which measures nothing. */
convolution_choice convolver_choose_quickly(const convolver *c, const convolution_call *call);
