/* hcnn.h: classifying. */
#include "train/classifier.h"
#include "hcnn.h"
#include "library/handles.h"
#include "train/decision.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct hcnn_classifier {
    hcnn_device *device;
    classifier *net;
};

static status open_classifier(hcnn_classifier *handle, const char *checkpoint, int batch_size,
                              error *err)
{
    if (batch_size < 1)
        return error_set(err, STATUS_USAGE, "a batch_size of %d: it has to be at least 1",
                         batch_size);
    pthread_mutex_lock(&handle->device->lock);
    status result =
        classifier_open(handle->device->opened, checkpoint, batch_size, &handle->net, err);
    pthread_mutex_unlock(&handle->device->lock);
    return result;
}

hcnn_classifier *hcnn_classifier_open(hcnn_device *device, const char *checkpoint, int batch_size,
                                      char *message, size_t capacity)
{
    error err;
    hcnn_classifier *handle = calloc(1, sizeof *handle);
    status result = STATUS_OK;
    if (handle) {
        handle->device = device;
        result = open_classifier(handle, checkpoint, batch_size, &err);
    } else {
        result = error_memory(&err, checkpoint);
    }
    if (result != STATUS_OK) {
        free(handle);
        handle = NULL;
    }
    library_return(result, &err, message, capacity);
    return handle;
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

const char *hcnn_classifier_coarse_name(const hcnn_classifier *handle, int coarse)
{
    return classifier_classes(handle->net)->coarse_names[coarse];
}

const char *hcnn_classifier_fine_name(const hcnn_classifier *handle, int fine)
{
    return classifier_classes(handle->net)->fine_names[fine];
}

int hcnn_classifier_parent(const hcnn_classifier *handle, int fine)
{
    return classifier_classes(handle->net)->parents[fine];
}

/* ---- Probabilities ---- */

/* Logits of one image to probabilities, in place. */
static void softmax(float *values, int count)
{
    float top = values[0];
    double sum = 0;
    for (int i = 1; i < count; i++)
        top = values[i] > top ? values[i] : top;
    for (int i = 0; i < count; i++)
        sum += exp((double)values[i] - (double)top);
    for (int i = 0; i < count; i++)
        values[i] = (float)(exp((double)values[i] - (double)top) / sum);
}

static void sum_by_parent(const hierarchy *classes, const float *fine, float *coarse)
{
    memset(coarse, 0, (size_t)classes->coarse_count * sizeof *coarse);
    for (int i = 0; i < classes->fine_count; i++)
        coarse[classes->parents[i]] += fine[i];
}

/* Logits of a pass, for the callers that do not want one of them too. */
typedef struct logits {
    float *coarse, *fine;
} logits;

static void finish(const hcnn_classifier *handle, const logits *found, int count, float *coarse,
                   float *fine)
{
    const hierarchy *classes = classifier_classes(handle->net);
    size_t wide = (size_t)classes->fine_count, narrow = (size_t)classes->coarse_count;
    for (size_t i = 0; i < (size_t)count; i++) {
        float *f = found->fine + i * wide, *c = found->coarse + i * narrow;
        softmax(f, classes->fine_count);
        if (classifier_has_coarse(handle->net))
            softmax(c, classes->coarse_count);
        else
            sum_by_parent(classes, f, c);
        if (fine)
            memcpy(fine + i * wide, f, wide * sizeof *f);
        if (coarse)
            memcpy(coarse + i * narrow, c, narrow * sizeof *c);
    }
}

/* ---- Passes ---- */

static status run_pass(hcnn_classifier *handle, const hcnn_image *images, int count,
                       const logits *found, classifier_image *room, error *err)
{
    for (int i = 0; i < count; i++)
        room[i] = (classifier_image){images[i].pixels, images[i].width, images[i].height};
    pthread_mutex_lock(&handle->device->lock);
    status result = classifier_run(handle->net, room, count, found->coarse, found->fine, err);
    pthread_mutex_unlock(&handle->device->lock);
    return result;
}

static status classify(hcnn_classifier *handle, const hcnn_image *images, size_t count,
                       const logits *found, classifier_image *room, float *coarse, float *fine,
                       error *err)
{
    const hierarchy *classes = classifier_classes(handle->net);
    size_t most = (size_t)classifier_batch_size(handle->net);
    for (size_t done = 0; done < count; done += most) {
        int pass = (int)(count - done < most ? count - done : most);
        TRY(run_pass(handle, images + done, pass, found, room, err));
        finish(handle, found, pass, coarse ? coarse + done * (size_t)classes->coarse_count : NULL,
               fine ? fine + done * (size_t)classes->fine_count : NULL);
    }
    return STATUS_OK;
}

int hcnn_classify(hcnn_classifier *handle, const hcnn_image *images, size_t count, float *coarse,
                  float *fine, char *message, size_t capacity)
{
    error err;
    const hierarchy *classes = classifier_classes(handle->net);
    size_t most = (size_t)classifier_batch_size(handle->net);
    const logits found = {malloc(most * (size_t)classes->coarse_count * sizeof(float)),
                          malloc(most * (size_t)classes->fine_count * sizeof(float))};
    classifier_image *room = malloc(most * sizeof *room);
    status result = found.coarse && found.fine && room
                        ? classify(handle, images, count, &found, room, coarse, fine, &err)
                        : error_memory(&err, "the answers");
    free(found.coarse);
    free(found.fine);
    free(room);
    return library_return(result, &err, message, capacity);
}
