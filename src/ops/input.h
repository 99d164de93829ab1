/* SPDX-License-Identifier: Apache-2.0 */
/* From the raw pixels of a batch to the network's input in one launch: resize, rotate, crop,
 * mirror, normalise, cut out. kernels/input.cl. */
#pragma once

#include "base/pixels.h"
#include "ops/tensor.h"

/* The mean and standard deviation of CIFAR-100's red, green and blue in 0..1; the original program
 * normalises with them too. */
extern const float input_mean[3];
extern const float input_deviation[3];

/* Fills y[n][h][w][3] from n images: `images` contains a pixel_source for each, `pixels` their
 * bytes. Up to the normalisation the result is bit-identical to that of Pillow and torchvision:
 * - Image.crop to the part, which is inside the image;
 * - Image.resize((w, h), BILINEAR): a triangle filter that widens as the image shrinks, rounded
 *   to 8 bits after the horizontal pass and after the vertical one; no change if the sizes are
 *   equal.
 *   (Recent releases of Pillow do the vertical pass first for some tall images, which can change a
 *   byte by one; here the horizontal pass is always first.)
 * - Image.rotate(angle, NEAREST): about the centre, anticlockwise, zeros outside;
 * - the crop that begins at (shift_x, shift_y) of the image, surrounded by zeros;
 * - mirrored left to right if flip is set;
 * - (value / 255 - input_mean) / input_deviation, for each of red, green, blue;
 * - zeros in the square that cutout removes.
 * The product of an image's larger side and the larger side of y must be below 2^30. */
status input_forward(device *dev, cl_mem pixels, cl_mem images, tensor y, error *err);
