/* SPDX-License-Identifier: Apache-2.0 */
/* A square of `value` pixels a side around a pixel that is uniform, clipped at the edges, set to
 * the mean: DeVries and Taylor, "Improved regularization of convolutional neural networks with
 * cutout", 2017. */
#include "base/random.h"
#include "data/augment.h"

static void draw(const augment_place *at, double value, pixel_source *image)
{
    uint32_t words[4];
    int side = (int)value;
    augment_words(at, RANDOM_CUTOUT, 0, words);
    image->cut_left = augment_pick(words[0], at->size) - side / 2;
    image->cut_top = augment_pick(words[1], at->size) - side / 2;
    image->cut_side = side;
}

const augmentation augment_cutout = {.name = "cutout",
                                     .meaning = "pixels a side",
                                     .least = 1,
                                     .most = 4096,
                                     .whole = true,
                                     .draw_image = draw};
