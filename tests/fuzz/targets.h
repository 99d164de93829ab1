/* SPDX-License-Identifier: Apache-2.0 */
/* The fuzz targets, each with the longest useful input in bytes. */
#pragma once

#define FUZZ_TARGETS(X)                                                                            \
    X(archive, 8192)                                                                               \
    X(choices, 4096)                                                                               \
    X(cifar, 8192)                                                                                 \
    X(csv, 2048)                                                                                   \
    X(deepfashion, 1024)                                                                           \
    X(evaluation, 4096)                                                                            \
    X(image, 4096)                                                                                 \
    X(import, 4096)                                                                                \
    X(metadata, 4096)                                                                              \
    X(metrics, 4096)                                                                               \
    X(options, 1024)                                                                               \
    X(pickle, 4096)                                                                                \
    X(program, 4096)                                                                               \
    X(recipe, 4096)                                                                                \
    X(record, 4096)                                                                                \
    X(run_store, 16384)                                                                            \
    X(safetensors, 4096)                                                                           \
    X(sweep, 4096)                                                                                 \
    X(torch, 8192)                                                                                 \
    X(torch_contents, 4096)                                                                        \
    X(tree, 2048)                                                                                  \
    X(verdicts, 4096)
