/* SPDX-License-Identifier: Apache-2.0 */
/* The random numbers that each augmentation draws, the table of augmentations, and the parser of
 * the option; see augment.h. */
#include "data/augment.h"
#include "base/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 10 };
static const double pi = 3.14159265358979323846, narrowest = 3.0 / 4, widest = 4.0 / 3;
static const char original[] = "rotate=20,flip";

/* ---- Numbers ---- */

/* Draws four words for this place from a stream of base/random.h. `turn`, below 65536, tells
 * several blocks apart. */
static void draw_words(const augment_place *at, uint32_t stream, uint32_t turn, uint32_t words[4])
{
    random_block(at->seed, stream | turn << 16, (uint64_t)at->epoch << 32 | at->position, words);
}

/* A uniform number in [0, 1). */
static double unit(uint32_t word)
{
    return word / 4294967296.0;
}

/* A uniform integer of 0..count-1. */
static int pick(uint32_t word, int count)
{
    return (int)((uint64_t)word * (uint64_t)count >> 32);
}

/* The logarithm of a Gamma(shape)-distributed number, drawn from block *turn on. The method is that
 * of Marsaglia and Tsang, "A simple method for generating gamma variables", 2000. A shape below 1
 * uses their Gamma(shape + 1) * u^(1 / shape), whose logarithm does not underflow. */
static double log_gamma_draw(const augment_place *at, uint32_t stream, double shape, uint32_t *turn)
{
    double boost = shape < 1 ? 1 : 0;
    double d = shape + boost - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        uint32_t words[4];
        draw_words(at, stream, (*turn)++, words);
        /* Box and Muller; 1 - unit() is in (0, 1], as the logarithms need. */
        double radius = sqrt(-2 * log(1 - unit(words[0])));
        double normal = radius * cos(2 * pi * unit(words[1]));
        double v = pow(1 + c * normal, 3);
        if (v <= 0 || log(1 - unit(words[2])) >= normal * normal / 2 + d - d * v + d * log(v))
            continue;
        return log(d * v) + boost * log(1 - unit(words[3])) / shape;
    }
}

double augment_beta(const augment_place *at, uint32_t stream, double alpha)
{
    uint32_t turn = 0;
    double own = log_gamma_draw(at, stream, alpha, &turn);
    double other = log_gamma_draw(at, stream, alpha, &turn);
    return 1 / (1 + exp(other - own));
}

/* ---- Images and batches ---- */

typedef struct part {
    int left, top, width, height;
} part;

/* Rounds halves to even, like Python's round. */
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
        draw_words(at, RANDOM_RESIZED_CROP, turn, words);
        double share = value + (1 - value) * unit(words[0]);
        double low = log(narrowest), high = log(widest);
        double area = (double)width * height * share;
        double ratio = exp(low + (high - low) * unit(words[1]));
        part p = {0, 0, round_half_even(sqrt(area * ratio)), round_half_even(sqrt(area / ratio))};
        if (p.width < 1 || p.width > width || p.height < 1 || p.height > height)
            continue;
        p.left = pick(words[2], width - p.width + 1);
        p.top = pick(words[3], height - p.height + 1);
        return p;
    }
    return middle_of(width, height);
}

/* Cuts out a part of the image, like torchvision's RandomResizedCrop(size, scale=(value, 1)). The
 * part's share of the area is uniform in [value, 1]; the logarithm of width / height is uniform
 * between those of 3/4 and 4/3. After ten tries that do not fit, it is the largest part in the
 * middle with an allowed ratio. */
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

/* Rotates about the centre by a uniform angle of at most `value` degrees to either side, like
 * torchvision's RandomRotation(value). */
static void draw_rotate(const augment_place *at, double value, pixel_source *image)
{
    uint32_t words[4];
    draw_words(at, RANDOM_AUGMENT, 0, words);
    double angle = (2 * unit(words[0]) - 1) * value * pi / 180;
    image->sine = (float)sin(angle);
    image->cosine = (float)cos(angle);
}

