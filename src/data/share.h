/* SPDX-License-Identifier: Apache-2.0 */
/* One rank's part of a batch, if several processes train a network together (ranks/ranks.h). The
 * parts are disjoint, cover the batch and differ little in size. */
#pragma once

#include <stdbool.h>

/* Whose part it is: that of rank `rank` of `ranks`, counted from 0. With 0 or 1 ranks it is the
 * whole batch. With `mirrored`, images i and n - 1 - i of a batch of n are in the same part, and at
 * mirrored places of it, so that what batch_mix (base/pixels.h) mixes stays together. */
typedef struct share_of {
    int rank, ranks;
    bool mirrored;
} share_of;

/* The positions first .. first + head - 1 of the batch, then those from tail on; `count` in all. */
typedef struct share {
    int first, head, tail, count;
} share;

/* The part of a batch of `total` images. */
share share_take(const share_of *of, int total);
/* The position in the batch of a part's image `index`, from 0. */
int share_position(const share *part, int index);

/* The sizes of the largest and the smallest part among the ranks. */
int share_most(const share_of *of, int total);
int share_least(const share_of *of, int total);
