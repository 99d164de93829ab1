/* SPDX-License-Identifier: Apache-2.0 */
/* The choice of a precision; see precision_choice.h. */
#include "ops/precision_choice.h"
#include "base/environment.h"
#include "device/matrix_unit.h"
#include "ops/tensor_gemm.h"

#include <stdio.h>

/* fp32, unless it was given, is only the default, which HCNN_TF32 overrides. */
static status take_tf32(precision_request asked, enum precision *chosen, char note[PRECISION_NOTE],
                        error *err)
{
    bool contradicts = asked.precision != PRECISION_FP32 || asked.given;
    if (asked.precision != PRECISION_TF32 && contradicts)
        return error_set(err, STATUS_USAGE,
                         "HCNN_TF32=1 means --precision tf32, but --precision %s is given; unset "
                         "HCNN_TF32",
                         word_list_at(&precision_choice_words, asked.precision));
    *chosen = PRECISION_TF32;
    snprintf(note, PRECISION_NOTE,
             "HCNN_TF32=1 is the old name of --precision tf32; use that instead, because the next "
             "release will not know HCNN_TF32");
    return STATUS_OK;
}

static void take_best(const device *dev, enum precision *chosen, char note[PRECISION_NOTE])
{
    *chosen = matrix_unit_best_precision(dev);
    snprintf(note, PRECISION_NOTE, "--precision auto: %s, by the %s of %s",
             word_list_at(&precision_words, *chosen), matrix_unit_for(dev, *chosen)->name,
             dev->info.name);
}

status precision_choose(const device *dev, precision_request asked, enum precision *chosen,
                        char note[PRECISION_NOTE], error *err)
{
    bool tf32;
    note[0] = '\0';
    *chosen = asked.precision;
    TRY(environment_flag("HCNN_TF32", false, &tf32, err));
    if (tf32)
        return take_tf32(asked, chosen, note, err);
    if (asked.precision == PRECISION_AUTO)
        take_best(dev, chosen, note);
    return STATUS_OK;
}

status precision_set(device *dev, enum precision chosen, error *err)
{
    if (chosen == PRECISION_TF32)
        TRY(tensor_gemm_check(dev, err));
    device_set_precision(dev, chosen);
    return STATUS_OK;
}
