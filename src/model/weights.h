/* SPDX-License-Identifier: Apache-2.0 */
/* Moves a network's parameters between the device and files: whole state dicts under the original's
 * names, or torchvision's names for the backbones alone. Written are safetensors files; read are
 * PyTorch's own, too. */
#pragma once

#include "base/tensor_file.h"
#include "model/network.h"

#include <stdbool.h>

/* What weights_load did. */
typedef struct weights_report {
    int loaded;     /* tensors of the file that set a parameter */
    int skipped;    /* those that set none */
    char *text;     /* a line "name: why" for every skipped tensor and every parameter that kept the
                       value it had; "" when there are none */
    bool whole;     /* every parameter was set */
    bool backbones; /* every weight and statistic of every backbone of the network was set */
    int frozen_kept; /* weights and statistics that were not set and cannot learn */
} weights_report;

/* Frees the text. */
void weights_report_free(weights_report *report);

/* Sets parameters from a file. A tensor "X" sets the parameter of that name or else both
 * coarse_backbone.X and fine_backbone.X, as far as they exist: torchvision's names, see
 * https://github.com/pytorch/vision, torchvision/models/resnet.py. Its classifier "fc", or BiT's
 * "head.fc", sets the fine one where nothing stands between backbone and classifier. "backbone.X",
 * of a shared trunk, is taken as X where the network has none. A leading "module." is ignored.
 * Weights may be F32, F16, BF16 or F64, num_batches_tracked is I64. A tensor of another shape or
 * type, or of a name that fits nothing, is skipped and reported.
 *
 * STATUS_FAILED when the file cannot be read, is not of its checksum (before any parameter is set)
 * or sets no weight and, with strict (for checkpoints),
 * when a tensor was skipped or a parameter not set; the message names the first ones. Parameters
 * may have been overwritten by then. Unless report is NULL it is filled in either case, and
 * weights_report_free is due. */
status weights_load(network *net, const char *path, bool strict, weights_report *report,
                    error *err);

/* The same of an open file that the caller has verified; messages call it `path`. */
status weights_load_file(network *net, tensor_file *file, const char *path, bool strict,
                         weights_report *report, error *err);

/* Whether the file has weights for both backbones, going by its names: what a network is frozen by
 * has to be known before it is created. */
status weights_peek(const char *path, bool *has_backbones, error *err);

/* Describes and appends the parameters in state-dict order. F32 in PyTorch's layouts, counters I64
 * of rank 0. */
status weights_write(network *net, tensor_writer *writer, error *err);
