/* SPDX-License-Identifier: Apache-2.0 */
/* A batch of images with a box of another each: lambda ~ Beta(value, value), one for the batch, is
 * the share outside a box of the image's proportions around a pixel that is uniform; the box is
 * clipped at the edges, and what is left of it is the partner's true share. The rounding is that of
 * torchvision's CutMix(alpha=value). */
#include "base/random.h"
#include "data/augment.h"

#include <math.h>

/* An axis of the box: from `centre` `half` to either side, inside 0..size. */
static void clip(int centre, int half, int size, int32_t *first, int32_t *end)
{
    *first = centre > half ? centre - half : 0;
    *end = centre + half < size ? centre + half : size;
}

static void draw(const augment_place *at, double value, batch_mix *mix)
{
    uint32_t words[4];
    augment_words(at, RANDOM_CUTMIX_CENTRE, 0, words);
    double lambda = augment_beta(at, RANDOM_CUTMIX, value);
    int half = (int)(0.5 * sqrt(1 - lambda) * at->size);
    if (half == 0)
        return;
    clip(augment_pick(words[0], at->size), half, at->size, &mix->left, &mix->right);
    clip(augment_pick(words[1], at->size), half, at->size, &mix->top, &mix->bottom);
    double area = (double)(mix->right - mix->left) * (mix->bottom - mix->top);
    mix->partner_share = (float)(area / ((double)at->size * at->size));
}

const augmentation augment_cutmix = {
    .name = "cutmix", .meaning = "Beta's alpha", .usual = 1, .most = 1000, .draw_batch = draw};