/* Adds `value` pixels of zeros on every side and crops to the input's size at a uniform place, like
 * torchvision's RandomCrop(size, padding=value). */
static void draw_crop(const augment_place *at, double value, pixel_source *image)
{
    uint32_t words[4];
    int padding = (int)value;
    draw_words(at, RANDOM_CROP, 0, words);
    image->shift_x = pick(words[0], 2 * padding + 1) - padding;
    image->shift_y = pick(words[1], 2 * padding + 1) - padding;
}

/* Mirrors left to right with probability `value`, like torchvision's RandomHorizontalFlip(value).
 * It uses the word next to rotation's because the two were once a single augmentation. */
static void draw_flip(const augment_place *at, double value, pixel_source *image)
{
    uint32_t words[4];
    draw_words(at, RANDOM_AUGMENT, 0, words);
    image->flip = unit(words[1]) >= 1 - value;
}

/* Sets a square with sides of `value` pixels, around a uniform pixel and clipped at the edges, to
 * the mean: DeVries and Taylor, "Improved regularization of convolutional neural networks with
 * cutout", 2017. */
static void draw_cutout(const augment_place *at, double value, pixel_source *image)
{
    uint32_t words[4];
    int side = (int)value;
    draw_words(at, RANDOM_CUTOUT, 0, words);
    image->cut_left = pick(words[0], at->size) - side / 2;
    image->cut_top = pick(words[1], at->size) - side / 2;
    image->cut_side = side;
}

/* Makes each image a mean of two: lambda ~ Beta(value, value), drawn once for the batch, is an
 * image's own share. */
static void draw_mixup(const augment_place *at, double value, batch_mix *mix)
{
    mix->partner_share = (float)(1 - augment_beta(at, RANDOM_MIXUP, value));
}

/* One axis of the box: `half` to either side of `centre`, clipped to 0..size. */
static void clip(int centre, int half, int size, int32_t *first, int32_t *end)
{
    *first = centre > half ? centre - half : 0;
    *end = centre + half < size ? centre + half : size;
}

/* Puts a box of another image into each image: lambda ~ Beta(value, value), drawn once for the
 * batch, is the share outside the box. The box has the image's proportions, is centred on a uniform
 * pixel and clipped at the edges; its area after clipping is the partner's true share. It is
 * rounded as in torchvision's CutMix(alpha=value). */
static void draw_cutmix(const augment_place *at, double value, batch_mix *mix)
{
    uint32_t words[4];
    draw_words(at, RANDOM_CUTMIX_CENTRE, 0, words);
    double lambda = augment_beta(at, RANDOM_CUTMIX, value);
    int half = (int)(0.5 * sqrt(1 - lambda) * at->size);
    if (half == 0)
        return;
    clip(pick(words[0], at->size), half, at->size, &mix->left, &mix->right);
    clip(pick(words[1], at->size), half, at->size, &mix->top, &mix->bottom);
    double area = (double)(mix->right - mix->left) * (mix->bottom - mix->top);
    mix->partner_share = (float)(area / ((double)at->size * at->size));
}

/* Exactly one of the two functions is set; `value` is the number after "NAME=". */
typedef struct augmentation {
    const char *name;
    const char *meaning; /* what the value is, for messages */
    double usual;        /* the value if none is given; 0: one has to be given */
    double most;         /* the largest value; all are above 0 */
    bool whole;          /* an integer from 1 up */
    void (*draw_image)(const augment_place *at, double value, pixel_source *image);
    void (*draw_batch)(const augment_place *at, double value, batch_mix *mix);
} augmentation;

enum { MOST_PIXELS = 4096 };

/* In the order in which they are applied; the last name is NULL. */
static const augmentation augmentations[] = {
    {"resized-crop", "least share of the area", 0.08, 1, .draw_image = draw_resized_crop},
    {"rotate", "angle in degrees", 20, 180, .draw_image = draw_rotate},
    {"crop", "padding in pixels", 4, MOST_PIXELS, .whole = true, .draw_image = draw_crop},
    {"flip", "probability", 0.5, 1, .draw_image = draw_flip},
    {"cutout", "side in pixels", 0, MOST_PIXELS, .whole = true, .draw_image = draw_cutout},
    {"mixup", "alpha of a beta distribution", 0.2, 1000, .draw_batch = draw_mixup},
    {"cutmix", "alpha of a beta distribution", 1, 1000, .draw_batch = draw_cutmix},
    {0},
};
_Static_assert(sizeof augmentations / sizeof augmentations[0] <= AUGMENTATIONS + 1,
               "AUGMENTATIONS has to grow");

