/* SPDX-License-Identifier: Apache-2.0 */
/* Launches kernels/mix.cl; see mix.h. */
#include "ops/mix.h"
#include "device/kernel.h"

static status mixup(device *dev, tensor y, float partner_share, error *err)
{
    size_t size = (size_t)y.h * (size_t)y.w * (size_t)y.c;
    size_t vectors = device_vectors(dev, size);
    return LAUNCH(dev, "mix", "mixup", range_1d(vectors * (size_t)(y.n / 2)), err,
                  ARG_BUFFER(y.buffer), ARG_INT(y.n), ARG_UINT(size), ARG_FLOAT(partner_share));
}

static status cutmix(device *dev, tensor y, const batch_mix *m, error *err)
{
    size_t box = (size_t)(m->right - m->left) * (size_t)(m->bottom - m->top) * (size_t)y.c;
    return LAUNCH(dev, "mix", "cutmix", range_1d(box * (size_t)(y.n / 2)), err,
                  ARG_BUFFER(y.buffer), ARG_INT(y.n), ARG_INT(y.h), ARG_INT(y.w), ARG_INT(m->left),
                  ARG_INT(m->top), ARG_INT(m->right), ARG_INT(m->bottom));
}

status mix_forward(device *dev, tensor y, const batch_mix *mix, error *err)
{
    if (mix->partner_share == 0)
        return STATUS_OK;
    return mix->right == 0 ? mixup(dev, y, mix->partner_share, err) : cutmix(dev, y, mix, err);
}
