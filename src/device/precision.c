/* SPDX-License-Identifier: Apache-2.0 */
/* The properties of the precisions; see precision.h. */
#include "device/precision.h"

const word_list precision_words = WORD_LIST("fp32", "tf32", "bf16", "fp16");
const word_list precision_choice_words = WORD_LIST("fp32", "tf32", "bf16", "fp16", "auto");

bool precision_is_small(enum precision p)
{
    return p == PRECISION_BF16 || p == PRECISION_FP16;
}

bool precision_scales_loss(enum precision p)
{
    return p == PRECISION_FP16;
}

double precision_rounding(enum precision p)
{
    return p == PRECISION_BF16 ? 0x1p-8 : p == PRECISION_FP16 ? 0x1p-11 : 0;
}
