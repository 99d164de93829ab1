/* SPDX-License-Identifier: Apache-2.0 */
/* Mixup (Zhang et al., "mixup: beyond empirical risk minimization", 2018) and cutmix (Yun et al.,
 * "CutMix: regularization strategy to train strong classifiers with localizable features", 2019) on
 * a batch that is already the network's input. kernels/mix.cl. */
#pragma once

#include "base/pixels.h"
#include "ops/tensor.h"

/* y[n][h][w][3], in place: image i is mixed with image n - 1 - i as it was before; the middle one
 * of an odd batch stays as it is. By mixup y[i] = (1 - partner_share) * y[i] + partner_share * y[n
 * - 1 - i]; by cutmix the box, which lies inside the image, is the partner's. A partner_share of 0
 * does nothing. */
status mix_forward(device *dev, tensor y, const batch_mix *mix, error *err);
