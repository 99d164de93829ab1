/* SPDX-License-Identifier: Apache-2.0 */
/* Batch normalisation over a batch that several ranks share, as torch.nn.SyncBatchNorm: between the
 * stages of ops/batchnorm.h each rank's sums go to all others. */
#pragma once

#include "model/network_options.h"
#include "ops/batchnorm.h"

typedef struct shared_statistics shared_statistics;

/* With host memory for normalisations of at most that many channels. gather must outlive it. */
status shared_statistics_create(const statistics_gather *gather, int channels,
                                shared_statistics **created, error *err);
void shared_statistics_free(shared_statistics *s); /* NULL is fine */

/* Bytes of device memory that the calls below take for their workspace. */
size_t shared_statistics_workspace(const statistics_gather *gather, int channels);

/* Forward: sums of the rank's x, which may differ in n, become those of all ranks, in the
 * workspace; they may have been there before. The same bits on each rank where the devices are
 * alike. Blocks for one exchange of 2 c + 1 floats a rank. More than 2^31 - 1 pixels in all ranks
 * are STATUS_FAILED. */
status shared_statistics_sums(shared_statistics *s, device *dev, tensor x, cl_mem workspace,
                              batchnorm_sums *sums, error *err);
/* Backward: the same for what batchnorm_gradient_sums, not `whole`, left in the workspace. What
 * gradients->x then gets is the gradient of the loss of all ranks; gamma's and beta's stay the
 * rank's own summands. */
status shared_statistics_means(shared_statistics *s, device *dev, tensor x,
                               const batchnorm_layer *layer, cl_mem workspace, error *err);
