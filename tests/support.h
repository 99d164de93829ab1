/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of operations share: a device for the group, tensors from random numbers, and
 * comparing with a reference that was computed in double precision. Everything here fails the
 * running test when something goes wrong. */
#pragma once

#include "model/network_options.h"
#include "ops/tensor.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

/* Setup and teardown of a group: *state is the device that HCNN_DEVICE names. */
int support_open_device(void **state);
int support_close_device(void **state);
/* The same for one test, in a precision of its own. */
int support_open_half_device(void **state);
#define support_half_test(test)                                                                    \
    {                                                                                              \
#test "_fp16", test, support_open_half_device, support_close_device, NULL                  \
    }

/* The same device once more, with a context and a queue of its own, in the same precision. */
device *support_open_another(const device *dev);

/* The memory that a network of the options takes, and the largest batch that the device could take
 * with the other options unchanged. */
void support_measure(device *dev, const network_options *options, uint64_t *bytes, int *largest);

/* Zeroed memory, freed by the caller. */
void *support_memory(size_t count, size_t size);

/* Uniform in [low, high), a function of seed and position. */
void support_fill(float *values, size_t count, uint64_t seed, double low, double high);
/* New memory with such numbers. */
float *support_random(size_t count, uint64_t seed, double low, double high);
/* New memory with such numbers, rounded to what the device's activations can hold. */
float *support_activations(const device *dev, size_t count, uint64_t seed, double low, double high);
/* What storing rounds an activation by, relative: 0 in fp32, where it is part of the arithmetic,
 * else 2^-11; and, below half's normal numbers, absolute. */
double support_rounding(const device *dev);
double support_smallest(const device *dev);
/* An integer in [low, high]; `draw` tells the draws of one seed apart. */
int support_pick(uint64_t seed, uint64_t draw, int low, int high);
/* The same values as doubles, in new memory. */
double *support_widen(const float *values, size_t count);

/* A tensor that holds values or, where they are NULL, NaNs: what a kernel leaves out is noticed. */
tensor support_tensor(device *dev, int n, int h, int w, int c, const float *values);
/* The values of a tensor in new memory. */
float *support_read(device *dev, tensor t);
/* `count` floats, or NaNs. */
cl_mem support_buffer(device *dev, size_t count, const float *values);
float *support_read_buffer(device *dev, cl_mem buffer, size_t count);

/* Terms to run a gradient by: to store it, to add it, a step of descent, and two that are drawn,
 * the second with a beta of 0. */
enum { SUPPORT_TERMS = 5 };
gradient_terms support_terms(uint64_t seed, int index);

/* What a gradient goes into: random floats or, with a beta of 0, NaNs. */
typedef struct support_target {
    cl_mem buffer;
    gradient_terms terms;
    double *want; /* [count] */
    size_t count;
} support_target;

support_target support_target_open(device *dev, size_t count, uint64_t seed, gradient_terms terms,
                                   const double *gradient);
/* Compares within what a gradient may be off by, which alpha scales, and releases. */
void support_target_close(device *dev, support_target *t, double relative, double absolute);

/* Fails with the error's message unless the call returned STATUS_OK. */
#define assert_ok(expression, err) support_assert_ok((expression), (err), __FILE__, __LINE__)
/* |got - want| <= absolute + relative * |want| for every element; prints the worst one. A NaN on
 * one side only is a difference. */
#define assert_close(got, want, count, relative, absolute)                                         \
    support_assert_close(#got, (got), (want), (count), (relative), (absolute), __FILE__, __LINE__)
#define assert_same_bits(a, b, count)                                                              \
    support_assert_same_bits(#a, (a), (b), (count), __FILE__, __LINE__)

void support_assert_ok(status result, const error *err, const char *file, int line);
void support_assert_close(const char *what, const float *got, const double *want, size_t count,
                          double relative, double absolute, const char *file, int line);
void support_assert_same_bits(const char *what, const float *a, const float *b, size_t count,
                              const char *file, int line);

/* The fixture of tests that write files: a fresh directory, and the path of a file in it that is
 * not there yet. */
typedef struct support_files {
    char *directory, *path;
} support_files;

/* For a cmocka fixture: *state becomes a support_files whose path ends in `name`. */
int support_files_set_up(void **state, const char *name);
/* Removes the directory with all that is in it. */
int support_files_tear_down(void **state);
