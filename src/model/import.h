/* SPDX-License-Identifier: Apache-2.0 */
/* Weights of other programs as a file under our names: torchvision's and timm's backbones, and
 * whole networks of the original. What a file is of, its tensors' names and shapes tell. */
#pragma once

#include "base/tensor_file.h"
#include "model/network.h"

#include <stdbool.h>

typedef struct import_options {
    const char *backbone; /* what it has to be of; NULL: whatever it fits */
    const char *prefix;   /* only tensors whose names begin with it, without it; NULL: those of
                             wrappers are dropped ("module.", "_orig_mod.", "model.") */
} import_options;

/* What a file was found to hold. */
typedef struct import_plan {
    bool whole; /* a network with its classifiers; else a backbone, maybe with its own */
    network_options options; /* backbone and stem; with whole the rest of its shape, too */
    int taken, skipped;      /* tensors of the file */
    int missing;             /* weights and statistics that nothing in it is for */
    char *text;              /* a line for each that is missing, and that is skipped though its name
                                begins with the prefix */
    tensor_file *file;
    tensor_copy *copies; /* [taken] */
} import_plan;

/* Opens a file and decides. A backbone has to be there whole unless options->backbone says which it
 * is a part of; a network always. Names written are those inside a backbone,
 * "layer1.0.conv1.weight" and a classifier's "fc.weight", or a network's. STATUS_FAILED when it
 * fits nothing: the message says what comes nearest and what that misses. */
status import_open(const char *path, const import_options *options, import_plan *plan, error *err);
void import_close(import_plan *plan);
