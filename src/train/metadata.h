/* SPDX-License-Identifier: Apache-2.0 */
/* What a checkpoint says of itself beside its tensors: pieces of JSON in the safetensors metadata.
 * Numbers with a fraction are C's hexadecimal floats, which lose nothing. */
#ifndef HCNN_TRAIN_METADATA_H
#define HCNN_TRAIN_METADATA_H

#include "base/safetensors.h"
#include "train/checkpoint.h"

/* optimizer_file: the name of the file with the optimizer's state beside this one, or NULL. A class
 * name that is not UTF-8 is STATUS_FAILED. */
status metadata_write(safetensors_writer *writer, const network_options *options,
                      const hierarchy *classes, const training_state *state,
                      const char *optimizer_file, error *err);

/* Nothing is guessed: a key that is missing or holds what metadata_write never puts there is
 * STATUS_FAILED, naming file, piece and key. Only the pieces of run_terms and loss_scale may be
 * missing. After a
 * failure info holds what was read so far, for checkpoint_free_info. */
status metadata_read(const char *path, const safetensors_file *file, checkpoint_info *info,
                     error *err);

#endif
