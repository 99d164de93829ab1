/* SPDX-License-Identifier: Apache-2.0 */
/* Draws the sample, which is the data set if none is given: 32x32 pictures of ten things of four
 * kinds, in CIFAR's layout. The coarse classes have unequal numbers of fine classes on purpose.
 * Everything is integer arithmetic on the numbers of base/random.h, so every machine draws the same
 * pictures. */
#include "base/random.h"
#include "data/dataset.h"

enum {
    SIDE = 32,
    PIXELS = SIDE * SIDE,
    COARSE_CLASSES = 4,
    FINE_CLASSES = 10,
    TRAIN_IMAGES = 1200,
    TEST_IMAGES = 400,
    NOISE = 18,  /* largest change of each byte, up or down */
    JITTER = 22, /* largest change of a picture's colours, up or down */
    SAMPLE_SEED = 2024,
};

static const char *const coarse_names[COARSE_CLASSES] = {"fruit", "landscape", "cloth", "sky"};
static const char *const fine_names[FINE_CLASSES] = {
    "cherry", "lime", "orange", "plum", "desert", "meadow", "sea", "checked", "striped", "night"};
static const int parents[FINE_CLASSES] = {0, 0, 0, 0, 1, 1, 1, 2, 2, 3};

typedef struct colour {
    int r, g, b;
} colour;

/* The two colours of each fine class: fruit and table, sky and ground, both threads, stars and sky.
 */
static const colour palette[FINE_CLASSES][2] = {
    {{200, 30, 50}, {225, 215, 200}},   {{110, 190, 40}, {225, 215, 200}},
    {{245, 145, 20}, {225, 215, 200}},  {{100, 45, 130}, {225, 215, 200}},
    {{175, 205, 230}, {215, 180, 110}}, {{150, 195, 240}, {70, 140, 50}},
    {{190, 215, 235}, {25, 80, 140}},   {{190, 40, 45}, {240, 235, 225}},
    {{35, 60, 120}, {235, 235, 240}},   {{245, 240, 205}, {18, 18, 45}},
};

/* The random numbers of one picture. */
typedef struct sketch {
    int fine;
    colour one, two;
    int x, y, size;    /* a fruit's centre and radius; a horizon's height is y */
    int period, phase; /* of a cloth's pattern */
    int slope;         /* of the horizon and the stripes, in 1/16 */
    uint64_t image;
} sketch;

static int between(uint32_t word, int low, int high)
{
    return low + (int)(word % (uint32_t)(high - low + 1));
}

static colour vary(colour c, uint32_t word)
{
    return (colour){c.r + between(word & 0xff, -JITTER, JITTER),
                    c.g + between(word >> 8 & 0xff, -JITTER, JITTER),
                    c.b + between(word >> 16 & 0xff, -JITTER, JITTER)};
}

static sketch make_sketch(uint64_t image)
{
    uint32_t a[4], b[4];
    random_block(SAMPLE_SEED, RANDOM_SAMPLE, image << 16 | PIXELS, a);
    random_block(SAMPLE_SEED, RANDOM_SAMPLE, image << 16 | (PIXELS + 1), b);
    int fine = (int)(image % FINE_CLASSES);
    return (sketch){
        .fine = fine,
        .one = vary(palette[fine][0], a[0]),
        .two = vary(palette[fine][1], a[1]),
        .x = between(a[2] & 0xffff, 11, 20),
        .y = between(a[2] >> 16, 11, 20),
        .size = between(a[3] & 0xffff, 7, 11),
        .period = between(a[3] >> 16, 4, 7),
        .phase = between(b[0], 0, 15),
        .slope = between(b[1], -3, 3),
        .image = image,
    };
}

/* A fruit, lit from the upper left, with a stalk. */
static colour draw_fruit(const sketch *s, int x, int y)
{
    int dx = x - s->x, dy = y - s->y, square = dx * dx + dy * dy;
    if (dx >= 0 && dx <= 1 && dy < -s->size + 2 && dy > -s->size - 4)
        return (colour){90, 65, 30};
    if (square > s->size * s->size)
        return s->two;
    int light = -(dx + dy) * 40 / (2 * s->size);
    return (colour){s->one.r + light, s->one.g + light, s->one.b + light};
}

/* The ground is darker towards the viewer, the sky brighter towards the horizon. */
static colour draw_landscape(const sketch *s, int x, int y)
{
    int below = y - s->y - (x - SIDE / 2) * s->slope / 16;
    colour c = below > 0 ? s->two : s->one;
    int light = below > 0 ? -below : below;
    return (colour){c.r + light, c.g + light, c.b + light};
}

static bool odd_band(int position, const sketch *s)
{
    return (position + s->phase + 16 * s->period) / s->period % 2 != 0;
}

static colour draw_cloth(const sketch *s, int x, int y)
{
    bool across = odd_band(x + y * s->slope / 16, s);
    bool down = s->fine == 7 && odd_band(y - x * s->slope / 16, s);
    return across != down ? s->one : s->two;
}

/* One pixel in twenty-four is a star, of any brightness. */
static colour draw_night(const sketch *s, int x, int y)
{
    uint32_t words[4];
    random_block(SAMPLE_SEED, RANDOM_SAMPLE, s->image << 16 | (uint32_t)(2 * PIXELS + y * SIDE + x),
                 words);
    if (words[0] % 24 != 0)
        return s->two;
    int dim = between(words[1], 0, 120);
    return (colour){s->one.r - dim, s->one.g - dim, s->one.b - dim};
}

/* Indexed by coarse class. */
static colour (*const draw_pixel[COARSE_CLASSES])(const sketch *s, int x, int y) = {
    draw_fruit, draw_landscape, draw_cloth, draw_night};

static unsigned char to_byte(int value)
{
    return (unsigned char)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void draw_image(uint64_t image, unsigned char *planes)
{
    sketch s = make_sketch(image);
    for (int i = 0; i < PIXELS; i++) {
        uint32_t noise[4];
        colour c = draw_pixel[parents[s.fine]](&s, i % SIDE, i / SIDE);
        random_block(SAMPLE_SEED, RANDOM_SAMPLE, image << 16 | (uint32_t)i, noise);
        planes[i] = to_byte(c.r + between(noise[0], -NOISE, NOISE));
        planes[PIXELS + i] = to_byte(c.g + between(noise[1], -NOISE, NOISE));
        planes[2 * PIXELS + i] = to_byte(c.b + between(noise[2], -NOISE, NOISE));
    }
}

/* `first` is the number of the first picture; with different numbers, train and test have no
 * picture in common. */
static status draw_set(image_set *set, size_t count, uint64_t first, error *err)
{
    TRY(image_set_create(set, count, SIDE, err));
    for (size_t i = 0; i < count; i++) {
        int fine = (int)((first + i) % FINE_CLASSES);
        set->fine[i] = fine;
        set->coarse[i] = parents[fine];
        draw_image(first + i, set->pixels + i * 3 * PIXELS);
    }
    return STATUS_OK;
}

bool sample_recognise(const char *path)
{
    return path == NULL;
}

status sample_open(const char *path, dataset *opened, error *err)
{
    (void)path;
    TRY(hierarchy_create(&opened->classes, COARSE_CLASSES, coarse_names, FINE_CLASSES, fine_names,
                         parents, err));
    opened->native_size = SIDE;
    TRY(draw_set(&opened->train, TRAIN_IMAGES, 0, err));
    return draw_set(&opened->test, TEST_IMAGES, TRAIN_IMAGES, err);
}
