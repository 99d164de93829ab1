/* SPDX-License-Identifier: Apache-2.0 */
/* What a device computes with. A precision says how activations and their gradients are stored, and
 * to what the factors of a product may be rounded. Sums, statistics, losses, master weights and the
 * optimizer are fp32 in every precision. */
#pragma once

#include "base/word_list.h"

#include <stdbool.h>

enum precision {
    PRECISION_FP32,
    PRECISION_TF32, /* stored as floats; factors are rounded to 11 significant bits */
    PRECISION_BF16, /* the upper half of a float: 8 significant bits, the range of a float */
    PRECISION_FP16, /* IEEE 754 binary16: 11 significant bits, at most 65504 */
    PRECISION_AUTO, /* what the device is best at: something to ask for, never a device's precision
                     */
};
extern const word_list precision_words;        /* without auto */
extern const word_list precision_choice_words; /* with it */

/* Whether activations take two bytes instead of four. */
bool precision_is_small(enum precision p);
/* Whether gradients may leave the range of the stored type, so that the loss is scaled and a step
 * may be skipped. All gradients are then kept until the step. */
bool precision_scales_loss(enum precision p);
/* The largest relative error of a stored activation, if it is neither subnormal nor too large; 0 if
 * floats are stored. */
double precision_rounding(enum precision p);
