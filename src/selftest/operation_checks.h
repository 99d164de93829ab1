/* SPDX-License-Identifier: Apache-2.0 */
/* The bodies of the checks in operation_checks.c, and what several of them use. */
#pragma once

#include "selftest/check.h"

/* 160 pixels and 131 channels: on a CPU and a GPU this is more than one work-group, several runs of
 * the normalisations, a last vector that is not full and a last group that is not full. The groups
 * have the sizes that they have in a wide network, because PoCL compiles a kernel again for each
 * size. */
enum {
    ODD_N = 4,
    ODD_H = 5,
    ODD_W = 8,
    ODD_C = 131,
    ODD_AREA = ODD_H * ODD_W,
    ODD_PIXELS = ODD_N * ODD_AREA,
};
static const tensor odd_tensor = {NULL, ODD_N, ODD_H, ODD_W, ODD_C};
static const value_range around_zero = {-1, 1}, positive = {0, 1};

/* A gradient that is stored, and one that is added to what was there. */
static const gradient_terms store_terms = {1, 0}, add_terms = {0.5f, 1};

/* Sets added->want for add_terms from the plain gradient. */
static inline void check_terms(const operand *added, const operand *gradient)
{
    for (size_t i = 0; i < added->count; i++)
        added->want[i] += (double)add_terms.alpha * gradient->want[i];
}

check_body check_add, check_add_backward;
check_body check_average_pool, check_average_pool_backward;
check_body check_batchnorm, check_batchnorm_inference, check_batchnorm_backward;
check_body check_batchnorm_shared;
check_body check_bias, check_bias_backward;
check_body check_concat, check_concat_backward;
check_body check_cross_entropy, check_cross_entropy_marginal;
check_body check_gate, check_gate_backward;
check_body check_gemm;
check_body check_gradients;
check_body check_group_norm, check_group_norm_backward;
check_body check_initialize;
check_body check_input;
check_body check_max_pool, check_max_pool_backward;
check_body check_mix;
check_body check_moving_average;
check_body check_optimizer_sgd, check_optimizer_adam;
check_body check_weight_standardise, check_weight_standardise_backward;
