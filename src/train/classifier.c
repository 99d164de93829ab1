/* One image at a time through a checkpoint's network; see classifier.h. */
#include "train/classifier.h"
#include "model/network.h"
#include "train/checkpoint.h"

#include <stdlib.h>

struct classifier {
    checkpoint_info info;
    network *net;
};

status classifier_open(device *dev, const char *checkpoint, classifier **opened, error *err)
{
    *opened = NULL;
    classifier *c = calloc(1, sizeof *c);
    if (!c)
        return error_memory(err, checkpoint);
    status result = checkpoint_read_info(checkpoint, &c->info, err);
    if (result == STATUS_OK)
        result = network_create(dev, &c->info.options, &c->net, err);
    if (result == STATUS_OK)
        result = checkpoint_load(checkpoint, c->net, err);
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
    checkpoint_free_info(&c->info);
    free(c);
}

const hierarchy *classifier_classes(const classifier *c)
{
    return &c->info.classes;
}

bool classifier_has_coarse(const classifier *c)
{
    return !c->info.options.only_fine;
}

status classifier_run(classifier *c, const unsigned char *pixels, int width, int height,
                      float *coarse, float *fine, error *err)
{
    size_t bytes = 3 * (size_t)width * (size_t)height;
    const pixel_source image = {
        .width = width, .height = height, .layout = PIXELS_INTERLEAVED, .cosine = 1};
    const network_batch batch = {
        .count = 1, .pixels = pixels, .pixel_bytes = bytes, .images = &image};
    const step_results *results;
    int ticket;
    if (width < 1 || height < 1)
        return error_set(err, STATUS_FAILED, "an image of %dx%d pixels", width, height);
    TRY(network_reserve_pixels(c->net, bytes, err));
    TRY(network_step(c->net, &batch, STEP_EVALUATE, 1, 1, &ticket, err));
    TRY(network_wait(c->net, ticket, &results, err));
    return network_read_logits(c->net, coarse, fine, err);
}
