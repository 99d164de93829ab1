/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions by NVIDIA's tensor cores, kernels/tensor_gemm.cl. Factors are rounded to TF32, ten
 * bits of mantissa, so they are for whoever asks for them: HCNN_TF32=1. */
#pragma once

#include "ops/convolution.h"

/* Whether the device may round to TF32 if it is asked to. STATUS_USAGE where it has no such cores
 * or keeps activations as halves; STATUS_FAILED where it does not build the kernels or fails
 * tensor_gemm_self_test. Blocking. */
status tensor_gemm_check(device *dev, error *err);

/* Multiplies matrices of random numbers by the tiles that are taken where nothing is tuned; every
 * sum of theirs is exact in TF32, so a single wrong bit is an error, which says where. A device
 * that has passed is not tested again. */
status tensor_gemm_self_test(device *dev, error *err);
