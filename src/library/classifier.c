/* SPDX-License-Identifier: Apache-2.0 */
/* hcnn.h: classifying. */
#include "measure/classifier.h"
#include "hcnn.h"
#include "library/handles.h"
#include "measure/decision.h"

#include <stdbool.h>
#include <stdlib.h>

struct hcnn_classifier {
    hcnn_device *device;
    classifier *net;
};

hcnn_classifier *hcnn_classifier_open(hcnn_device *device, const char *checkpoint, int batch_size,
                                      char *message, size_t capacity)
{
    error err;
    status result;
    hcnn_classifier *handle = calloc(1, sizeof *handle);
    TRY_OR_DONE(got_memory(handle, &err, "the classifier"));
    TRY_OR_DONE(library_given(device, "device", &err));
    TRY_OR_DONE(library_given(checkpoint, "checkpoint", &err));
    handle->device = device;
    if (batch_size < 1)
        TRY_OR_DONE(
            error_set(&err, STATUS_USAGE, "batch_size is %d; it must be at least 1", batch_size));
    pthread_mutex_lock(&device->lock);
    /* In this process: the library does not know a program that it could start for it. */
    result = classifier_open(device->opened, checkpoint, batch_size, &(selftest_options){0},
                             &handle->net, &err);
    pthread_mutex_unlock(&device->lock);
done:
    if (library_return(result, &err, message, capacity) == STATUS_OK)
        return handle;
    free(handle);
    return NULL;
}

void hcnn_classifier_close(hcnn_classifier *handle)
{
    if (!handle)
        return;
    pthread_mutex_lock(&handle->device->lock);
    classifier_close(handle->net);
    pthread_mutex_unlock(&handle->device->lock);
    free(handle);
}

int hcnn_classifier_coarse_count(const hcnn_classifier *handle)
{
    return classifier_classes(handle->net)->coarse_count;
}

int hcnn_classifier_fine_count(const hcnn_classifier *handle)
{
    return classifier_classes(handle->net)->fine_count;
}

static bool is_within(int class, int count)
{
    return class >= 0 && class < count;
}

const char *hcnn_classifier_coarse_name(const hcnn_classifier *handle, int coarse)
{
    const hierarchy *classes = classifier_classes(handle->net);
    return is_within(coarse, classes->coarse_count) ? classes->coarse_names[coarse] : NULL;
}

const char *hcnn_classifier_fine_name(const hcnn_classifier *handle, int fine)
{
    const hierarchy *classes = classifier_classes(handle->net);
    return is_within(fine, classes->fine_count) ? classes->fine_names[fine] : NULL;
}

int hcnn_classifier_parent(const hcnn_classifier *handle, int fine)
{
    const hierarchy *classes = classifier_classes(handle->net);
    return is_within(fine, classes->fine_count) ? classes->parents[fine] : -1;
}

/* ---- Answers ---- */

/* The memory of a call. A pass has at most batch_size images. */
typedef struct call {
    hcnn_classifier *from;
    float *coarse_logits, *fine_logits; /* of one pass */
    classifier_image *images;           /* of one pass */
    decider decide;
} call;

static status call_begin(call *c, hcnn_classifier *from, error *err)
{
    const hierarchy *classes = classifier_classes(from->net);
    size_t most = (size_t)classifier_batch_size(from->net);
    *c = (call){.from = from};
    c->coarse_logits = calloc(most, (size_t)classes->coarse_count * sizeof *c->coarse_logits);
    c->fine_logits = calloc(most, (size_t)classes->fine_count * sizeof *c->fine_logits);
    c->images = calloc(most, sizeof *c->images);
    TRY(got_memory(c->coarse_logits && c->fine_logits && c->images, err, "the answers"));
    return decider_create(&c->decide, "argmax", classes, classifier_has_coarse(from->net), err);
}

static void call_end(call *c)
{
    decider_free(&c->decide);
    free(c->coarse_logits);
    free(c->fine_logits);
    free(c->images);
}

static void narrow(const ranking *from, float *to)
{
    for (int i = 0; i < from->count; i++)
        to[i] = (float)from->probabilities[i];
}

/* Writes the probabilities of image i of a pass; coarse and fine may be NULL. */
static status answer(call *c, size_t i, float *coarse, float *fine, error *err)
{
    decider *d = &c->decide;
    decider_decide(d, c->coarse_logits + i * (size_t)d->coarse.count,
                   c->fine_logits + i * (size_t)d->fine.count);
    if (!d->coarse.decided || !d->fine.decided)
        return error_set(err, STATUS_FAILED,
                         "image %zu: undecided, because its logits are not finite; if the "
                         "checkpoint is from a training that diverged, use another one",
                         c->images[i].number);
    if (coarse)
        narrow(&d->coarse, coarse);
    if (fine)
        narrow(&d->fine, fine);
    return STATUS_OK;
}

/* ---- Passes ---- */

/* Runs the images from number `first` of the call on. Only this locks the device, so the passes of
 * several threads take turns. */
static status run_pass(call *c, const hcnn_image *images, size_t first, size_t count, error *err)
{
    hcnn_device *device = c->from->device;
    for (size_t i = 0; i < count; i++) {
        const hcnn_image *image = &images[first + i];
        c->images[i] = (classifier_image){image->pixels, image->width, image->height, first + i};
    }
    pthread_mutex_lock(&device->lock);
    status result =
        classifier_run(c->from->net, c->images, (int)count, c->coarse_logits, c->fine_logits, err);
    pthread_mutex_unlock(&device->lock);
    return result;
}

static status classify_all(call *c, const hcnn_image *images, size_t count, float *coarse,
                           float *fine, error *err)
{
    size_t coarses = (size_t)c->decide.coarse.count, fines = (size_t)c->decide.fine.count;
    size_t most = (size_t)classifier_batch_size(c->from->net);
    for (size_t done = 0; done < count; done += most) {
        size_t pass = count - done < most ? count - done : most;
        TRY(run_pass(c, images, done, pass, err));
        for (size_t i = 0; i < pass; i++)
            TRY(answer(c, i, coarse ? coarse + (done + i) * coarses : NULL,
                       fine ? fine + (done + i) * fines : NULL, err));
    }
    return STATUS_OK;
}

static status classify(hcnn_classifier *handle, const hcnn_image *images, size_t count,
                       float *coarse, float *fine, error *err)
{
    call c;
    TRY(library_given(handle, "classifier", err));
    if (count > 0)
        TRY(library_given(images, "images", err));
    status result = call_begin(&c, handle, err);
    if (result == STATUS_OK)
        result = classify_all(&c, images, count, coarse, fine, err);
    call_end(&c);
    return result;
}

int hcnn_classify(hcnn_classifier *handle, const hcnn_image *images, size_t count, float *coarse,
                  float *fine, char *message, size_t capacity)
{
    error err;
    status result = classify(handle, images, count, coarse, fine, &err);
    return library_return(result, &err, message, capacity);
}
