/* SPDX-License-Identifier: Apache-2.0 */
/* Mirroring left to right with probability `value`, as torchvision's RandomHorizontalFlip(value).
 * Its word lies beside rotation's: the two were one before they had a file each. */
#include "base/random.h"
#include "data/augment.h"

static void draw(const augment_place *at, double value, pixel_source *image)
{
    uint32_t words[4];
    augment_words(at, RANDOM_AUGMENT, 0, words);
    image->flip = augment_unit(words[1]) >= 1 - value;
}

const augmentation augment_flip = {
    .name = "flip", .meaning = "a probability", .usual = 0.5, .most = 1, .draw_image = draw};
