/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions on NVIDIA's tensor cores, kernels/tensor_gemm.cl. Factors are rounded to TF32, ten
 * bits of mantissa, so they are used only if HCNN_TF32=1 asks for them. */
#pragma once

#include "ops/convolution.h"

/* The first compute capability with such cores. */
enum { TENSOR_GEMM_CAPABILITY = 80 };

/* It is STATUS_USAGE if the device cannot use TF32: it has no such cores, too little local memory
 * or too small work-groups, or activations are halves. */
status tensor_gemm_check(const device *dev, error *err);
