/* SPDX-License-Identifier: Apache-2.0 */
/* The precision in which a program computes: what its user asked for, on the device that it has. */
#pragma once

#include "device/device.h"

/* A precision that was asked for; `given` if it is not the default of an option that was left out.
 */
typedef struct precision_request {
    enum precision precision; /* may be PRECISION_AUTO */
    bool given;
} precision_request;

enum { PRECISION_NOTE = 512 };

/* Chooses the precision: the one that was asked for or, for PRECISION_AUTO, that of the device's
 * fastest matrix unit. HCNN_TF32=1 in the environment is an old way to ask for tf32. `note`
 * receives a sentence for the user, or "" if there is nothing to say. STATUS_USAGE if HCNN_TF32 is
 * neither 0 nor 1, or asks for another precision than the request. */
status precision_choose(const device *dev, precision_request asked, enum precision *chosen,
                        char note[PRECISION_NOTE], error *err);
/* Sets the device's precision. STATUS_USAGE if it is tf32 and the device has no unit for that,
 * which would make it the same as fp32. */
status precision_set(device *dev, enum precision chosen, error *err);
