/* SPDX-License-Identifier: Apache-2.0 */
/* The register-tile products of kernels/implicit_gemm.cl, for algorithms that prepare their factors
 * themselves; as a convolution it is in convolution.h's table. */
#pragma once

#include "ops/convolution.h"

/* `batch` convolutions of the same shape, whose x, y and weights follow each other in their
 * buffers; floats, whatever the device's precision. A gradient by weights has the terms {1, 0}. */
status implicit_gemm_batch(device *dev, const convolution_call *call, int batch, error *err);
