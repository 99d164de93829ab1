/* SPDX-License-Identifier: Apache-2.0 */
/* Mixup (Zhang et al., "mixup: beyond empirical risk minimization", 2018) and cutmix (Yun et al.,
 * "CutMix: regularization strategy to train strong classifiers with localizable features", 2019),
 * applied to a batch that is already the network's input. kernels/mix.cl. */
#pragma once

#include "base/pixels.h"
#include "ops/tensor.h"

/* Mixes y[n][h][w][3] in place: image i with the original image n - 1 - i. The middle image of an
 * odd batch does not change. Mixup sets y[i] = (1 - partner_share) * y[i] + partner_share * y[n - 1
 * - i]. Cutmix copies the box, which is inside the image, from the partner. If partner_share is 0
 * nothing is done. */
status mix_forward(device *dev, tensor y, const batch_mix *mix, error *err);
