/* SPDX-License-Identifier: Apache-2.0 */
/* Model files: a network for whoever uses it. A safetensors file with the weights under the
 * original's names and, in its metadata, pieces of JSON: the network's options ("hcnn.network") and
 * the classes ("hcnn.classes"). `import` writes one; a run's checkpoint is one with a training
 * state beside them (train/checkpoint.h), which nothing here knows. */
#pragma once

#include "base/fields.h"
#include "base/tensor_file.h"
#include "data/hierarchy.h"
#include "model/network.h"

/* An open one, whose checksum over all of it has been verified. */
typedef struct model_file {
    char *path;
    tensor_file *tensors;
    network_options options; /* batch_size 1, training false, pixel_capacity 0 */
    hierarchy classes;
    char *freeze; /* options' */
} model_file;

/* STATUS_FAILED when the file is damaged, is not a model file, or says what is never written:
 * nothing is guessed. */
status model_file_open(const char *path, model_file *m, error *err);
void model_file_close(model_file *m); /* one of zeros is fine */

/* Sets all parameters of a network of its options. */
status model_file_load(const model_file *m, network *net, error *err);

/* Another piece of its metadata: *object is due json_decref. STATUS_FAILED when it is missing or is
 * not a JSON object. */
bool model_file_has(const model_file *m, const char *piece);
status model_file_piece(const model_file *m, const char *piece, json_t **object, error *err);

/* Writing: the metadata of a network of these options and classes, before the first tensor. A class
 * name that is not UTF-8 is STATUS_FAILED. */
status model_file_describe(tensor_writer *writer, const network_options *options,
                           const hierarchy *classes, error *err);
/* Another piece; takes over `object`, and reports one that is NULL. */
status model_file_put(tensor_writer *writer, const char *piece, json_t *object, error *err);
