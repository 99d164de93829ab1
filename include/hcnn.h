/* SPDX-License-Identifier: Apache-2.0 */
/* hcnn.h: the public interface of libhcnn.
 *
 * Link with `pkg-config --cflags --libs hcnn`. Every name starts with hcnn_ or HCNN_, and the
 * library exports nothing else. It prints nothing and never ends the process. Everything that a
 * call needs is in its arguments; the only global state is one lock, and which devices are
 * open.
 *
 * Several threads may use any object at the same time; calls on one device wait for each other.
 * Release an object when no call uses it any more, classifiers before their device.
 *
 * A function that can fail has the arguments `message` and `capacity`: a buffer of the caller and
 * its size in bytes (NULL and 0 for none). On failure the message says what was wrong and what to
 * do. It is cut to fit and always terminated. On success it is empty.
 *
 * Any other pointer may be NULL only where its function says so. Elsewhere a function that can fail
 * refuses NULL: it returns HCNN_USAGE, or NULL if it returns a pointer. The others do not check. */
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

/* Results of the functions that can fail and return an int. */
enum {
    HCNN_OK = 0,
    HCNN_FAILED = 1,   /* the work failed: a file, the device, memory */
    HCNN_USAGE = 2,    /* an argument or an option is wrong */
    HCNN_STOPPED = 130 /* the callback stopped training, and everything is saved */
};

/* The version of the running library, such as "1.2.3". */
HCNN_API const char *hcnn_version(void);

/* ---- Devices ---- */

/* An opened OpenCL device. */
typedef struct hcnn_device hcnn_device;

/* Opens the device that spec names: "gpu", "cpu", "accelerator", "PLATFORM:DEVICE" as `hcnn-cl
 * devices` prints it, or part of the name of a device or platform (case does not matter). If spec
 * is NULL or "", it opens the device that `hcnn-cl devices` lists first: a GPU, if there is one.
 * Returns NULL on failure. The caller releases the device with hcnn_device_close. */
HCNN_API hcnn_device *hcnn_device_open(const char *spec, char *message, size_t capacity);

/* The name that the driver reports; valid until the device is closed. */
HCNN_API const char *hcnn_device_name(const hcnn_device *device);

/* Sets the time after which a device that finishes no kernel counts as stuck: the call that waits
 * for it fails, and so does every later one on this device, at once. 0: never. A new device has 600
 * seconds. For a training it is the option device-timeout. */
HCNN_API void hcnn_device_set_timeout(hcnn_device *device, double seconds);

/* Sets what the device's classifiers compute with, before the first of them is opened: "fp32", as a
 * new device does, "tf32", "bf16", "fp16", or "auto", which is what the device has the fastest unit
 * for. Any checkpoint can be used in any precision. An unknown precision, tf32 without a unit for
 * it, and a device that has been used are HCNN_USAGE. For a training it is the option precision. */
HCNN_API int hcnn_device_set_precision(hcnn_device *device, const char *precision, char *message,
                                       size_t capacity);
/* The precision that was set, or what "auto" chose. */
HCNN_API const char *hcnn_device_precision(const hcnn_device *device);

/* Waits for the device to finish its work and releases it. NULL is allowed. What a stuck device may
 * still use stays allocated until the process ends. */
HCNN_API void hcnn_device_close(hcnn_device *device);

/* ---- Classifying ---- */

/* A trained network. */
typedef struct hcnn_classifier hcnn_classifier;

/* Loads a checkpoint, such as RUN/best.safetensors of a training run, onto the device. batch_size,
 * at least 1, is the maximum number of images in one pass and determines the device memory.
 * Returns NULL on failure. The caller releases the classifier with hcnn_classifier_close, before
 * the device. */
HCNN_API hcnn_classifier *hcnn_classifier_open(hcnn_device *device, const char *checkpoint,
                                               int batch_size, char *message, size_t capacity);
HCNN_API void hcnn_classifier_close(hcnn_classifier *classifier); /* NULL is allowed */

