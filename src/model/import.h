/* SPDX-License-Identifier: Apache-2.0 */
/* Recognises weights of other programs, backbones of torchvision and timm and whole networks of the
 * original, by the names and shapes of the tensors, and gives them hcnn-cl's names. */
#pragma once

#include "base/tensor_file.h"
#include "model/network.h"

#include <stdbool.h>

typedef struct import_options {
    const char *backbone; /* the backbone that the file belongs to; NULL: any */
    /* Takes only tensors whose names begin with it, and removes it. NULL: takes all tensors and
     * removes the prefixes of wrappers ("module.", "_orig_mod.", "model."). */
    const char *prefix;
} import_options;

/* What a file contains. */
typedef struct import_plan {
    bool whole; /* a network with its classifiers; else one backbone, which may have its own */
    network_options options; /* backbone and stem; if whole, also the rest of the network's shape */
    int taken, skipped;      /* tensors of the file */
    int missing;             /* weights and statistics that the file lacks */
    char *text; /* a line for each missing weight or statistic, and for each skipped tensor whose
                   name begins with options->prefix */
    tensor_file *file;
    tensor_copy *copies; /* [taken] */
} import_plan;

/* Opens a file and decides what it contains. A whole network has to be complete, and so has a
 * backbone unless options->backbone names the one that the file is a part of. The copies' names are
 * those inside a backbone, such as "layer1.0.conv1.weight" and a classifier's "fc.weight", or those
 * of a whole network. STATUS_FAILED if the file fits no network: the message says which is closest
 * and what the file lacks. The caller closes the plan; after an error it is closed already. */
status import_open(const char *path, const import_options *options, import_plan *plan, error *err);
void import_close(import_plan *plan);
