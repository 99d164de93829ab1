/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a batch that is one rank's, of several processes that train a network together
 * (ranks/ranks.h). The parts are disjoint, cover the batch and differ by little in size. */
#pragma once

#include <stdbool.h>

/* Whose part: of `ranks` the one numbered `rank`, from 0. ranks 0 or 1: the whole batch. With
 * `mirrored` an image's part holds the one as far from the batch's end as it is from its start,
 * too, and both as far from the part's ends: what batch_mix (base/pixels.h) mixes stays together.
 */
typedef struct share_of {
    int rank, ranks;
    bool mirrored;
} share_of;

/* Positions first .. first + head - 1 and behind them tail .. of the batch, `count` in all. */
typedef struct share {
    int first, head, tail, count;
} share;

/* Of a batch of `total` images. */
share share_take(const share_of *of, int total);
/* The position in the batch of a part's image `index`, from 0. */
int share_position(const share *part, int index);

/* The sizes of the largest and the smallest part among the ranks. */
int share_most(const share_of *of, int total);
int share_least(const share_of *of, int total);
