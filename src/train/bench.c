/* SPDX-License-Identifier: Apache-2.0 */
/* Times steps of a network; see bench.h. */
#include "train/bench.h"
#include "base/clock.h"
#include "device/profile.h"
#include "model/convolutions.h"
#include "train/solver.h"
#include "tune/timing.h"

#include <stdlib.h>
#include <string.h>

enum { SEED = 1, PROFILED_STEPS = 3, MAX_RUNS = 100 };

/* A network, its optimizer, and one batch that every step uses. */
typedef struct subject {
    network *net;
    solver *optimizer; /* NULL: forward passes only */
    unsigned char *pixels;
    pixel_source *images;
    int32_t *labels;
    network_batch batch;
    uint64_t steps;
} subject;

static status make_batch(subject *s, const bench_options *o, error *err)
{
    const network_options *n = &o->network;
    size_t count = (size_t)n->batch_size;
    size_t bytes = 3 * (size_t)n->image_size * (size_t)n->image_size;
    s->pixels = malloc(count * bytes);
    s->images = calloc(count, sizeof *s->images);
    s->labels = calloc(2 * count, sizeof *s->labels);
    TRY(got_memory(s->pixels && s->images && s->labels, err, "a batch"));
    for (size_t i = 0; i < count * bytes; i++)
        s->pixels[i] = (unsigned char)(i * 2654435761u >> 24);
    for (size_t i = 0; i < count; i++) {
        s->images[i] = (pixel_source){.offset = (int32_t)(i * bytes),
                                      .width = n->image_size,
                                      .height = n->image_size,
                                      .cosine = 1};
        s->labels[i] = (int32_t)(i % (size_t)n->coarse_classes);
        s->labels[count + i] = (int32_t)(i % (size_t)n->fine_classes);
    }
    s->batch = (network_batch){.count = n->batch_size,
                               .pixels = s->pixels,
                               .pixel_bytes = count * bytes,
                               .images = s->images,
                               .coarse = s->labels,
                               .fine = s->labels + count};
    return STATUS_OK;
}

network_options bench_network(const bench_options *o, bool train)
{
    network_options n = o->network;
    n.training = n.steps_in_backward = train;
    n.pixel_capacity = 3 * (size_t)n.image_size * (size_t)n.image_size * (size_t)n.batch_size;
    return n;
}

static status make_network(subject *s, device *dev, const bench_options *o, bool train, error *err)
{
    const network_options options = bench_network(o, train);
    const train_options defaults = train_defaults();
    TRY(network_create(dev, &options, &s->net, err)); /* fails if the batch is too large */
    TRY(make_batch(s, o, err));
    TRY(network_initialize(s->net, SEED, true, err));
    return train ? solver_create(s->net, &defaults, &s->optimizer, err) : STATUS_OK;
}

static void free_subject(subject *s)
{
    const bool settled = !s->net || device_settled(network_device(s->net));
    solver_free(s->optimizer);
    network_free(s->net);
    if (settled) { /* a stuck device may still read them */
        free(s->pixels);
        free(s->images);
        free(s->labels);
    }
    *s = (subject){0};
}

static status start_step(subject *s, int *ticket, error *err)
{
    const double lr = train_defaults().lr;
    if (!s->optimizer) {
        TRY(network_forward(s->net, &s->batch, STEP_EVALUATE, 1, 2, err));
        return network_fetch(s->net, ticket, err);
    }
    s->steps++;
    TRY(solver_begin(s->optimizer, s->steps, err));
    TRY(network_forward(s->net, &s->batch, STEP_TRAIN, 1, 2, err));
    TRY(network_backward(s->net, solver_terms(s->optimizer, lr, 0), err));
    TRY(network_fetch(s->net, ticket, err));
    return solver_step(s->optimizer, lr, s->steps, err);
}

/* Runs `steps` steps, one step ahead of their results as in training, and returns the seconds they
 * take. */
static status run_steps(subject *s, int steps, double *seconds, error *err)
{
    const step_results *results;
    int ticket, before = -1;
    double start = clock_now();
    for (int i = 0; i < steps; i++) {
        TRY(start_step(s, &ticket, err));
        if (before >= 0)
            TRY(network_wait(s->net, before, &results, err));
        before = ticket;
    }
    TRY(network_wait(s->net, before, &results, err));
    TRY(device_finish(network_device(s->net), err)); /* includes the last update */
    *seconds = clock_now() - start;
    return STATUS_OK;
}

