/* SPDX-License-Identifier: Apache-2.0 */
/* What `hcnn-cl tune` measured on a device, remembered on disk: the fastest algorithm of each
 * convolution, and CLBlast's parameters. What to do with them is convolver.c's and gemm.c's.
 *
 * The file is $XDG_CACHE_HOME/hcnn-cl/tune-HASH.json, HASH of the device, its driver, the precision
 * and whether TF32 is on, since what is fastest depends on all four:
 *
 *   {"format": 1,
 *    "made_for": {"platform", "device", "version", "driver": texts as OpenCL reports them,
 *                 "units": compute units, "program": hcnn-cl's version,
 *                 "kernels": hash of kernels/, so that faster ones are measured again},
 *    "gemm": {"parameters": name of a set in gemm.c, "seconds": S},      (only when searched)
 *    "convolutions": [{"direction": "forward" | "data" | "weights",
 *                      "cin", "cout", "kernel", "stride", "pad", "n", "h", "w": the input's,
 *                      "algorithm": its name, "tile": its tile's, without it the default's,
 *                      "seconds": of one call}, ...]}
 *
 * A file that is missing, damaged or made for something else is as good as none. */
#pragma once

#include "ops/convolution.h"

typedef struct choice {
    enum convolution_direction direction;
    convolution_shape shape;
    int n, h, w; /* of x */
    convolution_choice by;
    double seconds;
    bool measured; /* by this process: it wins over what others wrote */
} choice;

typedef struct choices choices;

/* What the file of the device, with the precision that it has now, says. */
status choices_open(const device *dev, bool tf32, choices **opened, error *err);
void choices_close(choices *known); /* NULL is fine */
/* Writes all that is known, and what other processes have written meanwhile. */
status choices_save(choices *known, error *err);
/* The file; NULL where there is no place for a cache. */
const char *choices_path(const choices *known);

/* The entry for a call, NULL when there is none. It may be a choice that does not support the
 * call. Valid until the next choices_put. */
const choice *choices_find(const choices *known, const convolution_call *call);
status choices_put(choices *known, const convolution_call *call, convolution_choice by,
                   double seconds, error *err);

/* The name of CLBlast's parameter set, NULL when none is remembered; gemm.h. */
const char *choices_gemm(const choices *known);
void choices_put_gemm(choices *known, const char *name, double seconds);

/* Whether two calls share an entry. */
bool choices_same_call(const convolution_call *a, const convolution_call *b);
