/* SPDX-License-Identifier: Apache-2.0 */
/* The layout of a batch's raw images in memory: the loader fills it and the input kernel reads it.
 */
#pragma once

#include <stdint.h>

enum pixel_layout {
    PIXELS_PLANAR,      /* all red, all green, all blue: CIFAR's */
    PIXELS_INTERLEAVED, /* RGB RGB ..., as image decoders return it */
};

/* One image of a batch and what is done to it, in the order that ops/input.h describes.
 * kernels/input.cl declares the same 64 bytes. If only offset, width, height and a cosine of 1 are
 * set, the image is used unchanged. */
typedef struct pixel_source {
    int32_t offset; /* offset of the first byte in the batch's pixels */
    int32_t width, height;
    int32_t layout;                  /* enum pixel_layout */
    int32_t left, top;               /* the part of the image that is used, */
    int32_t part_width, part_height; /* all of it if part_width is 0 */
    float sine, cosine;        /* of the rotation's angle, anticlockwise; 0 and 1: no rotation */
    int32_t shift_x, shift_y;  /* where the crop begins in the padded image, minus the padding */
    int32_t flip;              /* mirror left to right */
    int32_t cut_left, cut_top; /* cutout's square, which may reach over the edge */
    int32_t cut_side;          /* 0: no cutout */
} pixel_source;

/* How a batch is mixed with itself in reverse order: image i of n with image n - 1 - i, its
 * partner. All zeros: not at all. */
typedef struct batch_mix {
    float partner_share; /* the partner's share of the targets and, with mixup, of the pixels; 0:
                            not mixed */
    int32_t left, top, right, bottom; /* cutmix: the partner's box; right 0: mixup */
} batch_mix;
