/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of what happens to a batch before the network; see operation_checks.h. */
#include "base/random.h"
#include "ops/input.h"
#include "ops/mix.h"
#include "selftest/operation_checks.h"
#include "selftest/reference.h"

#include <math.h>
#include <string.h>

enum { COLOURS = 3 };

/* Images in both layouts: only mirrored; reduced and rotated; enlarged, cropped and cut out; a part
 * of an image, with everything. The angles are 17 and -29 degrees. */
static const pixel_source sources[] = {
    {.width = 13, .height = 11, .layout = PIXELS_PLANAR, .cosine = 1, .flip = 1},
    {.width = 29,
     .height = 23,
     .layout = PIXELS_INTERLEAVED,
     .sine = 0.2923717f,
     .cosine = 0.9563048f},
    {.width = 7,
     .height = 5,
     .layout = PIXELS_PLANAR,
     .cosine = 1,
     .shift_x = 2,
     .shift_y = -3,
     .cut_left = -1,
     .cut_top = 4,
     .cut_side = 5},
    {.width = 41,
     .height = 37,
     .layout = PIXELS_INTERLEAVED,
     .left = 6,
     .top = 3,
     .part_width = 31,
     .part_height = 17,
     .sine = -0.4848096f,
     .cosine = 0.8746197f,
     .shift_x = -1,
     .shift_y = 1,
     .flip = 1,
     .cut_left = 9,
     .cut_top = 2,
     .cut_side = 3},
};
enum {
    SOURCES = sizeof sources / sizeof sources[0],
    INPUT_H = 11,
    INPUT_W = 13,
    INPUT_SIZE = INPUT_H * INPUT_W * COLOURS,
    MOST_BYTES = 41 * 37 * COLOURS,
};

/* Random bytes of image i: interleaved, and in the image's own layout. */
static void draw_image(int i, unsigned char picture[MOST_BYTES], unsigned char own[MOST_BYTES])
{
    int count = sources[i].width * sources[i].height;
    for (int at = 0; at < count * COLOURS; at++) {
        int planar = at % COLOURS * count + at / COLOURS;
        picture[at] = (unsigned char)(256 * random_uniform((uint64_t)i, RANDOM_TEST, (uint64_t)at));
        own[sources[i].layout == PIXELS_PLANAR ? planar : at] = picture[at];
    }
}

/* Bytes are exact. A division may be off by 2.5 ulp, which is 5 roundings; the difference to the
 * mean and the division by the deviation enlarge the first of them at most twice. A byte that is
 * off by one would be 0.005 of the largest result, more than halves round by. */
status check_input(check_run *r, error *err)
{
    enum { NORMALISED = 2 * (5 + 1) + 5 };
    unsigned char pixels[SOURCES * MOST_BYTES], picture[MOST_BYTES];
    pixel_source images[SOURCES];
    cl_mem device_pixels, device_images;
    const operand *y;
    TRY(check_activation(r, (tensor){NULL, SOURCES, INPUT_H, INPUT_W, COLOURS}, UNWRITTEN, &y,
                         err));
    memset(pixels, 0, sizeof pixels);
    for (int i = 0; i < SOURCES; i++) {
        images[i] = sources[i];
        images[i].offset = i * MOST_BYTES;
        draw_image(i, picture, pixels + images[i].offset);
        TRY(reference_image(picture, &images[i], INPUT_W, INPUT_H, y->want + i * INPUT_SIZE, err));
    }
    TRY(check_bytes(r, pixels, sizeof pixels, &device_pixels, err));
    TRY(check_bytes(r, images, sizeof images, &device_images, err));
    TRY(input_forward(r->dev, device_pixels, device_images, y->t, err));
    return check_result(r, y, NORMALISED, err);
}

/* Mixup multiplies twice and adds; the share's complement is rounded too. Cutmix copies. */
status check_mix(check_run *r, error *err)
{
    enum { N = 5, H = 7, W = 11 };
    const batch_mix mixes[] = {
        {.partner_share = 0.3f},
        {.partner_share = 0.3f, .left = 2, .top = 1, .right = 8, .bottom = 5}};
    for (int m = 0; m < 2; m++) {
        const operand *y;
        TRY(check_activation(r, (tensor){NULL, N, H, W, COLOURS}, around_zero, &y, err));
        TRY(mix_forward(r->dev, y->t, &mixes[m], err));
        for (int i = 0; i < N * H * W * COLOURS; i++)
            y->want[i] = reference_mix(y->values, N, H, W, &mixes[m], i / (H * W * COLOURS),
                                       i / (W * COLOURS) % H, i / COLOURS % W, i % COLOURS);
        TRY(check_result(r, y, m ? 0 : 4, err));
    }
    return STATUS_OK;
}
