/* SPDX-License-Identifier: Apache-2.0 */
/* Forward passes over a set of images; see evaluate.h. */
#include "measure/evaluate.h"

#include <stdlib.h>

network_batch batch_for_network(const batch *b)
{
    return (network_batch){b->count,  b->pixels, b->pixel_bytes, b->images,
                           b->coarse, b->fine,   b->mix};
}

/* One pass over a loader. */
typedef struct pass {
    network *net;
    loader *from;
    const hierarchy *classes;
    const evaluate_watch *watch; /* or NULL */
    const evaluate_sink *sink;   /* or NULL */
    float *coarse, *fine;        /* for logits; NULL if not needed or if the head is missing */
    metrics *sums;
    /* A batch on the device whose results are not in yet, or NULL. */
    const batch *last;
    int ticket;
} pass;

/* Waits for the results of the last batch. After a failure this is still needed, because the device
 * may use the batch's memory, but there are no logits. */
static status finish_batch(pass *p, bool with_logits, error *err)
{
    const step_results *results;
    const batch *done = p->last;
    if (!done)
        return STATUS_OK;
    p->last = NULL;
    status result = network_wait(p->net, p->ticket, &results, err);
    if (result == STATUS_OK) {
        metrics_add(p->sums, results,
                    network_get_options(p->net)->only_fine ? NULL : p->classes->parents);
        if (p->sink && p->sink->results)
            p->sink->results(p->sink->context, done, results);
        if (p->fine && with_logits)
            p->sink->logits(p->sink->context, done, p->coarse, p->fine);
    }
    if (!device_is_stuck(network_device(p->net))) /* which may still read it */
        loader_recycle(p->from, done);
    return result;
}

/* While the device works on a batch, the host processes the results of the previous one. The logits
 * of the new batch are read after that. */
static status run_batches(pass *p, error *err)
{
    const evaluate_watch *watch = p->watch;
    size_t total = loader_images(p->from);
    for (;;) {
        const batch *next;
        int ticket;
        if (watch && watch->stop && *watch->stop)
            return error_set(err, STATUS_INTERRUPTED, "stopped after %llu of %zu images",
                             (unsigned long long)p->sums->count, total);
        TRY(loader_next(p->from, &next, err));
        if (!next)
            return STATUS_OK;
        network_batch b = batch_for_network(next);
        TRY(network_reserve_pixels(p->net, next->pixel_bytes, err));
        TRY(network_forward(p->net, &b, STEP_EVALUATE, 1, 1, err));
        TRY(network_fetch(p->net, &ticket, err));
        status result = finish_batch(p, true, err);
        p->last = next;
        p->ticket = ticket;
        TRY(result);
        if (p->fine)
            TRY(network_read_logits(p->net, p->coarse, p->fine, err));
        if (watch && watch->progress)
            watch->progress(watch->context, watch->what, (size_t)p->sums->count, total);
    }
}

static status run_pass(pass *p, error *err)
{
    error ignored;
    *p->sums = (metrics){0};
    TRY(loader_start(p->from, 0, 0, err));
    status result = run_batches(p, err);
    /* The device uses the memory of the last batch until its results are in. */
    bool good = result == STATUS_OK || result == STATUS_INTERRUPTED;
    status waited = finish_batch(p, good, result == STATUS_OK ? err : &ignored);
    return result == STATUS_OK ? waited : result;
}

static status make_room_for_logits(pass *p, error *err)
{
    const network_options *o = network_get_options(p->net);
    size_t images = (size_t)o->batch_size;
    p->fine = malloc(images * (size_t)o->fine_classes * sizeof *p->fine);
    if (!o->only_fine)
        p->coarse = malloc(images * (size_t)o->coarse_classes * sizeof *p->coarse);
    return got_memory(p->fine && (p->coarse || o->only_fine), err, "a batch's logits");
}

status evaluate_loader(network *net, loader *from, const hierarchy *classes,
                       const evaluate_watch *watch, const evaluate_sink *sink, metrics *sums,
                       error *err)
{
    pass p = {
        .net = net, .from = from, .classes = classes, .watch = watch, .sink = sink, .sums = sums};
    status result = STATUS_OK;
    if (sink && sink->logits)
        result = make_room_for_logits(&p, err);
    if (result == STATUS_OK)
        result = run_pass(&p, err);
    free(p.coarse);
    free(p.fine);
    return result;
}
