/* SPDX-License-Identifier: Apache-2.0 */
/* A part of the image in place of all of it, resized to the input: its share of the area is uniform
 * in [value, 1] and the logarithm of width / height is uniform between those of 3/4 and 4/3. Ten
 * tries for one that fits, then the largest in the middle with an allowed ratio: torchvision's
 * RandomResizedCrop(size, scale=(value, 1)). */
#include "base/random.h"
#include "data/augment.h"

#include <math.h>

enum { TRIES = 10 };
static const double narrowest = 3.0 / 4, widest = 4.0 / 3;

typedef struct part {
    int left, top, width, height;
} part;

/* Halves to even, as Python's round. */
static int round_half_even(double value)
{
    return (int)nearbyint(value);
}

static part middle_of(int width, int height)
{
    part p = {0, 0, width, height};
    double ratio = (double)width / height;
    if (ratio < narrowest)
        p.height = round_half_even(width / narrowest);
    else if (ratio > widest)
        p.width = round_half_even(height * widest);
    p.left = (width - p.width) / 2;
    p.top = (height - p.height) / 2;
    return p;
}

static part draw_part(const augment_place *at, double value, int width, int height)
{
    for (uint32_t turn = 0; turn < TRIES; turn++) {
        uint32_t words[4];
        augment_words(at, RANDOM_RESIZED_CROP, turn, words);
        double share = value + (1 - value) * augment_unit(words[0]);
        double low = log(narrowest), high = log(widest);
        double area = (double)width * height * share;
        double ratio = exp(low + (high - low) * augment_unit(words[1]));
        part p = {0, 0, round_half_even(sqrt(area * ratio)), round_half_even(sqrt(area / ratio))};
        if (p.width < 1 || p.width > width || p.height < 1 || p.height > height)
            continue;
        p.left = augment_pick(words[2], width - p.width + 1);
        p.top = augment_pick(words[3], height - p.height + 1);
        return p;
    }
    return middle_of(width, height);
}

static void draw(const augment_place *at, double value, pixel_source *image)
{
    bool whole = image->part_width == 0;
    part p = draw_part(at, value, whole ? image->width : image->part_width,
                       whole ? image->height : image->part_height);
    image->left += p.left;
    image->top += p.top;
    image->part_width = p.width;
    image->part_height = p.height;
}

const augmentation augment_resized_crop = {.name = "resized-crop",
                                           .meaning = "the least share of the area",
                                           .usual = 0.08,
                                           .most = 1,
                                           .draw_image = draw};
