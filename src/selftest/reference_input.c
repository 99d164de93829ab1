/* SPDX-License-Identifier: Apache-2.0 */
/* A second implementation of Pillow's algorithms, in double precision like the first, and mixing;
 * see reference.h. */
#include "ops/input.h"
#include "selftest/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One pass of Pillow's resize along an axis: `lines` lines of `in` bytes become lines of `out`. A
 * step leads to the next byte of a line, a stride to the next line. */
static void resize_pass(const unsigned char *from, unsigned char *to, int in, int out, int lines,
                        int from_step, int from_stride, int to_step, int to_stride)
{
    double scale = (double)in / out, reach = scale > 1 ? scale : 1;
    for (int at = 0; at < out; at++) {
        double centre = (at + 0.5) * scale, total = 0;
        int first = (int)fmax(0, floor(centre - reach + 0.5));
        int end = (int)fmin(in, floor(centre + reach + 0.5));
        for (int x = first; x < end; x++)
            total += fmax(0, 1 - fabs((x - centre + 0.5) / reach));
        for (int line = 0; line < lines; line++) {
            int sum = 1 << 21;
            for (int x = first; x < end; x++) {
                double weight = fmax(0, 1 - fabs((x - centre + 0.5) / reach)) / total;
                sum += (int)(0.5 + weight * (1 << 22)) * from[line * from_stride + x * from_step];
            }
            to[line * to_stride + at * to_step] = (unsigned char)(sum >> 22);
        }
    }
}

static status resize(const unsigned char *picture, int width, int height, int w, int h,
                     unsigned char *resized, error *err)
{
    unsigned char *middle = malloc((size_t)(w * height * 3));
    TRY(got_memory(middle, err, "a reference image"));
    for (int colour = 0; colour < 3; colour++) {
        resize_pass(picture + colour, middle + colour, width, w, height, 3, width * 3, 3, w * 3);
        resize_pass(middle + colour, resized + colour, height, h, w, w * 3, 3, w * 3, 3);
    }
    free(middle);
    return STATUS_OK;
}

/* Image.rotate's matrix about the centre, then Pillow's affine transform in fixed point with 16
 * bits. */
static void rotate(const unsigned char *from, int w, int h, double sine, double cosine,
                   unsigned char *to)
{
    double left = w / 2.0 - cosine * w / 2.0 + sine * h / 2.0;
    double top = h / 2.0 - sine * w / 2.0 - cosine * h / 2.0;
    const double fixed = 65536;
    long long xx = (long long)floor(cosine * fixed + 0.5),
              yx = (long long)floor(sine * fixed + 0.5);
    long long xy = (long long)floor(-sine * fixed + 0.5);
    long long x0 = (long long)floor((left + cosine * 0.5 - sine * 0.5) * fixed + 0.5);
    long long y0 = (long long)floor((top + sine * 0.5 + cosine * 0.5) * fixed + 0.5);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            long long sx = (x0 + x * xx + y * xy) >> 16, sy = (y0 + x * yx + y * xx) >> 16;
            unsigned char *out = to + (y * w + x) * 3;
            if (sx < 0 || sx >= w || sy < 0 || sy >= h)
                memset(out, 0, 3);
            else
                memcpy(out, from + (sy * w + sx) * 3, 3);
        }
}

static void crop(const unsigned char *from, int w, int h, const pixel_source *p, unsigned char *to)
{
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            int sx = x + p->shift_x, sy = y + p->shift_y;
            unsigned char *out = to + (y * w + (p->flip ? w - 1 - x : x)) * 3;
            if (sx < 0 || sx >= w || sy < 0 || sy >= h)
                memset(out, 0, 3);
            else
                memcpy(out, from + (sy * w + sx) * 3, 3);
        }
}

void reference_normalised(const unsigned char *bytes, size_t count, double *values)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (bytes[i] / 255.0 - (double)input_mean[i % 3]) / (double)input_deviation[i % 3];
}

static void cut_out(const pixel_source *p, int w, int h, double *values)
{
    for (int y = p->cut_top; y < p->cut_top + p->cut_side; y++)
        for (int x = p->cut_left; x < p->cut_left + p->cut_side; x++)
            for (int colour = 0; colour < 3; colour++)
                if (x >= 0 && x < w && y >= 0 && y < h)
                    values[(y * w + x) * 3 + colour] = 0;
}

status reference_image(const unsigned char *picture, const pixel_source *p, int w, int h,
                       double *values, error *err)
{
    size_t size = (size_t)(w * h * 3);
    int pw = p->part_width ? p->part_width : p->width;
    int ph = p->part_width ? p->part_height : p->height;
    unsigned char *part = malloc((size_t)(pw * ph * 3)), *a = malloc(size), *b = malloc(size);
    status result = got_memory(part && a && b, err, "a reference image");
    for (int y = 0; y < ph && result == STATUS_OK; y++)
        memcpy(part + y * pw * 3, picture + ((p->top + y) * p->width + p->left) * 3,
               (size_t)(pw * 3));
    if (result == STATUS_OK)
        result = resize(part, pw, ph, w, h, a, err);
    if (result == STATUS_OK) {
        rotate(a, w, h, p->sine, p->cosine, b);
        crop(b, w, h, p, a);
        reference_normalised(a, size, values);
        cut_out(p, w, h, values);
    }
    free(part);
    free(a);
    free(b);
    return result;
}

double reference_mix(const float *before, int n, int h, int w, const batch_mix *m, int i, int y,
                     int x, int colour)
{
    size_t at = (size_t)(((i * h + y) * w + x) * 3 + colour);
    size_t there = (size_t)((((n - 1 - i) * h + y) * w + x) * 3 + colour);
    double own = before[at], partner = before[there], share = m->partner_share;
    if (m->right == 0)
        return (1 - share) * own + share * partner;
    return x >= m->left && x < m->right && y >= m->top && y < m->bottom ? partner : own;
}
