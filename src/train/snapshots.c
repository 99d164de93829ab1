/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures and histograms of a run; see snapshots.h. */
#include "train/snapshots.h"
#include "base/text.h"
#include "device/buffer.h"
#include "ops/input.h"
#include "track/pictures.h"

#include <stdlib.h>

/* The next step reports a device that has stopped; the run does not continue without it. */
static void check_read(tracking *k, const device *dev, status result)
{
    if (!device_is_stuck(dev))
        tracking_check(k, result);
}

/* ---- Pictures ---- */

void snapshots_first_batch(tracking *k, network *net, uint64_t step, int count)
{
    image picture = {0};
    int size = network_get_options(net)->image_size;
    float *values = malloc((size_t)count * (size_t)size * (size_t)size * 3 * sizeof *values);
    status result;
    TRY_OR_DONE(got_memory(values, &k->why, "the picture of the first batch"));
    TRY_OR_DONE(network_read_input(net, values, &k->why));
    TRY_OR_DONE(
        picture_of_batch(values, count, size, input_mean, input_deviation, &picture, &k->why));
    tracking_picture(k, step, "first_batch", &picture);
done:
    check_read(k, network_device(net), result);
    image_free(&picture);
    free(values);
}

/* The fine classes, grouped by coarse class; the caller frees the array. NULL if memory is out. */
static int *group_order(const hierarchy *classes)
{
    int *order = malloc((size_t)classes->fine_count * sizeof *order), count = 0;
    for (int coarse = 0; order && coarse < classes->coarse_count; coarse++)
        for (int fine = 0; fine < classes->fine_count; fine++)
            if (classes->parents[fine] == coarse)
                order[count++] = fine;
    return order;
}

/* Writes the matrix of one head; `order` and `groups` as for picture_of_confusion. */
static void put_confusion(tracking *k, uint64_t step, const char *tag, const uint32_t *counts,
                          int classes, const int *order, const int *groups)
{
    image picture = {0};
    status result = picture_of_confusion(counts, classes, order, groups, &picture, &k->why);
    if (result == STATUS_OK)
        tracking_picture(k, step, tag, &picture);
    tracking_check(k, result);
    image_free(&picture);
}

void snapshots_confusions(tracking *k, uint64_t step, const evaluation *seen)
{
    const hierarchy *c = seen->classes;
    int *order = group_order(c);
    if (!order) {
        tracking_check(k, error_memory(&k->why, "the picture of the confusions"));
        return;
    }
    put_confusion(k, step, "validation/fine_confusion", seen->fine, c->fine_count, order,
                  c->parents);
    if (seen->coarse)
        put_confusion(k, step, "validation/coarse_confusion", seen->coarse, c->coarse_count, NULL,
                      NULL);
    free(order);
}

/* ---- Histograms ---- */

/* Memory for the values of the largest parameter. */
typedef struct scratch {
    float *values;
    histogram *h;
} scratch;

static bool is_watched(const parameter *p)
{
    return p->value && p->kind != PARAMETER_STATISTIC;
}

static status allocate(network *net, scratch *s, error *err)
{
    size_t most = 1;
    for (const parameter *p = NULL; (p = network_next(net, p));)
        most = is_watched(p) && p->count > most ? p->count : most;
    s->values = malloc(most * sizeof *s->values);
    s->h = malloc(sizeof *s->h);
    return got_memory(s->values && s->h, err, "the histograms");
}

/* Writes the histogram of a parameter's buffer, with values divided by `scale`, as "KIND/NAME". */
static status put_buffer(tracking *k, device *dev, uint64_t step, const scratch *s,
                         const char *kind, const parameter *p, cl_mem buffer, float scale,
                         error *err)
{
    char *tag = text_format("%s/%s", kind, p->name);
    status result;
    TRY_OR_DONE(got_memory(tag, err, "the histograms"));
    TRY_OR_DONE(buffer_read(dev, buffer, 0, s->values, p->count * sizeof *s->values, err));
    for (size_t i = 0; scale != 1 && i < p->count; i++)
        s->values[i] /= scale;
    histogram_of(s->values, p->count, s->h);
    tracking_histogram(k, step, tag, s->h);
done:
    free(tag);
    return result;
}

void snapshots_histograms(tracking *k, network *net, uint64_t step, double loss_scale)
{
    scratch s = {0};
    device *dev = network_device(net);
    status result;
    TRY_OR_DONE(allocate(net, &s, &k->why));
    for (const parameter *p = NULL; (p = network_next(net, p));) {
        if (!is_watched(p))
            continue;
        TRY_OR_DONE(put_buffer(k, dev, step, &s, "weights", p, p->value, 1, &k->why));
        if (p->gradient)
            TRY_OR_DONE(put_buffer(k, dev, step, &s, "gradients", p, p->gradient, (float)loss_scale,
                                   &k->why));
    }
done:
    check_read(k, dev, result);
    free(s.values);
    free(s.h);
}
