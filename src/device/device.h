/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenCL device: which one, what it can do, its one in-order queue. Everything above works on
 * `struct device *` and never asks for a vendor. */
#pragma once

#include "base/error.h"
#include "base/word_list.h"

#include <stdbool.h>
#include <stdint.h>

#ifndef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 120
#endif
#include <CL/cl.h>

/* What a device reports of itself. */
typedef struct device_info {
    int platform_index, device_index; /* HCNN_DEVICE=platform:device */
    cl_platform_id platform;
    cl_device_id id;
    cl_device_type type;
    char platform_name[128];
    char name[256];
    char vendor[128];
    char version[128]; /* OpenCL version string */
    char driver[128];
    unsigned compute_units;
    unsigned clock_mhz;
    uint64_t memory_bytes;
    uint64_t max_allocation_bytes;
    uint64_t local_memory_bytes;
    size_t max_group_size;
    unsigned vector_width;  /* native floats in one vector */
    unsigned align_bytes;   /* of a sub-buffer's origin */
    bool fp16;              /* cl_khr_fp16 */
    unsigned nv_capability; /* NVIDIA's compute capability: 10 * major + minor; 0 elsewhere */
    bool available;
} device_info;

typedef struct device_list {
    device_info *devices; /* in platform, device order */
    int count;
    int platform_count;
} device_list;

/* How activations and their gradients are kept. Parameters and all arithmetic are fp32. */
enum precision {
    PRECISION_FP32,
    PRECISION_FP16, /* IEEE 754 binary16: 11 significant bits, at most 65504 */
};
extern const word_list precision_words;

typedef struct device {
    device_info info;
    enum precision precision; /* `real` of kernels/common.cl; device_set_precision */
    cl_context context;
    cl_command_queue queue;   /* in order */
    int vec;                  /* floats a work-item handles at once: -DVEC of every program */
    bool tensor_cores_tested; /* and found right: ops/tensor_gemm.h */
    struct program_table *programs;
    struct profile *profile; /* NULL: no times are kept; profile.h */
} device;

/* Devices may be listed, opened and closed by several threads at once; one that is open is used by
 * one at a time.
 *
 * Every device of every platform. No platform at all is an empty list, not an error. */
status device_list_all(device_list *list, error *err);
void device_list_free(device_list *list);

/* The index in list that `spec` names, of several for `place` 0 the first, for 1 the second and so
 * on, and then anew: "gpu", "cpu", "accelerator", "P:D", or a case-insensitive
 * part of a device's or platform's name; NULL or "" means the first GPU, else the first CPU, else
 * the first device. No match is STATUS_USAGE, with the list and what to install in the message. */
status device_choose(const device_list *list, const char *spec, int place, int *index, error *err);
/* The index of the one that HCNN_DEVICE in the environment names, which messages then name. */
status device_choose_own(const device_list *list, int *index, error *err);

/* "gpu", "cpu" or "accelerator". */
const char *device_type_name(cl_device_type type);

/* Opens the device that `spec` names, as device_choose's. Of several processes of one machine each
 * opens one: process `place`, from 0. spec may be a list with commas between, whose entries they
 * take in turn; a spec that fits several devices gives those in turn. */
status device_open_place(const char *spec, int place, device **opened, error *err);
/* The same as HCNN_DEVICE says; for one process alone. */
status device_open_own(int place, device **opened, error *err);
status device_open(device **opened, error *err);
/* Opens this one. */
status device_open_info(const device_info *info, device **opened, error *err);
/* Waits for the queue and releases all. NULL is fine. */
void device_close(device *dev);

/* A device starts with fp32. Before the first kernel runs, since programs are built for one
 * precision. */
void device_set_precision(device *dev, enum precision precision);
/* Bytes of one stored element of an activation. */
size_t device_real_bytes(const device *dev);

/* Waits until the queue is empty. */
status device_finish(device *dev, error *err);

/* Work-items for a row of `length` floats: vectors of dev->vec, the last one perhaps a part. */
size_t device_vectors(const device *dev, size_t length);

/* The name of an OpenCL error code, "CL_OUT_OF_RESOURCES". */
const char *device_error_name(cl_int code);
/* The status of an OpenCL call: "CL_OUT_OF_RESOURCES while WHAT on DEVICE" if it failed. */
status device_check(const device *dev, error *err, cl_int code, const char *what);