/* The classes, numbered from 0. The parent of a fine class is its coarse class. Names are valid
 * until the classifier is closed. Out-of-range classes have the name NULL and the parent -1. */
HCNN_API int hcnn_classifier_coarse_count(const hcnn_classifier *classifier);
HCNN_API int hcnn_classifier_fine_count(const hcnn_classifier *classifier);
HCNN_API const char *hcnn_classifier_coarse_name(const hcnn_classifier *classifier, int coarse);
HCNN_API const char *hcnn_classifier_fine_name(const hcnn_classifier *classifier, int fine);
HCNN_API int hcnn_classifier_parent(const hcnn_classifier *classifier, int fine);

/* RGB bytes, row by row from the top: [height][width][3]. The library resizes the image to the
 * network's input; pixels stay the caller's. */
typedef struct hcnn_image {
    const unsigned char *pixels;
    int width, height;
} hcnn_image;

/* Computes the class probabilities of any number of images: coarse[count][coarse count] and
 * fine[count][fine count]. Either may be NULL, and images may if count is 0. Coarse probabilities
 * are those of the coarse head or, if the network was trained on the fine classes alone, sums of
 * the fine probabilities. If an image cannot be classified, the message names it by its index in
 * `images`, and all probabilities are undefined. */
HCNN_API int hcnn_classify(hcnn_classifier *classifier, const hcnn_image *images, size_t count,
                           float *coarse, float *fine, char *message, size_t capacity);

/* ---- Training ---- */

/* The options of a training run. They start as the defaults of `hcnn-cl train`, with 2 threads. */
typedef struct hcnn_options hcnn_options;

/* Returns NULL if there is no memory. The caller releases the options with hcnn_options_free. */
HCNN_API hcnn_options *hcnn_options_create(void);
HCNN_API void hcnn_options_free(hcnn_options *options); /* NULL is allowed */

/* Sets an option of `hcnn-cl train --help` (but not recipe, resume or tune) by its name without
 * dashes, for example ("lr", "0.1"). The value of a flag is "true" or "false"; "run" is the run
 * directory. An unknown option or a bad value is HCNN_USAGE. */
HCNN_API int hcnn_options_set(hcnn_options *options, const char *name, const char *value,
                              char *message, size_t capacity);
/* Sets the options in a recipe: "original", "modern", a YAML file or the config.json of a run. */
HCNN_API int hcnn_options_load(hcnn_options *options, const char *recipe, char *message,
                               size_t capacity);

/* The progress of training, after a step or at the end of an epoch. */
typedef struct hcnn_progress {
    uint64_t step;                       /* steps done */
    int epoch, epochs;                   /* epoch counts from 1 */
    double loss, coarse_loss, fine_loss; /* of the step; at the end of an epoch, means over it */
    double lr, images_per_second;
    int epoch_ended; /* 1 at the end of an epoch; if 0, the validation values are NaN */
    double validation_loss, validation_coarse_top1, validation_fine_top1; /* top1: 0 to 1 */
    const char *run; /* the run directory; valid during the call */
} hcnn_progress;

/* Called after every step and every epoch. A return value other than 0 stops training: the device
 * finishes the current step, and everything is saved. Values of the coarse classes are NaN if the
 * run trains the fine classes alone. */
typedef int (*hcnn_watch)(void *context, const hcnn_progress *progress);

/* Trains in a new run directory and returns at the end of the run. `device` means what it means for
 * hcnn_device_open, which accepts NULL. The directory contains the same files as after `hcnn-cl
 * train`. watch may be NULL; context is passed to it. */
HCNN_API int hcnn_train(const char *device, const hcnn_options *options, hcnn_watch watch,
                        void *context, char *message, size_t capacity);

/* Resumes a run that was stopped or killed; the result is bit-identical to an uninterrupted run.
 * device, watch and context are as for hcnn_train. epochs is the number of epochs of the whole run;
 * 0 keeps the number that it was started with. */
HCNN_API int hcnn_resume(const char *device, const char *run, int epochs, hcnn_watch watch,
                         void *context, char *message, size_t capacity);

#ifdef __cplusplus
}
#endif

#endif