/* ---- The option ---- */

/* The index in the table of the name of `length` characters; -1 if there is none. */
static int find(const char *name, size_t length)
{
    for (int i = 0; augmentations[i].name; i++)
        if (strlen(augmentations[i].name) == length &&
            strncmp(augmentations[i].name, name, length) == 0)
            return i;
    return -1;
}

static status unknown(const char *item, size_t length, error *err)
{
    char known[256] = "";
    for (int i = 0; augmentations[i].name; i++) {
        strncat(known, i > 0 ? ", " : "", sizeof known - strlen(known) - 1);
        strncat(known, augmentations[i].name, sizeof known - strlen(known) - 1);
    }
    return error_set(
        err, STATUS_USAGE,
        "--augment: unknown '%.*s'; expected default, none, or a comma-separated list of %s",
        (int)length, item, known);
}

static bool is_good(const augmentation *a, double value)
{
    return value > 0 && value <= a->most && (!a->whole || value == floor(value));
}

/* Parses one "NAME" or "NAME=X" of `length` characters. */
static status parse_item(const char *item, size_t length, augment_list *list, error *err)
{
    size_t name = strcspn(item, "=,");
    int at = find(item, name);
    if (at < 0)
        return unknown(item, length, err);
    const augmentation *a = &augmentations[at];
    char *end = (char *)item + name;
    double value = name < length ? strtod(item + name + 1, &end) : a->usual;
    bool given = name < length && end > item + name + 1 && end == item + length;
    if (list->chosen[at])
        return error_set(err, STATUS_USAGE, "--augment: %s is given twice", a->name);
    if ((name < length || a->usual == 0) && !(given && is_good(a, value)))
        return error_set(
            err, STATUS_USAGE, "--augment: '%.*s': expected %s=X; X is the %s, %s, at most %g%s",
            (int)length, item, a->name, a->meaning, a->whole ? "at least 1" : "above 0", a->most,
            a->whole ? ", an integer" : "");
    list->chosen[at] = true;
    list->values[at] = value;
    return STATUS_OK;
}

status augment_parse(const char *text, augment_list *list, error *err)
{
    *list = (augment_list){0};
    if (strcmp(text, "none") == 0)
        return STATUS_OK;
    if (strcmp(text, "default") == 0)
        text = original;
    for (const char *at = text;; at++) {
        size_t length = strcspn(at, ",");
        TRY(parse_item(at, length, list, err));
        at += length;
        if (*at == '\0')
            return STATUS_OK;
    }
}

/* ---- Drawing ---- */

bool augment_mixes(const augment_list *list)
{
    bool mixes = false;
    for (int i = 0; augmentations[i].name; i++)
        mixes |= list->chosen[i] && augmentations[i].draw_batch;
    return mixes;
}

void augment_image(const augment_list *list, const augment_place *at, pixel_source *image)
{
    for (int i = 0; augmentations[i].name; i++)
        if (list->chosen[i] && augmentations[i].draw_image)
            augmentations[i].draw_image(at, list->values[i], image);
}

void augment_batch(const augment_list *list, const augment_place *at, batch_mix *mix)
{
    int candidates[AUGMENTATIONS], count = 0;
    uint32_t words[4];
    for (int i = 0; augmentations[i].name; i++)
        if (list->chosen[i] && augmentations[i].draw_batch)
            candidates[count++] = i;
    if (count == 0)
        return;
    draw_words(at, RANDOM_MIX_CHOICE, 0, words);
    int taken = candidates[pick(words[0], count)];
    augmentations[taken].draw_batch(at, list->values[taken], mix);
}
