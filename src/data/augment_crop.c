/* SPDX-License-Identifier: Apache-2.0 */
/* A crop, of the input's size and at a place that is uniform, of the image with `value` pixels of
 * zeros around it: torchvision's RandomCrop(size, padding=value). */
#include "base/random.h"
#include "data/augment.h"

static void draw(const augment_place *at, double value, pixel_source *image)
{
    uint32_t words[4];
    int padding = (int)value;
    augment_words(at, RANDOM_CROP, 0, words);
    image->shift_x = augment_pick(words[0], 2 * padding + 1) - padding;
    image->shift_y = augment_pick(words[1], 2 * padding + 1) - padding;
}

const augmentation augment_crop = {.name = "crop",
                                   .meaning = "pixels of padding",
                                   .usual = 4,
                                   .least = 1,
                                   .most = 4096,
                                   .whole = true,
                                   .draw_image = draw};