static status time_steps(subject *s, const bench_options *o, const char *what, bench_watch *watch,
                         void *context, double *images_per_second, error *err)
{
    double rates[MAX_RUNS], seconds;
    int runs = o->runs < MAX_RUNS ? o->runs : MAX_RUNS;
    TRY(run_steps(s, 2, &seconds, err)); /* warms up, and shows how many steps a run needs */
    int steps = (int)(o->seconds / (seconds / 2)) + 1;
    steps = steps < 2 ? 2 : steps;
    for (int run = 0; run < runs; run++) {
        if (watch)
            watch(context, what, run + 1, runs);
        TRY(run_steps(s, steps, &seconds, err));
        rates[run] = (double)steps * o->network.batch_size / seconds;
    }
    *images_per_second = timing_median(rates, (size_t)runs);
    return STATUS_OK;
}

static status measure(device *dev, const bench_options *o, bool train, bench_watch *watch,
                      void *context, bench_speed *made, error *err)
{
    subject s = {0};
    const char *what = train ? "training" : "inference";
    double seconds, start = clock_now();
    if (watch)
        watch(context, what, 0, o->runs);
    status result;
    TRY_OR_DONE(make_network(&s, dev, o, train, err));
    TRY_OR_DONE(run_steps(&s, 1, &seconds, err));
    made->first_step = clock_now() - start;
    TRY_OR_DONE(time_steps(&s, o, what, watch, context, &made->images_per_second, err));
    made->bytes = network_memory_bytes(s.net);
done:
    free_subject(&s);
    return result;
}

status bench_run(device *dev, const bench_options *options, bench_watch *watch, void *context,
                 bench_result *result, error *err)
{
    convolver c = {0};
    *result = (bench_result){0};
    /* A device's tensor cores are tested only once; that is not part of the first step. */
    TRY(convolver_open(dev, &c, err));
    convolver_close(&c);
    if (options->train)
        TRY(measure(dev, options, true, watch, context, &result->train, err));
    return options->infer ? measure(dev, options, false, watch, context, &result->infer, err)
                          : STATUS_OK;
}

static bench_layer *find_layer(bench_layer *layers, size_t *count, const profile_record *r)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp(layers[i].phase, r->phase) == 0 && strcmp(layers[i].name, r->label) == 0)
            return &layers[i];
    layers[*count] = (bench_layer){.phase = r->phase, .name = r->label};
    return &layers[(*count)++];
}

static void describe_layer(const network *net, int count, bench_layer *l)
{
    bool forward = strcmp(l->phase, "forward") == 0, backward = strcmp(l->phase, "backward") == 0;
    l->flops = convolutions_flops(network_graph(net), l->name, l->phase, count);
    for (int i = 0; i < CONVOLUTION_DIRECTIONS; i++) {
        enum convolution_direction d = (enum convolution_direction)i;
        if (d == CONVOLUTION_FORWARD ? forward : backward)
            l->algorithms[d] = convolutions_algorithm(network_graph(net), l->name, d);
    }
}

static status sum_layers(subject *s, bench_layer **layers, size_t *count, error *err)
{
    const profile_record *records;
    size_t record_count;
    TRY(profile_read(network_device(s->net), &records, &record_count, err));
    *layers = calloc(record_count ? record_count : 1, sizeof **layers);
    TRY(got_memory(*layers, err, "the layers' times"));
    for (size_t i = 0; i < record_count; i++)
        find_layer(*layers, count, &records[i])->seconds +=
            (double)(records[i].end - records[i].start) * 1e-9 / PROFILED_STEPS;
    for (size_t i = 0; i < *count; i++)
        describe_layer(s->net, s->batch.count, &(*layers)[i]);
    return STATUS_OK;
}

status bench_layers(device *dev, const bench_options *options, network **net, bench_layer **layers,
                    size_t *count, error *err)
{
    subject s = {0};
    double seconds;
    *layers = NULL;
    *count = 0;
    TRY(profile_start(dev, err));
    status result;
    TRY_OR_DONE(make_network(&s, dev, options, options->train, err));
    TRY_OR_DONE(run_steps(&s, 1, &seconds, err));
    profile_clear(dev);
    TRY_OR_DONE(run_steps(&s, PROFILED_STEPS, &seconds, err));
    TRY_OR_DONE(sum_layers(&s, layers, count, err));
    *net = s.net;
    s.net = NULL; /* *net now owns the strings of the layers */
done:
    free_subject(&s);
    return result;
}
