/* SPDX-License-Identifier: Apache-2.0 */
/* The table of checks, and which networks need which; see check.h. */
#include "selftest/operation_checks.h"
#include "ops/convolver.h"

static bool has_bias(const graph *g, const network_options *o, network_uses uses)
{
    (void)o, (void)uses;
    for (int i = 0; i < g->count; i++)
        if ((g->nodes[i].kind == NODE_CONVOLUTION || g->nodes[i].kind == NODE_LINEAR) &&
            g->nodes[i].bias != GRAPH_NONE)
            return true;
    return false;
}

static bool has_standardised(const graph *g, const network_options *o, network_uses uses)
{
    (void)o, (void)uses;
    for (int i = 0; i < g->count; i++)
        if (g->nodes[i].standardised)
            return true;
    return false;
}

/* Whether CLBlast was chosen for a convolution in any direction that runs. */
static bool has_gemm(const graph *g, const network_options *o, network_uses uses)
{
    (void)o, (void)uses;
    for (int i = 0; i < g->count; i++)
        for (int d = 0; d < CONVOLUTION_DIRECTIONS; d++) {
            const convolution_algorithm *chosen = g->nodes[i].choices[d].algorithm;
            if (graph_convolves(g, &g->nodes[i], (enum convolution_direction)d) &&
                convolver_uses_clblast(chosen))
                return true;
        }
    return false;
}

static bool shares_statistics(const graph *g, const network_options *o, network_uses uses)
{
    (void)g, (void)uses;
    return o->sync;
}

static bool has_marginal_loss(const graph *g, const network_options *o, network_uses uses)
{
    (void)g, (void)uses;
    return o->marginal_parents;
}

static bool keeps_average(const graph *g, const network_options *o, network_uses uses)
{
    (void)g, (void)uses;
    return o->averaged;
}

static bool mixes(const graph *g, const network_options *o, network_uses uses)
{
    (void)g, (void)o;
    return uses.mixes;
}

static bool clips(const graph *g, const network_options *o, network_uses uses)
{
    (void)g, (void)o;
    return uses.clips;
}

/* Adam keeps two buffers per weight, SGD at most one. */
static bool uses_adam(const graph *g, const network_options *o, network_uses uses)
{
    (void)g;
    return uses.steps && o->solver_slots == 2;
}

static bool uses_sgd(const graph *g, const network_options *o, network_uses uses)
{
    (void)g;
    return uses.steps && o->solver_slots < 2;
}

enum { ALL = CHECK_EVERY_NETWORK };

const operation_check operation_checks[] = {
    {"input", check_input, ALL, false, NULL},
    {"mix", check_mix, ALL, true, mixes},
    {"gemm", check_gemm, ALL, false, has_gemm},
    {"bias", check_bias, ALL, false, has_bias},
    {"bias_backward", check_bias_backward, ALL, true, has_bias},
    {"batchnorm", check_batchnorm, NODE_BATCHNORM, true, NULL},
    {"batchnorm_inference", check_batchnorm_inference, NODE_BATCHNORM, false, NULL},
    {"batchnorm_backward", check_batchnorm_backward, NODE_BATCHNORM, true, NULL},
    {"batchnorm_shared", check_batchnorm_shared, NODE_BATCHNORM, true, shares_statistics},
    {"group_norm", check_group_norm, NODE_GROUP_NORM, false, NULL},
    {"group_norm_backward", check_group_norm_backward, NODE_GROUP_NORM, true, NULL},
    {"weight_standardise", check_weight_standardise, NODE_CONVOLUTION, false, has_standardised},
    {"weight_standardise_backward", check_weight_standardise_backward, NODE_CONVOLUTION, true,
     has_standardised},
    {"max_pool", check_max_pool, NODE_MAX_POOL, false, NULL},
    {"max_pool_backward", check_max_pool_backward, NODE_MAX_POOL, true, NULL},
    {"average_pool", check_average_pool, NODE_AVERAGE_POOL, false, NULL},
    {"average_pool_backward", check_average_pool_backward, NODE_AVERAGE_POOL, true, NULL},
    {"concat", check_concat, NODE_CONCAT, false, NULL},
    {"concat_backward", check_concat_backward, NODE_CONCAT, true, NULL},
    {"add", check_add, NODE_ADD, false, NULL},
    {"add_backward", check_add_backward, NODE_ADD, true, NULL},
    {"gate", check_gate, NODE_GATE, false, NULL},
    {"gate_backward", check_gate_backward, NODE_GATE, true, NULL},
    {"cross_entropy", check_cross_entropy, ALL, false, NULL},
    {"cross_entropy_marginal", check_cross_entropy_marginal, ALL, false, has_marginal_loss},
    {"gradients", check_gradients, ALL, true, clips},
    {"optimizer_sgd", check_optimizer_sgd, ALL, true, uses_sgd},
    {"optimizer_adam", check_optimizer_adam, ALL, true, uses_adam},
    {"moving_average", check_moving_average, ALL, true, keeps_average},
    {"initialize", check_initialize, ALL, true, NULL},
    {NULL, NULL, ALL, false, NULL},
};

static bool has_node(const graph *g, int kind)
{
    for (int i = 0; i < g->count; i++)
        if ((int)g->nodes[i].kind == kind)
            return true;
    return false;
}

bool operation_check_needed(const operation_check *c, const graph *g, const network_options *o,
                            network_uses uses)
{
    return (c->kind == CHECK_EVERY_NETWORK || has_node(g, c->kind)) &&
           (!c->training || o->training) && (!c->also || c->also(g, o, uses));
}
