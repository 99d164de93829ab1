/* SPDX-License-Identifier: Apache-2.0 */
/* Moves a network's parameters between the device and files: whole state dicts under the original's
 * names, or single backbones under torchvision's or timm's. It writes safetensors files and also
 * reads PyTorch's own. */
#pragma once

#include "base/tensor_file.h"
#include "model/network.h"

#include <stdbool.h>

/* What weights_load did. */
typedef struct weights_report {
    int loaded;     /* tensors of the file that set a parameter */
    int skipped;    /* tensors of the file that set none */
    char *text;     /* a line "name: why" for every skipped tensor and every parameter that kept its
                       value; "" if there are none */
    bool whole;     /* every parameter was set */
    bool backbones; /* every weight and statistic of every backbone of the network was set */
    int frozen_kept; /* frozen weights and statistics that were not set */
} weights_report;

/* Frees the text of the report. */
void weights_report_free(weights_report *report);

/* Sets parameters from a file. A tensor "X" sets the parameter of that name or, if there is none,
 * each of coarse_backbone.X, fine_backbone.X and backbone.X that exists. Inside a backbone the
 * names are torchvision's (https://github.com/pytorch/vision, torchvision/models/resnet.py) or, for
 * BiT, timm's. Their classifier, "fc" or "head.fc", sets the fine classifier if that one uses the
 * features of the backbone alone. "backbone.X", from a shared trunk, counts as "X" if the network
 * has no such parameter. A leading "module." is ignored. Weights may be F32, F16, BF16 or F64;
 * num_batches_tracked is I64. A tensor whose name, shape or type fits no parameter is skipped and
 * reported.
 *
 * STATUS_FAILED if the file cannot be read, if its checksum does not match (which is checked before
 * any parameter is set), if no weight is set, or, with strict (for checkpoints), if a tensor is
 * skipped or a parameter is not set; the message names the first ones. Parameters may have been
 * overwritten by then. Unless report is NULL it is filled, also after an error, and the caller
 * releases it with weights_report_free. */
status weights_load(network *net, const char *path, bool strict, weights_report *report,
                    error *err);

/* The same for an open file that the caller has verified; messages call it `path`. */
status weights_load_file(network *net, tensor_file *file, const char *path, bool strict,
                         weights_report *report, error *err);

/* Whether the file has weights for all backbones of a network, judged by the names: what to freeze
 * has to be known before the network is created. */
status weights_peek(const char *path, bool *has_backbones, error *err);

/* Describes and appends the parameters in the order of the state dict: weights as F32 in PyTorch's
 * layouts, counters as I64 of rank 0. */
status weights_write(network *net, tensor_writer *writer, error *err);
