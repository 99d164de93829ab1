/* SPDX-License-Identifier: Apache-2.0 */
/* What each augmentation draws, and the table of them. */
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

/* A part of the image in place of all of it, resized to the input: its share of the area is uniform
 * in [value, 1] and the logarithm of width / height is uniform between those of 3/4 and 4/3. Ten
 * tries for one that fits, then the largest in the middle with an allowed ratio: torchvision's
 * RandomResizedCrop(size, scale=(value, 1)). */
static void draw_resized_crop(const augment_place *at, double value, pixel_source *image)
{
    bool whole = image->part_width == 0;
    part p = draw_part(at, value, whole ? image->width : image->part_width,
                       whole ? image->height : image->part_height);
    image->left += p.left;
    image->top += p.top;
    image->part_width = p.width;
    image->part_height = p.height;
}

/* Rotation about the centre by an angle that is uniform within `value` degrees to either side, as
 * torchvision's RandomRotation(value). */
static void draw_rotate(const augment_place *at, double value, pixel_source *image)
{
    uint32_t words[4];
    augment_words(at, RANDOM_AUGMENT, 0, words);
    double angle = (2 * augment_unit(words[0]) - 1) * value * 3.14159265358979323846 / 180;
    image->sine = (float)sin(angle);
    image->cosine = (float)cos(angle);
}

/* A crop, of the input's size and at a place that is uniform, of the image with `value` pixels of
 * zeros around it: torchvision's RandomCrop(size, padding=value). */
static void draw_crop(const augment_place *at, double value, pixel_source *image)
{
    uint32_t words[4];
    int padding = (int)value;
    augment_words(at, RANDOM_CROP, 0, words);
    image->shift_x = augment_pick(words[0], 2 * padding + 1) - padding;
    image->shift_y = augment_pick(words[1], 2 * padding + 1) - padding;
}

/* Mirroring left to right with probability `value`, as torchvision's RandomHorizontalFlip(value).
 * Its word lies beside rotation's: the two were one once. */
static void draw_flip(const augment_place *at, double value, pixel_source *image)
{
    uint32_t words[4];
    augment_words(at, RANDOM_AUGMENT, 0, words);
    image->flip = augment_unit(words[1]) >= 1 - value;
}

/* A square of `value` pixels a side around a pixel that is uniform, clipped at the edges, set to
 * the mean: DeVries and Taylor, "Improved regularization of convolutional neural networks with
 * cutout", 2017. */
static void draw_cutout(const augment_place *at, double value, pixel_source *image)
{
    uint32_t words[4];
    int side = (int)value;
    augment_words(at, RANDOM_CUTOUT, 0, words);
    image->cut_left = augment_pick(words[0], at->size) - side / 2;
    image->cut_top = augment_pick(words[1], at->size) - side / 2;
    image->cut_side = side;
}

/* A batch of means of two images each: lambda ~ Beta(value, value), one for the batch, is an
 * image's own share. */
static void draw_mixup(const augment_place *at, double value, batch_mix *mix)
{
    mix->partner_share = (float)(1 - augment_beta(at, RANDOM_MIXUP, value));
}

/* An axis of the box: from `centre` `half` to either side, inside 0..size. */
static void clip(int centre, int half, int size, int32_t *first, int32_t *end)
{
    *first = centre > half ? centre - half : 0;
    *end = centre + half < size ? centre + half : size;
}

/* A batch of images with a box of another each: lambda ~ Beta(value, value), one for the batch, is
 * the share outside a box of the image's proportions around a pixel that is uniform; the box is
 * clipped at the edges, and what is left of it is the partner's true share. The rounding is that of
 * torchvision's CutMix(alpha=value). */
static void draw_cutmix(const augment_place *at, double value, batch_mix *mix)
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

const augmentation augmentations[] = {
    {.name = "resized-crop",
     .meaning = "the least share of the area",
     .usual = 0.08,
     .most = 1,
     .draw_image = draw_resized_crop},
    {.name = "rotate", .meaning = "degrees", .usual = 20, .most = 180, .draw_image = draw_rotate},
    {.name = "crop",
     .meaning = "pixels of padding",
     .usual = 4,
     .least = 1,
     .most = 4096,
     .whole = true,
     .draw_image = draw_crop},
    {.name = "flip", .meaning = "a probability", .usual = 0.5, .most = 1, .draw_image = draw_flip},
    {.name = "cutout",
     .meaning = "pixels a side",
     .least = 1,
     .most = 4096,
     .whole = true,
     .draw_image = draw_cutout},
    {.name = "mixup",
     .meaning = "Beta's alpha",
     .usual = 0.2,
     .most = 1000,
     .draw_batch = draw_mixup},
    {.name = "cutmix",
     .meaning = "Beta's alpha",
     .usual = 1,
     .most = 1000,
     .draw_batch = draw_cutmix},
    {0},
};
_Static_assert(sizeof augmentations / sizeof augmentations[0] <= AUGMENTATIONS + 1,
               "AUGMENTATIONS has to grow");
