/* SPDX-License-Identifier: Apache-2.0 */
/* See snapshots.h. */
#include "train/snapshots.h"
#include "base/text.h"
#include "device/buffer.h"
#include "ops/input.h"
#include "track/pictures.h"
#include "train/trainer.h"

#include <stdlib.h>

/* ---- Pictures ---- */

/* Takes over the picture. */
static void put_picture(trainer *t, const char *tag, image *picture)
{
    error err;
    unsigned char *png;
    size_t size;
    status result = image_encode_png(picture, &png, &size, &err);
    if (result == STATUS_OK) {
        result = event_file_image(t->track.events, t->state.step, tag, picture->width,
                                  picture->height, png, size, &err);
        free(png);
    }
    tracking_check(t, result, &err);
    image_free(picture);
}

void snapshots_first_batch(trainer *t, int count)
{
    error err;
    image picture;
    int size = network_get_options(t->net)->image_size;
    float *values = malloc((size_t)count * (size_t)size * (size_t)size * 3 * sizeof *values);
    status result = values ? network_read_input(t->net, values, &err)
                           : error_memory(&err, "the first batch's picture");
    if (result == STATUS_OK)
        result = picture_of_batch(values, count, size, input_mean, input_deviation, &picture, &err);
    if (result == STATUS_OK)
        put_picture(t, "first_batch", &picture);
    tracking_check(t, result, &err);
    free(values);
}

/* Fine classes by their coarse class. */
static int *group_order(const hierarchy *classes)
{
    int *order = malloc((size_t)classes->fine_count * sizeof *order), count = 0;
    for (int coarse = 0; order && coarse < classes->coarse_count; coarse++)
        for (int fine = 0; fine < classes->fine_count; fine++)
            if (classes->parents[fine] == coarse)
                order[count++] = fine;
    return order;
}

static void put_confusion(trainer *t, const char *tag, const uint32_t *counts, int classes,
                          const int *order, const int *groups)
{
    error err;
    image picture;
    status result = picture_of_confusion(counts, classes, order, groups, &picture, &err);
    if (result == STATUS_OK)
        put_picture(t, tag, &picture);
    tracking_check(t, result, &err);
}

static void put_confusions(trainer *t, const evaluation *seen)
{
    error err;
    const hierarchy *c = seen->classes;
    int *order = group_order(c);
    if (!order) {
        tracking_check(t, error_memory(&err, "the picture of confusions"), &err);
        return;
    }
    put_confusion(t, "validation/fine_confusion", seen->fine, c->fine_count, order, c->parents);
    if (seen->coarse)
        put_confusion(t, "validation/coarse_confusion", seen->coarse, c->coarse_count, NULL, NULL);
    free(order);
}

/* ---- Histograms ---- */

/* Room for the values of the largest parameter. */
typedef struct scratch {
    float *values;
    histogram *h;
} scratch;

static bool is_watched(const parameter *p)
{
    return p->value && p->kind != PARAMETER_STATISTIC;
}

static status allocate(trainer *t, scratch *s, error *err)
{
    size_t most = 1;
    for (size_t i = 0; i < network_parameter_count(t->net); i++) {
        const parameter *p = network_parameter(t->net, i);
        most = is_watched(p) && p->count > most ? p->count : most;
    }
    s->values = malloc(most * sizeof *s->values);
    s->h = malloc(sizeof *s->h);
    return s->values && s->h ? STATUS_OK : error_memory(err, "the histograms");
}

/* Values divided by `scale`. */
static status put_buffer(trainer *t, const scratch *s, const char *kind, const parameter *p,
                         cl_mem buffer, float scale, error *err)
{
    TRY(buffer_read(t->dev, buffer, 0, s->values, p->count * sizeof *s->values, err));
    for (size_t i = 0; scale != 1 && i < p->count; i++)
        s->values[i] /= scale;
    histogram_of(s->values, p->count, s->h);
    char *tag = text_format("%s/%s", kind, p->name);
    status result = tag ? event_file_histogram(t->track.events, t->state.step, tag, s->h, err)
                        : error_memory(err, "the histograms");
    free(tag);
    return result;
}

/* In fp16 the gradients that are kept are those of the loss times its scale. */
static status put_histograms(trainer *t, const scratch *s, error *err)
{
    loss_scale scaling;
    TRY(solver_get_loss_scale(t->solve, &scaling, err));
    float scale = t->dev->precision == PRECISION_FP16 ? (float)scaling.scale : 1;
    for (size_t i = 0; i < network_parameter_count(t->net); i++) {
        const parameter *p = network_parameter(t->net, i);
        if (is_watched(p))
            TRY(put_buffer(t, s, "weights", p, p->value, 1, err));
        if (is_watched(p) && p->gradient)
            TRY(put_buffer(t, s, "gradients", p, p->gradient, scale, err));
    }
    return STATUS_OK;
}

void snapshots_epoch(trainer *t, const evaluation *seen)
{
    error err;
    scratch s = {0};
    int every = t->options->histograms;
    if (seen)
        put_confusions(t, seen);
    if (every == 0 || (t->state.epoch + 1) % (uint32_t)every != 0)
        return;
    status result = allocate(t, &s, &err);
    if (result == STATUS_OK)
        result = put_histograms(t, &s, &err);
    tracking_check(t, result, &err);
    free(s.values);
    free(s.h);
}

/* ---- Files ---- */

void snapshots_evaluation(trainer *t, const evaluation *seen, const char *file,
                          const char *set_name, const image_set *set, int epoch)
{
    error err;
    char *path = text_format("%s/%s", t->run.path, file);
    status result = path ? evaluation_write(seen, path, set_name, set, epoch, t->state.step, &err)
                         : error_memory(&err, t->run.path);
    tracking_check(t, result, &err);
    if (result == STATUS_OK)
        tracking_file(t, "evaluation", file);
    free(path);
}
