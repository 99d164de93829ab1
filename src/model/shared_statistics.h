/* SPDX-License-Identifier: Apache-2.0 */
/* Batch normalisation over a batch that several ranks share, like torch.nn.SyncBatchNorm: between
 * the stages of ops/batchnorm.h, the ranks exchange their sums. */
#pragma once

#include "model/network_options.h"
#include "ops/batchnorm.h"

typedef struct shared_statistics shared_statistics;

/* Allocates host memory for normalisations of at most `channels` channels. gather must outlive the
 * object. */
status shared_statistics_create(const statistics_gather *gather, int channels,
                                shared_statistics **created, error *err);
void shared_statistics_free(shared_statistics *s); /* NULL is allowed */

/* Bytes of device memory that the functions below need as workspace. */
size_t shared_statistics_workspace(const statistics_gather *gather, int channels);

/* Forward pass: replaces the sums of this rank's x by those of all ranks. They are stored in the
 * workspace, where the rank's own sums may be as well. x.n may differ between ranks. The result is
 * bit-identical on all ranks if their devices are alike. It blocks for one exchange of 2 c + 1
 * floats per rank. More than 2^31 - 1 pixels in all ranks are STATUS_FAILED. */
status shared_statistics_sums(shared_statistics *s, device *dev, tensor x, cl_mem workspace,
                              batchnorm_sums *sums, error *err);
/* Backward pass: the same for the sums that batchnorm_gradient_sums, with `whole` false, has stored
 * in the workspace. gradients->x then receives the gradient of the loss of all ranks; the gradients
 * of gamma and beta remain this rank's part. */
status shared_statistics_means(shared_statistics *s, device *dev, tensor x,
                               const batchnorm_layer *layer, cl_mem workspace, error *err);
