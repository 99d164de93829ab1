/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of operations on a device: each runs an operation on a small odd shape, in the
 * device's precision, and compares the results with sums in double precision on the host. */
#pragma once

#include "model/graph.h"
#include "ops/tensor.h"

/* How far results are from those of the reference. */
typedef struct deviation {
    double error; /* the largest |got - want| of a result, over the largest |want| of it; NaN if it
                     has a NaN, which is also what an element is that was not written */
    double bound; /* error must not exceed it */
} deviation;

/* Before the first result; not within its bound. */
extern const deviation deviation_none;
/* Adds a result of `count` elements. *found keeps the result whose error is the largest multiple of
 * its bound. If all that is expected is 0, any difference is an infinite error. */
void deviation_add(deviation *found, const float *got, const double *want, size_t count,
                   double bound);
bool deviation_within(const deviation *found);

/* An input or a result of the operation, on the host and on the device. */
typedef struct operand {
    tensor t; /* parameters are {1, 1, 1, count}, and floats in every precision */
    bool activation;
    size_t count;
    float *values; /* before the operation */
    double *want;  /* after it; equal to `values` until the check sets it */
} operand;

/* A check while it runs. It owns the operands. */
enum { CHECK_OPERANDS = 32 };
typedef struct check_run {
    device *dev;
    deviation *found;
    operand operands[CHECK_OPERANDS];
    int count;
} check_run;

/* Random values are uniform between the two; UNWRITTEN is all NaN. */
typedef struct value_range {
    double low, high;
} value_range;
extern const value_range UNWRITTEN;

/* Add an operand: an activation, whose values are rounded to the device's precision, or `count`
 * floats. */
status check_activation(check_run *r, tensor shape, value_range range, const operand **made,
                        error *err);
status check_floats(check_run *r, size_t count, value_range range, const operand **made,
                    error *err);
/* The same for weights of a product, which the device's unit does not round any further. */
status check_factors(check_run *r, size_t count, value_range range, const operand **made,
                     error *err);
/* The same with given floats. */
status check_known(check_run *r, size_t count, const double *values, const operand **made,
                   error *err);
/* A buffer of these bytes, or of NaNs if `bytes` is NULL: labels, workspaces. */
status check_bytes(check_run *r, const void *bytes, size_t size, cl_mem *buffer, error *err);
/* Adds the operand's result to r->found. The bound is `roundings` roundings to single precision,
 * relative to the largest value; storing the result adds one to the device's precision. If
 * `roundings` is 0 the result must be exact. */
status check_result(check_run *r, const operand *o, double roundings, error *err);
/* Releases the operands. */
void check_release(check_run *r);

typedef status check_body(check_run *r, error *err);

/* What a program runs on a network's batches and weights, which its options do not say. */
typedef struct network_uses {
    bool mixes; /* mixup or cutmix */
    bool clips; /* gradient clipping */
    bool steps; /* the optimizer's own kernels: not if the backward pass takes the steps */
} network_uses;

typedef bool check_condition(const graph *g, const network_options *o, network_uses uses);

typedef struct operation_check {
    const char *name; /* the kernel file's name, then the part: "add", "batchnorm_backward" */
    check_body *run;
    int kind;              /* the kind of node that runs it, or CHECK_EVERY_NETWORK */
    bool training;         /* only a network in training runs it */
    check_condition *also; /* what else it takes; NULL: nothing */
} operation_check;
enum { CHECK_EVERY_NETWORK = -1 };

extern const operation_check operation_checks[]; /* a NULL name ends it */

/* Runs the check in milliseconds, not counting the compilation of kernels. *found is set if the
 * status is STATUS_OK. */
status operation_check_run(const operation_check *c, device *dev, deviation *found, error *err);
/* Whether a program that uses a network of this finished graph, with these options, runs the
 * operation. */
bool operation_check_needed(const operation_check *c, const graph *g, const network_options *o,
                            network_uses uses);
