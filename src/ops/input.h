/* SPDX-License-Identifier: Apache-2.0 */
/* From the raw pixels of a batch to the network's input, in one launch: resize, rotate, crop,
 * mirror, normalise, cut out. kernels/input.cl. */
#pragma once

#include "base/pixels.h"
#include "ops/tensor.h"

/* CIFAR-100's, of the colours red, green, blue in 0..1: what the original normalises by. */
extern const float input_mean[3];
extern const float input_deviation[3];

/* y[n][h][w][3] from n images (pixel_source) of `pixels` (bytes), each as Pillow and torchvision
 * make it, to the bit up to the normalisation:
 * - Image.crop to the part, which lies inside the image;
 * - Image.resize((w, h), BILINEAR): a triangle filter that grows with the reduction, rounded to 8
 *   bits after the horizontal pass and after the vertical one; the identity at equal sizes. (Recent
 *   releases of Pillow take the vertical pass first for some tall images, which can change a byte
 *   by one; here the order is always this.)
 * - Image.rotate(angle, NEAREST): about the centre, anticlockwise, zeros outside;
 * - the crop of the image with zeros around it that begins at (shift_x, shift_y);
 * - mirrored left to right where flip is set;
 * - (value / 255 - input_mean) / input_deviation, for each of red, green, blue;
 * - zeros in cutout's square.
 * An image's larger side times that of y must be below 2^30. */
status input_forward(device *dev, cl_mem pixels, cl_mem images, tensor y, error *err);
