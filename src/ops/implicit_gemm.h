/* SPDX-License-Identifier: Apache-2.0 */
/* The register-tile products of kernels/implicit_gemm.cl, for algorithms that prepare their factors
 * themselves. As a convolution algorithm it is in the table of convolution.h. */
#pragma once

#include "ops/convolution.h"

/* Runs `batch` convolutions of the same shape, whose x, y and weights follow each other in their
 * buffers. Results, weights and gradients of weights are floats in every precision. Factors are
 * activations if the device's unit multiplies those, else floats, too. For a weight gradient the
 * terms must be {1, 0}. `packed`: the weights are packed; a data gradient then runs as the forward
 * pass of the transposed weights. */
status implicit_gemm_batch(device *dev, const convolution_call *call, int batch, bool packed,
                           error *err);
/* Bytes of a packed matrix of weights for this many steps of the sum and columns of the result; see
 * kernels/implicit_gemm.cl. */
size_t implicit_gemm_packed_bytes(const device *dev, int steps, int columns);
