/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the tests of operations: a device for the group of tests, tensors of random numbers,
 * and comparisons with a reference in double precision. Any error in here fails the running
 * test. */
#pragma once

#include "model/network_options.h"
#include "ops/tensor.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

/* Setup and teardown of a group of tests: *state is the device that HCNN_DEVICE names. */
int support_open_device(void **state);
int support_close_device(void **state);
/* Setups of a single test that runs in another precision than fp32. */
int support_open_tf32_device(void **state);
int support_open_bf16_device(void **state);
int support_open_fp16_device(void **state);
#define support_bf16_test(test)                                                                    \
    {                                                                                              \
#test "_bf16", test, support_open_bf16_device, support_close_device, NULL                  \
    }
#define support_fp16_test(test)                                                                    \
    {                                                                                              \
#test "_fp16", test, support_open_fp16_device, support_close_device, NULL                  \
    }
/* The test in each precision whose activations take two bytes. */
#define support_small_tests(test) support_bf16_test(test), support_fp16_test(test)

/* Opens the same device again, with a context and a queue of its own, in the same precision. */
device *support_open_another(const device *dev);

/* Measures the device memory, in bytes, that a network with these options needs, and the largest
 * batch that the device has memory for with the other options unchanged. */
void support_measure(device *dev, const network_options *options, uint64_t *bytes, int *largest);

/* Zeroed memory; the caller frees it. */
void *support_memory(size_t count, size_t size);

/* Random numbers, uniform in [low, high): a function of seed and position. */
void support_fill(float *values, size_t count, uint64_t seed, double low, double high);
/* The same in new memory; the caller frees it. */
float *support_random(size_t count, uint64_t seed, double low, double high);
/* The same, rounded to values that the device's activations can represent. */
float *support_activations(const device *dev, size_t count, uint64_t seed, double low, double high);
/* Rounding error of a stored activation: the relative one, which is 2^-8 in bf16 and 2^-11 in fp16,
 * and the absolute one below the normal numbers of a half. Both are 0 in fp32, where storing does
 * not round. */
double support_rounding(const device *dev);
double support_smallest(const device *dev);
/* A random integer in [low, high]; `draw` is the number of the draw for this seed. */
int support_pick(uint64_t seed, uint64_t draw, int low, int high);
/* With HCNN_TEST_ONLY=PATTERN in the environment, a program runs only the tests whose names match;
 * the pattern may contain * and ?. */

/* The number of shapes that a test draws: `all` of them, or at most HCNN_TEST_CASES. A simulator is
 * too slow for more; the first shapes are the odd and the small ones. */
int support_cases(int all);
/* Whether HCNN_TEST_CASES asks for fewer shapes than `all`. */
bool support_is_short(int all);
/* The i-th of support_cases(all) shapes in a table of `all`: every one of them or, since a table
 * begins with tiny shapes, some that are spread over it. */
int support_case(int i, int all);
/* The values as doubles, in new memory. */
double *support_widen(const float *values, size_t count);

/* A tensor with these values, or with NaNs if `values` is NULL: an element that a kernel does not
 * write is then noticed. */
tensor support_tensor(device *dev, int n, int h, int w, int c, const float *values);
/* Reads a tensor's values into new memory. */
float *support_read(device *dev, tensor t);
/* The same for a buffer of `count` floats. */
cl_mem support_buffer(device *dev, size_t count, const float *values);
float *support_read_buffer(device *dev, cl_mem buffer, size_t count);

/* Terms for a gradient, by index: store it, add it, a step of descent, two random factors, and a
 * random alpha with a beta of 0. */
enum { SUPPORT_TERMS = 5 };
gradient_terms support_terms(uint64_t seed, int index);

/* The destination of a gradient: random floats, or NaNs if beta is 0. */
typedef struct support_target {
    cl_mem buffer;
    gradient_terms terms;
    double *want; /* [count] */
    size_t count;
} support_target;

support_target support_target_open(device *dev, size_t count, uint64_t seed, gradient_terms terms,
                                   const double *gradient);
/* Compares within the tolerances of the gradient itself, which alpha scales, and releases the
 * target. */
void support_target_close(device *dev, support_target *t, double relative, double absolute);

/* Fails and prints the error's message unless the call returned STATUS_OK. */
#define assert_ok(expression, err) support_assert_ok((expression), (err), __FILE__, __LINE__)
/* Fails unless |got - want| <= absolute + relative * |want| for every element, and prints the worst
 * one. A NaN in only one of the two is a difference. */
#define assert_close(got, want, count, relative, absolute)                                         \
    support_assert_close(#got, (got), (want), (count), (relative), (absolute), __FILE__, __LINE__)
#define assert_same_bits(a, b, count)                                                              \
    support_assert_same_bits(#a, (a), (b), (count), __FILE__, __LINE__)

void support_assert_ok(status result, const error *err, const char *file, int line);
void support_assert_close(const char *what, const float *got, const double *want, size_t count,
                          double relative, double absolute, const char *file, int line);
void support_assert_same_bits(const char *what, const float *a, const float *b, size_t count,
                              const char *file, int line);

/* The fixture of tests that write files: a new directory, and the path of a file in it that does
 * not exist yet. */
typedef struct support_files {
    char *directory, *path;
} support_files;

/* For a cmocka fixture: *state becomes a support_files, and its path ends in `name`. */
int support_files_set_up(void **state, const char *name);
/* Removes the directory and everything in it. */
int support_files_tear_down(void **state);
