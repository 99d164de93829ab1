/* SPDX-License-Identifier: Apache-2.0 */
/* A batch of means of two images each: lambda ~ Beta(value, value), one for the batch, is an
 * image's own share. */
#include "base/random.h"
#include "data/augment.h"

static void draw(const augment_place *at, double value, batch_mix *mix)
{
    mix->partner_share = (float)(1 - augment_beta(at, RANDOM_MIXUP, value));
}

const augmentation augment_mixup = {
    .name = "mixup", .meaning = "Beta's alpha", .usual = 0.2, .most = 1000, .draw_batch = draw};
