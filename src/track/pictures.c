/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of batches and of confusion matrices; see pictures.h. */
#include "track/pictures.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { CHANNELS = 3, WHITE = 255, LINE = 200 };

static status make_white(int width, int height, image *made, error *err)
{
    size_t bytes = (size_t)width * (size_t)height * CHANNELS;
    *made = (image){width, height, malloc(bytes)};
    TRY(got_memory(made->pixels, err, "a picture"));
    memset(made->pixels, WHITE, bytes);
    return STATUS_OK;
}

static unsigned char *pixel_at(const image *i, int x, int y)
{
    return i->pixels + ((size_t)y * (size_t)i->width + (size_t)x) * CHANNELS;
}

static void fill_square(const image *i, int left, int top, int side,
                        const unsigned char colour[CHANNELS])
{
    for (int y = top; y < top + side; y++)
        for (int x = left; x < left + side; x++)
            memcpy(pixel_at(i, x, y), colour, CHANNELS);
}

/* 0..1 to 0..255, clamped; NaN becomes 0. */
static unsigned char byte_of(double value)
{
    return (unsigned char)lround(fmin(fmax(value, 0), 1) * 255);
}

/* ---- A batch ---- */

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static int columns_for(int count, int cell)
{
    int columns = 1, most = (PICTURE_BATCH_SIDE + PICTURE_GAP) / (cell + PICTURE_GAP);
    while (columns * columns < smaller(count, PICTURE_IMAGES) && columns < most)
        columns++;
    return columns;
}

static void draw_input(const image *to, int left, int top, const float *values, int size,
                       int factor, const float mean[CHANNELS], const float deviation[CHANNELS])
{
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++, values += CHANNELS) {
            unsigned char colour[CHANNELS];
            for (int c = 0; c < CHANNELS; c++)
                colour[c] = byte_of((double)values[c] * (double)deviation[c] + (double)mean[c]);
            fill_square(to, left + x * factor, top + y * factor, factor, colour);
        }
}

status picture_of_batch(const float *values, int count, int size, const float mean[3],
                        const float deviation[3], image *made, error *err)
{
    int factor = (PICTURE_CELL + size - 1) / size, cell = factor * size;
    int columns = columns_for(count, cell);
    int shown = smaller(count, columns * columns), rows = (shown + columns - 1) / columns;
    int pitch = cell + PICTURE_GAP;
    TRY(make_white(columns * pitch - PICTURE_GAP, rows * pitch - PICTURE_GAP, made, err));
    for (int i = 0; i < shown; i++)
        draw_input(made, i % columns * pitch, i / columns * pitch,
                   values + (size_t)i * (size_t)size * (size_t)size * CHANNELS, size, factor, mean,
                   deviation);
    return STATUS_OK;
}

/* ---- A confusion matrix ---- */

/* Green's colour for a share of 0..1. Its brightness is 1 - share. Its hue turns around the grey
 * diagonal of the colour cube and is farthest from it in the middle. The factors are Green's. */
static void colour_of(double share, unsigned char colour[CHANNELS])
{
    static const double start = 0.5, rotations = -1, saturation = 1;
    const double light = 1 - share, turn = 2 * acos(-1) * (start / 3 + 1 + rotations * light);
    const double away = saturation * light * share / 2, along = cos(turn), across = sin(turn);
    colour[0] = byte_of(light + away * (-0.14861 * along + 1.78277 * across));
    colour[1] = byte_of(light + away * (-0.29227 * along - 0.90649 * across));
    colour[2] = byte_of(light + away * (1.97294 * along));
}

/* The classes in the order of the rows, and the pixel at which each begins. */
typedef struct layout {
    int classes, cell, side;
    const int *order;
    int *begins; /* [classes] */
} layout;

static int class_at(const layout *l, int place)
{
    return l->order ? l->order[place] : place;
}

static bool begins_group(const layout *l, const int *groups, int place)
{
    return groups && place > 0 && groups[class_at(l, place)] != groups[class_at(l, place - 1)];
}

static status lay_out(layout *l, const int *groups, error *err)
{
    int lines = 0;
    l->begins = calloc((size_t)l->classes, sizeof *l->begins);
    TRY(got_memory(l->begins, err, "a picture"));
    for (int i = 0; i < l->classes; i++)
        lines += begins_group(l, groups, i);
    if (lines > PICTURE_SIDE - l->classes)
        groups = NULL;
    l->cell = (PICTURE_SIDE - (groups ? lines : 0)) / l->classes;
    l->cell = l->cell < 1 ? 1 : l->cell;
    for (int i = 0; i < l->classes; i++) {
        l->side += begins_group(l, groups, i);
        l->begins[i] = l->side;
        l->side += l->cell;
    }
    return STATUS_OK;
}

/* Draws the pixel before each group over the whole height and width. */
static void draw_lines(const layout *l, const image *to)
{
    for (int i = 1; i < l->classes; i++) {
        int at = l->begins[i] - 1;
        if (at < l->begins[i - 1] + l->cell)
            continue;
        for (int along = 0; along < l->side; along++) {
            memset(pixel_at(to, at, along), LINE, CHANNELS);
            memset(pixel_at(to, along, at), LINE, CHANNELS);
        }
    }
}

static void draw_row(const layout *l, const image *to, int place, const uint32_t *row)
{
    double sum = 0;
    for (int i = 0; i < l->classes; i++)
        sum += row[i];
    for (int i = 0; i < l->classes && sum > 0; i++) {
        unsigned char colour[CHANNELS];
        colour_of(row[class_at(l, i)] / sum, colour);
        fill_square(to, l->begins[i], l->begins[place], l->cell, colour);
    }
}

status picture_of_confusion(const uint32_t *counts, int classes, const int *order,
                            const int *groups, image *made, error *err)
{
    layout l = {.classes = classes, .order = order};
    *made = (image){0};
    if (classes < 1 || classes > PICTURE_MOST_CLASSES)
        return error_set(err, STATUS_FAILED,
                         "a picture of a confusion matrix can show 1 to %d classes, not %d",
                         PICTURE_MOST_CLASSES, classes);
    status result;
    TRY_OR_DONE(lay_out(&l, groups, err));
    TRY_OR_DONE(make_white(l.side, l.side, made, err));
    draw_lines(&l, made);
    for (int i = 0; i < classes; i++)
        draw_row(&l, made, i, counts + (size_t)class_at(&l, i) * (size_t)classes);
done:
    free(l.begins);
    return result;
}
