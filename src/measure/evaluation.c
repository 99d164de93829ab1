/* SPDX-License-Identifier: Apache-2.0 */
/* Counts confusions and keeps the worst mistakes; see evaluation.h. */
#include "measure/evaluation.h"
#include "base/base64.h"
#include "base/json_values.h"
#include "data/image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

enum {
    MISTAKE_SIDE = 96, /* the longer side of a mistake's picture, in pixels, at most */
    DIGITS = 7,
};

status evaluation_create(evaluation *e, const hierarchy *classes, bool has_coarse, error *err)
{
    *e = (evaluation){.classes = classes, .has_coarse = has_coarse};
    if (classes->fine_count > EVALUATION_CLASSES || classes->coarse_count > EVALUATION_CLASSES)
        return error_set(err, STATUS_FAILED,
                         "the confusions of %d coarse and %d fine classes are not saved; the limit "
                         "is %d classes",
                         classes->coarse_count, classes->fine_count, EVALUATION_CLASSES);
    size_t fine = (size_t)classes->fine_count, coarse = (size_t)classes->coarse_count;
    e->fine = calloc(fine * fine, sizeof *e->fine);
    e->coarse = has_coarse ? calloc(coarse * coarse, sizeof *e->coarse) : NULL;
    if (e->fine && (e->coarse || !has_coarse))
        return STATUS_OK;
    evaluation_free(e);
    return error_memory(err, "the confusion matrices");
}

void evaluation_free(evaluation *e)
{
    free(e->coarse);
    free(e->fine);
    *e = (evaluation){0};
}

void evaluation_add_mistake(evaluation *e, mistake m)
{
    int at = e->worst_count;
    while (at > 0 && e->worst[at - 1].loss < m.loss)
        at--;
    if (at == EVALUATION_MISTAKES)
        return;
    if (e->worst_count < EVALUATION_MISTAKES)
        e->worst_count++;
    memmove(&e->worst[at + 1], &e->worst[at],
            (size_t)(e->worst_count - at - 1) * sizeof e->worst[0]);
    e->worst[at] = m;
}

static void count(uint32_t *matrix, int classes, const head_result *r)
{
    matrix[(size_t)r->label * (size_t)classes + (size_t)r->guess]++;
}

void evaluation_add(evaluation *e, const batch *b, const step_results *results)
{
    for (int i = 0; i < results->count; i++) {
        const head_result *fine = &results->fine[i];
        const head_result *coarse = e->has_coarse ? &results->coarse[i] : NULL;
        e->images++;
        if (!isfinite(fine->loss) || (coarse && !isfinite(coarse->loss))) {
            e->undecided++;
            continue;
        }
        count(e->fine, e->classes->fine_count, fine);
        if (coarse)
            count(e->coarse, e->classes->coarse_count, coarse);
        if (fine->guess != fine->label)
            evaluation_add_mistake(e,
                                   (mistake){b->indices[i], fine->label, fine->guess, fine->loss});
    }
}

/* ---- Pictures of the mistakes ---- */

/* The mean of the factor x factor pixels of the source that become pixel (x, y). */
static void mean_of(const image *from, int factor, int x, int y, unsigned char rgb[3])
{
    int right = (x + 1) * factor < from->width ? (x + 1) * factor : from->width;
    int bottom = (y + 1) * factor < from->height ? (y + 1) * factor : from->height;
    int area = (right - x * factor) * (bottom - y * factor);
    for (int c = 0; c < 3; c++) {
        long sum = area / 2;
        for (int v = y * factor; v < bottom; v++)
            for (int u = x * factor; u < right; u++)
                sum += from->pixels[3 * ((size_t)v * (size_t)from->width + (size_t)u) + (size_t)c];
        rgb[c] = (unsigned char)(sum / area);
    }
}

/* Shrinks by a whole factor, to at most MISTAKE_SIDE. */
static status shrink(image *picture, error *err)
{
    int side = picture->width > picture->height ? picture->width : picture->height;
    int factor = (side + MISTAKE_SIDE - 1) / MISTAKE_SIDE;
    if (factor <= 1)
        return STATUS_OK;
    image small = {(picture->width + factor - 1) / factor, (picture->height + factor - 1) / factor,
                   NULL};
    small.pixels = malloc(3 * (size_t)small.width * (size_t)small.height);
    if (!small.pixels)
        return error_memory(err, "a picture");
    for (int y = 0; y < small.height; y++)
        for (int x = 0; x < small.width; x++)
            mean_of(picture, factor, x, y,
                    &small.pixels[3 * ((size_t)y * (size_t)small.width + (size_t)x)]);
    image_free(picture);
    *picture = small;
    return STATUS_OK;
}

static json_t *encode(const image *picture)
{
    error ignored;
    unsigned char *png;
    size_t size;
    if (image_encode_png(picture, &png, &size, &ignored) != STATUS_OK)
        return NULL;
    char *text = base64_encode(png, size);
    json_t *url = text ? json_sprintf("data:image/png;base64,%s", text) : NULL;
    free(text);
    free(png);
    return url;
}

/* A picture is only a help: if it cannot be read, the file has null. */
static json_t *picture_of(const image_set *set, size_t index)
{
    error ignored;
    image picture = {0};
    json_t *url = NULL;
    if (image_set_picture(set, index, &picture, &ignored) == STATUS_OK &&
        shrink(&picture, &ignored) == STATUS_OK)
        url = encode(&picture);
    image_free(&picture);
    return url ? url : json_null();
}

/* ---- The file ---- */

static json_t *mistake_of(const mistake *m, const image_set *set)
{
    json_t *name =
        set->paths ? text_to_json(set->paths[m->image]) : json_sprintf("image %zu", m->image);
    return json_pack("{s:o, s:i, s:i, s:o, s:o, s:o}", "image", name, "label", m->label, "answer",
                     m->answer, "loss", number_to_json((double)m->loss), "probability",
                     number_to_json(exp(-(double)m->loss)), "picture", picture_of(set, m->image));
}

static json_t *mistakes_of(const evaluation *e, const image_set *set)
{
    json_t *array = json_array();
    for (int i = 0; i < e->worst_count; i++)
        array = array_with(array, mistake_of(&e->worst[i], set));
    return array;
}

status evaluation_write(const evaluation *e, const char *path, const char *set_name,
                        const image_set *set, int epoch, uint64_t step, error *err)
{
    const hierarchy *c = e->classes;
    json_watch();
    json_t *root = json_pack("{s:s, s:i, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "set",
                             set_name, "epoch", epoch, "step", (json_int_t)step, "images",
                             (json_int_t)e->images, "undecided", (json_int_t)e->undecided,
                             "coarse_classes", texts_to_json(c->coarse_names, c->coarse_count),
                             "fine_classes", texts_to_json(c->fine_names, c->fine_count), "parents",
                             ints_to_json(c->parents, c->fine_count), "coarse",
                             matrix_to_json(e->coarse, c->coarse_count), "fine",
                             matrix_to_json(e->fine, c->fine_count), "worst", mistakes_of(e, set));
    return json_write_checked(path, root, JSON_REAL_PRECISION(DIGITS), err);
}
