/* Forward passes over a set; see evaluate.h. */
#include "train/evaluate.h"

network_batch batch_for_network(const batch *b)
{
    return (network_batch){b->count,  b->pixels, b->pixel_bytes, b->images,
                           b->coarse, b->fine,   b->mix};
}

/* A batch on the device whose results have not been waited for. */
typedef struct pending {
    const batch *b;
    int ticket;
} pending;

static status finish_batch(network *net, loader *from, pending *p, const hierarchy *classes,
                           metrics *sums, error *err)
{
    const step_results *results;
    if (!p->b)
        return STATUS_OK;
    const batch *done = p->b;
    p->b = NULL;
    status result = network_wait(net, p->ticket, &results, err);
    loader_recycle(from, done);
    TRY(result);
    metrics_add(sums, results, network_get_options(net)->only_fine ? NULL : classes->parents);
    return STATUS_OK;
}

static status run_batches(network *net, loader *from, const hierarchy *classes,
                          const evaluate_watch *watch, metrics *sums, pending *last, error *err)
{
    const batch *next;
    size_t total = loader_images(from);
    for (;;) {
        if (watch && watch->stop && *watch->stop)
            return error_set(err, STATUS_INTERRUPTED, "stopped after %llu of %zu images",
                             (unsigned long long)sums->count, total);
        TRY(loader_next(from, &next, err));
        if (!next)
            return STATUS_OK;
        network_batch b = batch_for_network(next);
        pending this = {next, 0};
        TRY(network_step(net, &b, STEP_EVALUATE, 1, 1, &this.ticket, err));
        status result = finish_batch(net, from, last, classes, sums, err);
        *last = this;
        TRY(result);
        if (watch && watch->progress)
            watch->progress(watch->context, (size_t)sums->count, total);
    }
}

status evaluate_loader(network *net, loader *from, const hierarchy *classes,
                       const evaluate_watch *watch, metrics *sums, error *err)
{
    error ignored;
    pending last = {0};
    *sums = (metrics){0};
    TRY(loader_start(from, 0, 0, err));
    status result = run_batches(net, from, classes, watch, sums, &last, err);
    /* The device reads the last batch's memory until its results are there. */
    status waited =
        finish_batch(net, from, &last, classes, sums, result == STATUS_OK ? err : &ignored);
    return result == STATUS_OK ? waited : result;
}

status evaluate_set(network *net, const image_set *set, const unsigned *indices, size_t count,
                    int threads, const hierarchy *classes, const evaluate_watch *watch,
                    metrics *sums, error *err)
{
    const loader_options options = {.batch_size = network_get_options(net)->batch_size,
                                    .threads = threads};
    loader *from;
    TRY(loader_create(set, indices, count, &options, &from, err));
    status result = evaluate_loader(net, from, classes, watch, sums, err);
    loader_free(from);
    return result;
}
