/* SPDX-License-Identifier: Apache-2.0 */
/* Adds up the device memory of a network and tries batch sizes; see fit.h. */
#include "model/fit.h"
#include "base/pixels.h"
#include "model/parameters.h"
#include "model/plan.h"
#include "ops/cross_entropy.h"

/* In fp16, a step is taken or skipped depending on all gradients, so all of them must be kept.
 * Ranks must add up their gradients before they take a step. */
bool fit_steps_in_backward(const device *dev, const network_options *o)
{
    return o->training && o->steps_in_backward && !precision_scales_loss(dev->precision) &&
           !o->sync;
}

/* Bytes outside the plan: parameters, gradients, optimizer state, the batch and its results. */
static uint64_t fixed_bytes(const device *dev, const network_options *o, const graph *g, int batch)
{
    uint64_t trained = o->training ? parameters_bytes(g, parameter_is_trained) : 0;
    uint64_t gradients = !fit_steps_in_backward(dev, o);
    uint64_t average = o->averaged ? parameters_bytes(g, parameter_moves) : 0;
    uint64_t tree =
        o->marginal_parents ? cross_entropy_tree_bytes(o->fine_classes, o->coarse_classes) : 0;
    uint64_t pixels = divide_up(o->pixel_capacity * (size_t)batch, (size_t)o->batch_size);
    uint64_t heads = 0;
    for (int h = 0; h < HEAD_COUNT; h++)
        if (g->heads[h].logits != GRAPH_NONE)
            heads += sizeof(int32_t) + sizeof(head_result);
    uint64_t values = parameters_bytes(g, parameter_has_values);
    return values + trained * (gradients + (uint64_t)o->solver_slots) + average + tree + pixels +
           (uint64_t)batch * (heads + sizeof(pixel_source));
}

static status settle(const convolver *c, const network_options *o, graph *g, int batch,
                     bool remembered, uint64_t *bytes, bool *fits, error *err)
{
    plan *p;
    convolutions_choose(g, c, batch, remembered);
    TRY(plan_create(c->dev, g, batch, o->sync, &p, err));
    *bytes = plan_bytes(p) + fixed_bytes(c->dev, o, g, batch);
    *fits =
        *bytes <= c->dev->info.memory_bytes && plan_largest(p) <= c->dev->info.max_allocation_bytes;
    plan_free(p);
    return STATUS_OK;
}

status fit_batch(const convolver *c, const network_options *options, graph *g, int batch,
                 uint64_t *bytes, bool *fits, error *err)
{
    TRY(settle(c, options, g, batch, true, bytes, fits, err));
    return *fits ? STATUS_OK : settle(c, options, g, batch, false, bytes, fits, err);
}

status fit_largest_batch(const convolver *c, const network_options *options, graph *g, int *largest,
                         error *err)
{
    enum { MOST = 1 << 16 };
    int good = 0, bad = MOST;
    uint64_t bytes;
    bool fits;
    for (int batch = 1; batch < MOST && bad == MOST; batch *= 2) {
        TRY(fit_batch(c, options, g, batch, &bytes, &fits, err));
        *(fits ? &good : &bad) = batch;
    }
    while (bad - good > 1) {
        int middle = good + (bad - good) / 2;
        TRY(fit_batch(c, options, g, middle, &bytes, &fits, err));
        *(fits ? &good : &bad) = middle;
    }
    *largest = good;
    return STATUS_OK;
}
