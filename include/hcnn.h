/* SPDX-License-Identifier: Apache-2.0 */
/* hcnn.h: the public interface of libhcnn.
 *
 * Link with `pkg-config --cflags --libs hcnn`. Every name starts with hcnn_ or HCNN_; what is not
 * declared here is not exported. The library neither prints nor ends the program, and holds no
 * state of its own but a lock: what a call needs is in the objects it is given. Any object may be
 * used by several threads at once; calls on one device wait for each other. An object is released
 * when no call uses it any more, classifiers before their device.
 *
 * A function that can fail takes `message`, of `capacity` bytes (NULL when capacity is 0), which
 * then says what was wrong and what to do, cut where it does not fit and always terminated. On
 * success it is empty. */
#ifndef HCNN_H
#define HCNN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define HCNN_API __attribute__((visibility("default")))
#else
#define HCNN_API
#endif

/* What a call that returns an int returns. */
enum {
    HCNN_OK = 0,
    HCNN_FAILED = 1,
    HCNN_USAGE = 2,    /* an argument or an option is wrong */
    HCNN_STOPPED = 130 /* training stopped, by the callback, after saving */
};

/* The version of the library that is running, "1.2.3". */
HCNN_API const char *hcnn_version(void);

/* ---- Devices ---- */

/* An opened OpenCL device. */
typedef struct hcnn_device hcnn_device;

/* Opens the device that spec names: "gpu", "cpu", "accelerator", "PLATFORM:DEVICE" as `hcnn-cl
 * devices` prints them, or a case-insensitive part of a device's or platform's name. NULL or "":
 * the first GPU, else the first CPU. NULL on failure. Release with hcnn_device_close. */
HCNN_API hcnn_device *hcnn_device_open(const char *spec, char *message, size_t capacity);

/* The device's name as its driver reports it; valid until the device is closed. */
HCNN_API const char *hcnn_device_name(const hcnn_device *device);

/* Waits for the device to finish its work and releases it. NULL is fine. */
HCNN_API void hcnn_device_close(hcnn_device *device);

/* ---- Classifying ---- */

/* A trained network. */
typedef struct hcnn_classifier hcnn_classifier;

/* Loads a checkpoint, as RUN/best.safetensors of a training run, onto the device. batch_size: the
 * most images of one pass, which fixes the memory it takes; at least 1. NULL on failure. */
HCNN_API hcnn_classifier *hcnn_classifier_open(hcnn_device *device, const char *checkpoint,
                                               int batch_size, char *message, size_t capacity);
HCNN_API void hcnn_classifier_close(hcnn_classifier *classifier); /* NULL is fine */

/* The classes, from 0. Names are valid until the classifier is closed; each fine class has a coarse
 * one, its parent. A class that there is not has the name NULL and the parent -1. */
HCNN_API int hcnn_classifier_coarse_count(const hcnn_classifier *classifier);
HCNN_API int hcnn_classifier_fine_count(const hcnn_classifier *classifier);
HCNN_API const char *hcnn_classifier_coarse_name(const hcnn_classifier *classifier, int coarse);
HCNN_API const char *hcnn_classifier_fine_name(const hcnn_classifier *classifier, int fine);
HCNN_API int hcnn_classifier_parent(const hcnn_classifier *classifier, int fine);

/* RGB bytes, row by row from the top: [height][width][3]. Any size: it is resized to the network's
 * input. */
typedef struct hcnn_image {
    const unsigned char *pixels;
    int width, height;
} hcnn_image;

/* Probabilities of the classes of `count` images, however many: coarse[count][coarse count] and
 * fine[count][fine count]; either may be NULL. The coarse ones are the coarse head's or, of a
 * network that was trained on the fine classes alone, the sums of the fine ones. Where an image
 * cannot be classified, message names it by its index in `images`, and the answers are of no use.
 */
HCNN_API int hcnn_classify(hcnn_classifier *classifier, const hcnn_image *images, size_t count,
                           float *coarse, float *fine, char *message, size_t capacity);

/* ---- Training ---- */

/* The options of a training run, at first the defaults of `hcnn-cl train`. */
typedef struct hcnn_options hcnn_options;

/* NULL when memory is out. */
HCNN_API hcnn_options *hcnn_options_create(void);
HCNN_API void hcnn_options_free(hcnn_options *options); /* NULL is fine */

/* Sets an option of `hcnn-cl train --help` by its name without dashes, as ("lr", "0.1"); a flag's
 * value is "true" or "false". "run" is the run's directory. HCNN_USAGE names what is wrong. */
HCNN_API int hcnn_options_set(hcnn_options *options, const char *name, const char *value,
                              char *message, size_t capacity);
/* Sets what a recipe says: "original", "modern", a YAML file or a run's config.json. */
HCNN_API int hcnn_options_load(hcnn_options *options, const char *recipe, char *message,
                               size_t capacity);

/* How far training is. */
typedef struct hcnn_progress {
    uint64_t step;                       /* done */
    int epoch, epochs;                   /* epoch from 1 */
    double loss, coarse_loss, fine_loss; /* of this step; of an epoch's end, the epoch's means */
    double lr, images_per_second;
    int epoch_ended;                                                      /* then also: */
    double validation_loss, validation_coarse_top1, validation_fine_top1; /* shares, 0 .. 1 */
    const char *run; /* the run's directory; valid during the call */
} hcnn_progress;

/* Called after every step and every epoch; anything but 0 stops training: the step that the device
 * is at is finished, and all is saved. */
typedef int (*hcnn_watch)(void *context, const hcnn_progress *progress);

/* Trains in a new run directory, on the device of that name (as hcnn_device_open's), and returns
 * when it is done. The directory holds what `hcnn-cl train` leaves there. watch may be NULL. */
HCNN_API int hcnn_train(const char *device, const hcnn_options *options, hcnn_watch watch,
                        void *context, char *message, size_t capacity);

/* Goes on with a run that was stopped or killed, to the bit as if it had not been. epochs: of the
 * whole run; 0: as it was begun with. */
HCNN_API int hcnn_resume(const char *device, const char *run, int epochs, hcnn_watch watch,
                         void *context, char *message, size_t capacity);

#ifdef __cplusplus
}
#endif

#endif
