/* SPDX-License-Identifier: Apache-2.0 */
/* Runs images in memory through a network; see classifier.h. */
#include "measure/classifier.h"
#include "model/model_file.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_SIDE = 16384 };

struct classifier {
    hierarchy classes;
    network *net;
};

static status load(classifier *c, device *dev, const char *path, int batch_size,
                   const selftest_options *selftest, error *err)
{
    model_file m;
    status result;
    TRY(model_file_open(path, &m, err));
    m.options.batch_size = batch_size;
    TRY_OR_DONE(selftest_network(dev, &m.options, selftest, err));
    TRY_OR_DONE(network_create(dev, &m.options, &c->net, err));
    TRY_OR_DONE(model_file_load(&m, c->net, err));
    c->classes = m.classes; /* the network points to its parents */
    m.classes = (hierarchy){0};
done:
    model_file_close(&m);
    return result;
}

status classifier_open(device *dev, const char *path, int batch_size,
                       const selftest_options *selftest, classifier **opened, error *err)
{
    *opened = NULL;
    classifier *c = calloc(1, sizeof *c);
    TRY(got_memory(c, err, path));
    status result = load(c, dev, path, batch_size, selftest, err);
    if (result == STATUS_OK)
        *opened = c;
    else
        classifier_close(c);
    return result;
}

void classifier_close(classifier *c)
{
    if (!c)
        return;
    network_free(c->net);
    hierarchy_free(&c->classes);
    free(c);
}

const hierarchy *classifier_classes(const classifier *c)
{
    return &c->classes;
}

bool classifier_has_coarse(const classifier *c)
{
    return !network_get_options(c->net)->only_fine;
}

int classifier_batch_size(const classifier *c)
{
    return network_get_options(c->net)->batch_size;
}

/* The images of a batch, one after the other; the caller frees the arrays. */
typedef struct packed {
    unsigned char *pixels;
    size_t bytes;
    pixel_source *sources;
} packed;

static size_t bytes_of(const classifier_image *image)
{
    return 3 * (size_t)image->width * (size_t)image->height;
}

static status check(const classifier_image *image, error *err)
{
    if (!image->pixels)
        return error_set(err, STATUS_FAILED, "image %zu: its pixels are NULL", image->number);
    if (image->width < 1 || image->height < 1 || image->width > MAX_SIDE ||
        image->height > MAX_SIDE)
        return error_set(err, STATUS_FAILED, "image %zu: %dx%d pixels; each side must have 1 to %d",
                         image->number, image->width, image->height, MAX_SIDE);
    return STATUS_OK;
}

static status pack(const classifier_image *images, int count, packed *p, error *err)
{
    p->sources = calloc((size_t)count, sizeof *p->sources);
    TRY(got_memory(p->sources, err, "the images"));
    for (int i = 0; i < count; i++) {
        TRY(check(&images[i], err));
        p->sources[i] = (pixel_source){.offset = (int32_t)p->bytes,
                                       .width = images[i].width,
                                       .height = images[i].height,
                                       .layout = PIXELS_INTERLEAVED,
                                       .cosine = 1};
        p->bytes += bytes_of(&images[i]);
        if (p->bytes > INT32_MAX)
            return error_set(err, STATUS_FAILED,
                             "%d images need more than 2 GiB; use fewer at a time", count);
    }
    p->pixels = malloc(p->bytes);
    TRY(got_memory(p->pixels, err, "the images"));
    for (int i = 0; i < count; i++)
        memcpy(p->pixels + p->sources[i].offset, images[i].pixels, bytes_of(&images[i]));
    return STATUS_OK;
}

static status run(classifier *c, const packed *p, int count, float *coarse, float *fine, error *err)
{
    const network_batch batch = {
        .count = count, .pixels = p->pixels, .pixel_bytes = p->bytes, .images = p->sources};
    const step_results *results;
    int ticket;
    TRY(network_reserve_pixels(c->net, p->bytes, err));
    TRY(network_forward(c->net, &batch, STEP_EVALUATE, 1, 1, err));
    TRY(network_fetch(c->net, &ticket, err));
    TRY(network_wait(c->net, ticket, &results, err));
    return network_read_logits(c->net, coarse, fine, err);
}

status classifier_run(classifier *c, const classifier_image *images, int count, float *coarse,
                      float *fine, error *err)
{
    packed p = {0};
    if (count < 1 || count > classifier_batch_size(c))
        return error_set(err, STATUS_FAILED, "%d images: expected 1 to %d at a time", count,
                         classifier_batch_size(c));
    status result = pack(images, count, &p, err);
    if (result == STATUS_OK)
        result = run(c, &p, count, coarse, fine, err);
    if (device_is_stuck(network_device(c->net)))
        return result; /* the device may still read the pixels */
    free(p.pixels);
    free(p.sources);
    return result;
}
