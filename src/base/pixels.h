/* SPDX-License-Identifier: Apache-2.0 */
/* How the raw images of a batch lie in memory: what the loader fills and the input kernel
 * reads. */
#pragma once

#include <stdint.h>

enum pixel_layout {
    PIXELS_PLANAR,      /* all red, all green, all blue: CIFAR's */
    PIXELS_INTERLEAVED, /* RGB RGB ..., what an image decoder gives */
};

/* One image of a batch and what is done to it, in the order that ops/input.h tells: the same 64
 * bytes as in kernels/input.cl. All zeros but for offset, width, height and cosine: nothing. */
typedef struct pixel_source {
    int32_t offset; /* of its first byte in the batch's pixels */
    int32_t width, height;
    int32_t layout;                  /* enum pixel_layout */
    int32_t left, top;               /* the part of it that is used; */
    int32_t part_width, part_height; /* a part_width of 0: all of it */
    float sine, cosine;              /* of the rotation's angle, anticlockwise; 0 and 1 for none */
    int32_t shift_x, shift_y;  /* where the crop of the padded image begins, less the padding */
    int32_t flip;              /* mirror left to right */
    int32_t cut_left, cut_top; /* cutout's square, which may reach over the edge; */
    int32_t cut_side;          /* 0: none */
} pixel_source;

/* What mixes the images of a batch, each with the one as far from the batch's end as it is from
 * its start. All zeros: nothing. */
typedef struct batch_mix {
    float partner_share; /* of the partner in the targets and, by mixup, in the pixels; 0: nothing
                            is mixed */
    int32_t left, top, right, bottom; /* cutmix: what is the partner's; right 0: mixup */
} batch_mix;
