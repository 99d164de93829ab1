/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenCL device: which one is used, what it can do, and its one in-order queue. Code above this
 * floor works on `struct device *` and never asks for a vendor. */
#pragma once

#include "base/error.h"
#include "device/precision.h"

#include <stdbool.h>
#include <stdint.h>

#ifndef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 120
#endif
#include <CL/cl.h>

/* What a device reports about itself. */
typedef struct device_info {
    int platform_index, device_index; /* as in HCNN_DEVICE=PLATFORM:DEVICE */
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
    size_t max_group_size;    /* work-items in a group */
    size_t max_item_sizes[3]; /* the same along each dimension */
    unsigned vector_width;    /* floats in the device's native vector, at least 1 */
    unsigned align_bytes;     /* alignment of a sub-buffer's offset */
    bool fp16;                /* cl_khr_fp16 */
    unsigned nv_capability;   /* NVIDIA's compute capability: 10 * major + minor; 0 for others */
    bool unified_memory;      /* shares its memory with the host, like an integrated GPU */
    bool available;           /* available, has a compiler, and has no fault */
    char fault[160];          /* which question the driver failed to answer; "" if none */
    /* What the self-test found. FAILED: an operation that nothing can replace failed in fp32. */
    enum device_tested { DEVICE_UNTESTED, DEVICE_PASSED, DEVICE_FAILED } tested;
    int failed_checks;
    char tested_at[24]; /* date and time in UTC, "2026-11-29 20:15:03"; "" if untested */
} device_info;

typedef struct device_list {
    device_info *devices; /* ordered by platform, then by device; owned */
    int count;
    int platform_count;
    bool pocl_is_empty; /* PoCL is installed but offers no device */
} device_list;

/* Seconds; see --device-timeout. */
#define DEVICE_TIMEOUT 600.0

typedef struct device {
    device_info info;
    enum precision precision;       /* the type `real` in kernels; see device_set_precision */
    const struct matrix_unit *unit; /* what multiplies in that precision */
    cl_context context;
    cl_command_queue queue; /* in order */
    int number;             /* among the open devices, if their driver confuses them; else 0 */
    int vec;                /* floats that a work-item handles at once: VEC in every program */
    double timeout;         /* seconds without progress after which it is stuck; 0: never */
    double most_queued;     /* seconds of work, about, that are queued at most; see flight.h */
    bool busy;              /* something was enqueued since the queue was last seen empty */
    double looked;          /* time of the last look in a wait; see wait.c */
    bool stuck;             /* it has stopped answering; see wait.h */
    char lost[96];          /* why nothing can be waited for, if that made it stuck; else "" */
    struct flight *flight;  /* the kernels that may not have finished */
    struct program_table *programs;
    struct profile *profile;   /* NULL: profiling is off; see profile.h */
    struct verdicts *verdicts; /* of the self-test, for verdicts.h; NULL: it has not run */
} device;

/* Several threads may list, open and close devices at the same time. An open device may be used by
 * one thread at a time.
 *
 * Lists every device of every platform, available or not; device_list_free frees the list. If there
 * is no platform the list is empty, which is not an error. HCNN_AS_GPU must be unset, empty, 0 or
 * 1. */
status device_list_all(device_list *list, error *err);
void device_list_free(device_list *list);

/* Reads what the self-test found into info; device_list_all calls it. */
status device_read_test(device_info *info, error *err);

/* The position of a device among those of the list, from 0, the best first: GPUs, CPUs,
 * accelerators, GPUs that are simulated on the processor, devices that failed the self-test, and
 * those that are not available. Among the GPUs, and among the devices of each later kind, those
 * with memory of their own come first, then those with more compute units and a higher clock. Of
 * equal devices, and of the drivers of a CPU, those that have passed the self-test come first. */
int device_rank(const device_list *list, int index);

/* Finds the index in `list` of the device that `spec` names: "gpu", "cpu", "accelerator", "P:D"
 * (platform and device index), or a part of a device's or platform's name, in upper or lower case.
 * NULL or "" means any device. If several devices match, place 0 takes the best, place 1 the next,
 * and so on in turn; see pick in device_choice.c. If no device matches, the result is STATUS_USAGE
 * and the message lists the devices; if there is none at all, it says what to install, or why PoCL
 * has none. A matching device that is not available is STATUS_USAGE too. */
status device_choose(const device_list *list, const char *spec, int place, int *index, error *err);
/* The same for the device that the environment variable HCNN_DEVICE names. If it is set, error
 * messages name it. */
status device_choose_own(const device_list *list, int *index, error *err);

/* The single kind that a device counts as: GPU, accelerator or CPU. OpenCL's type is a bit field,
 * and a simulator may report all bits; it then counts as a GPU. With HCNN_AS_GPU=1 in the
 * environment every device counts as a GPU, so that tests can run a GPU's kernels and choices on a
 * CPU. */
cl_device_type device_kind(cl_device_type reported);
/* Returns "gpu", "cpu" or "accelerator". */
const char *device_type_name(cl_device_type type);

/* Opens the device that `spec` names (see device_choose) for process number `place`, from 0, of the
 * processes on this machine. spec may be a list separated by commas, whose entries the processes
 * take in turn; if an entry matches several devices, these are taken in turn too. *opened is closed
 * by device_close; on failure it is NULL. */
status device_open_place(const char *spec, int place, device **opened, error *err);
/* The same, with the spec in HCNN_DEVICE. device_open opens the device for place 0, for a process
 * alone on its machine. */
status device_open_own(int place, device **opened, error *err);
status device_open(device **opened, error *err);
/* Opens the device that `info` describes. */
status device_open_info(const device_info *info, device **opened, error *err);
/* Waits for the queue and releases everything; dev may be NULL. Nothing of a stuck device is
 * released, because its driver may still use it, or wait for it. */
void device_close(device *dev);

/* Whether the device has stopped answering; false if dev is NULL. What it was given, such as the
 * memory of a copy that has not ended, must then stay as it is until the process ends. */
bool device_is_stuck(const device *dev);
/* Waits for the queue. False if the device is stuck, so that what it was given must stay; true if
 * dev is NULL. */
bool device_settled(device *dev);
/* Sets the seconds without progress after which the device counts as stuck (see wait.h); 0: never.
 * A new device has DEVICE_TIMEOUT. */
void device_set_timeout(device *dev, double seconds);

/* Sets the precision; a new device has fp32. Call it before the first kernel runs, because programs
 * are built for one precision. */
void device_set_precision(device *dev, enum precision precision);
/* Bytes of one stored element of an activation: 2 or 4. */
size_t device_real_bytes(const device *dev);

/* A lock of the whole process, which listing, opening and closing devices take. It is for calls
 * into a library that initialises itself the first time and does not protect that. Do not call the
 * functions above while you have it. */
void device_lock(void);
void device_unlock(void);

/* Waits until the queue is empty. While it waits it sleeps (see wait.h). */
status device_finish(device *dev, error *err);
/* The same for measurements of time: notices the end at once, but may keep a processor core busy.
 */
status device_finish_promptly(device *dev, error *err);

/* The number of work-items for a row of `length` floats, with dev->vec floats each; the last may
 * have fewer. */
size_t device_vectors(const device *dev, size_t length);

/* The name of an OpenCL error code, such as "CL_OUT_OF_RESOURCES"; "unknown OpenCL error" for
 * others. */
const char *device_error_name(cl_int code);
/* Turns the result code of an OpenCL call into a status. An error reads "CL_OUT_OF_RESOURCES (-5)
 * while WHAT on DEVICE". */
status device_check(const device *dev, error *err, cl_int code, const char *what);
