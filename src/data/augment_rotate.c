/* SPDX-License-Identifier: Apache-2.0 */
/* Rotation about the centre by an angle that is uniform within `value` degrees to either side, as
 * torchvision's RandomRotation(value). */
#include "base/random.h"
#include "data/augment.h"

#include <math.h>

static void draw(const augment_place *at, double value, pixel_source *image)
{
    uint32_t words[4];
    augment_words(at, RANDOM_AUGMENT, 0, words);
    double angle = (2 * augment_unit(words[0]) - 1) * value * 3.14159265358979323846 / 180;
    image->sine = (float)sin(angle);
    image->cosine = (float)cos(angle);
}

const augmentation augment_rotate = {
    .name = "rotate", .meaning = "degrees", .usual = 20, .most = 180, .draw_image = draw};
