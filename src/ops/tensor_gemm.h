/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions on NVIDIA's tensor cores, kernels/tensor_gemm.cl. Factors are rounded to TF32, ten
 * bits of mantissa, so they are used only if HCNN_TF32=1 asks for them. */
#pragma once

#include "ops/convolution.h"

/* Checks whether the device can use TF32; blocks. It is STATUS_USAGE if the device has no such
 * cores, too little local memory or too small work-groups, or if activations are halves. It is
 * STATUS_FAILED if the device cannot build the kernels or fails tensor_gemm_self_test. */
status tensor_gemm_check(device *dev, error *err);

/* Multiplies matrices of random numbers with the tiles that are used if nothing is tuned. Every sum
 * is exact in TF32, so a single wrong bit is an error; the message says where it is. A device that
 * has passed is not tested again. */
status tensor_gemm_self_test(device *dev, error *err);
