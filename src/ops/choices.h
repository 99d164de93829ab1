/* SPDX-License-Identifier: Apache-2.0 */
/* What `hcnn-cl tune` measured on a device, remembered on disk: the fastest algorithm of each
 * convolution, and CLBlast's parameters. convolver.c and gemm.c apply them; this file does not know
 * how.
 *
 * The file (device/device_file.h) is tune-HASH.json. There is one for each precision, because their
 * times have little in common. Besides what all such files have, it holds:
 *
 *   {...
 *    "gemm": {"parameters": name of a set in gemm.c, "seconds": S},      (only if it was searched)
 *    "convolutions": [{"direction": "forward" | "data" | "weights",
 *                      "cin", "cout", "kernel", "stride", "pad", "n", "h", "w": of the input,
 *                      "algorithm": its name, "tile": name of its tile, absent for the default,
 *                      "seconds": of one call}, ...]} */
#pragma once

#include "ops/convolution.h"

typedef struct choice {
    enum convolution_direction direction;
    convolution_shape shape;
    int n, h, w; /* of x */
    convolution_choice by;
    double seconds;
    bool measured; /* by this process; takes precedence over the file */
} choice;

typedef struct choices choices;

/* Reads the choices from the device's file, for the device's current precision. Without a usable
 * file there are none, which is not an error. dev must outlive the choices. */
status choices_open(const device *dev, choices **opened, error *err);
void choices_close(choices *known); /* known may be NULL */
/* Writes all choices to the file, together with those that other processes have written since it
 * was read. */
status choices_save(choices *known, error *err);
/* The path of the file; NULL if there is no cache directory. */
const char *choices_path(const choices *known);

/* The entry for a call; NULL if there is none. It is not certain that its choice supports the call.
 * Valid until the next choices_put. */
const choice *choices_find(const choices *known, const convolution_call *call);
/* Sets the entry for a call, as measured by this process; choices_save writes it. */
status choices_put(choices *known, const convolution_call *call, convolution_choice by,
                   double seconds, error *err);

/* The name of CLBlast's parameter set (gemm.h); NULL if none is remembered. At most 31 characters
 * are stored. */
const char *choices_gemm(const choices *known);
void choices_put_gemm(choices *known, const char *name, double seconds);

/* Whether two calls have the same entry. */
bool choices_same_call(const convolution_call *a, const convolution_call *b);
