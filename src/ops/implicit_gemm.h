/* SPDX-License-Identifier: Apache-2.0 */
/* The register-tile products of kernels/implicit_gemm.cl, for algorithms that prepare their factors
 * themselves. As a convolution algorithm it is in the table of convolution.h. */
#pragma once

#include "ops/convolution.h"

/* Runs `batch` convolutions of the same shape, whose x, y and weights follow each other in their
 * buffers. All are floats, whatever the device's precision. For a weight gradient the terms must be
 * {1, 0}. */
status implicit_gemm_batch(device *dev, const convolution_call *call, int batch, error *err);
