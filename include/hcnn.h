/* hcnn.h: the public interface of libhcnn.
 *
 * Link with `pkg-config --cflags --libs hcnn`. Every name starts with hcnn_ or HCNN_; what is not
 * declared here is not exported. The library neither prints nor ends the program, and holds no
 * state of its own: what a call needs is in the objects it is given. An object may be used by one
 * thread at a time; different objects by different threads. */
#ifndef HCNN_H
#define HCNN_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define HCNN_API __attribute__((visibility("default")))
#else
#define HCNN_API
#endif

/* The version of the library that is running, "1.2.3". */
HCNN_API const char *hcnn_version(void);

/* An opened OpenCL device. */
typedef struct hcnn_device hcnn_device;

/* Opens the device that spec names: "gpu", "cpu", "accelerator", "PLATFORM:DEVICE" as `hcnn-cl
 * devices` prints them, or a case-insensitive part of a device's or platform's name. NULL or "":
 * the first GPU, else the first CPU. The environment is not read.
 *
 * On failure returns NULL, and message (of capacity bytes; may be NULL when capacity is 0) says
 * what was wrong and what to do, cut where it does not fit and always terminated. On success it is
 * empty. Release with hcnn_device_close. */
HCNN_API hcnn_device *hcnn_device_open(const char *spec, char *message, size_t capacity);

/* The device's name as its driver reports it; valid until the device is closed. */
HCNN_API const char *hcnn_device_name(const hcnn_device *device);

/* Waits for the device to finish its work and releases it. NULL is fine. */
HCNN_API void hcnn_device_close(hcnn_device *device);

#ifdef __cplusplus
}
#endif

#endif
