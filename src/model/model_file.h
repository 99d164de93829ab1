/* SPDX-License-Identifier: Apache-2.0 */
/* Model files: a network with all that is needed to use it. A model file is a safetensors file with
 * the weights under the original's names and, in its metadata, pieces of JSON: the network's
 * options ("hcnn.network") and the classes ("hcnn.classes"). `import` writes one. A run's
 * checkpoint is a model file that also contains a training state (train/checkpoint.h), which
 * nothing here knows. */
#pragma once

#include "base/fields.h"
#include "base/tensor_file.h"
#include "data/hierarchy.h"
#include "model/network.h"

/* An open model file; the checksum of the whole file is verified. */
typedef struct model_file {
    char *path;
    tensor_file *tensors;
    network_options options; /* batch_size 1, training false, pixel_capacity 0 */
    hierarchy classes;
    char *freeze; /* owned; options.freeze points to it */
} model_file;

/* Opens a file and reads its options and classes. STATUS_FAILED if the file is damaged, is not a
 * model file, or contains values that hcnn-cl never writes; nothing is guessed. The caller closes
 * the file; after an error it is closed already. */
status model_file_open(const char *path, model_file *m, error *err);
void model_file_close(model_file *m); /* all zeros is allowed */

/* Sets all parameters of a network that was created from the file's options. */
status model_file_load(const model_file *m, network *net, error *err);

/* Another piece of the metadata: whether the file has it, and its JSON, which the caller releases
 * with json_decref. STATUS_FAILED if it is missing or not a JSON object. */
bool model_file_has(const model_file *m, const char *piece);
status model_file_piece(const model_file *m, const char *piece, json_t **object, error *err);

/* Writes the metadata of a network of these options and classes; call it before the first tensor.
 * STATUS_FAILED if a class name is not UTF-8. */
status model_file_describe(tensor_writer *writer, const network_options *options,
                           const hierarchy *classes, error *err);
/* Writes another piece of the metadata and takes over `object`. Returns STATUS_FAILED if `object`
 * is NULL because it could not be created. */
status model_file_put(tensor_writer *writer, const char *piece, json_t *object, error *err);
