/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions on NVIDIA's tensor cores, kernels/tensor_gemm.cl. Factors are rounded to TF32, ten
 * bits of mantissa, so they are used only in PRECISION_TF32. */
#pragma once

#include "ops/convolution.h"

/* It is STATUS_USAGE if the device cannot use TF32: it has no such cores, too little local memory
 * or too small work-groups. */
status tensor_gemm_check(const device *dev, error *err);
