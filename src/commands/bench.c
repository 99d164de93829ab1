/* SPDX-License-Identifier: Apache-2.0 */
/* `hcnn-cl bench`: prints images per second, the time of each layer, and its share of the device's
 * peak. train/bench.h measures. */
#include "train/bench.h"
#include "base/file.h"
#include "base/json_values.h"
#include "base/progress.h"
#include "base/text.h"
#include "commands/commands.h"
#include "device/profile.h"
#include "model/fit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct request {
    command_network asked;
    bench_options options;
    const char *trace;
    bool layers, cold, tune, no_selftest;
} request;

/* Everything that was measured. */
typedef struct findings {
    device *dev;
    peak limits;
    bench_result speed;
    network *net;
    bench_layer *layers;
    size_t layer_count;
} findings;

static void show_progress(void *context, const char *what, int run, int runs)
{
    char label[64];
    snprintf(label, sizeof label, run ? "%s" : "%s: first step", what);
    progress_draw(context, label, (size_t)run, (size_t)runs, "");
}

/* {"forward": "winograd4x4"}, or the keys "data" and "weights" for a backward pass; NULL if the
 * layer is not a convolution. */
static json_t *algorithms_to_json(const bench_layer *l)
{
    json_t *made = NULL;
    for (int d = 0; d < CONVOLUTION_DIRECTIONS; d++) {
        if (!l->algorithms[d])
            continue;
        json_t *name = json_string(l->algorithms[d]);
        made = object_put(made ? made : json_object(), convolution_direction_names[d], name);
    }
    return made;
}

static json_t *layer_to_json(const bench_layer *l, const peak *limits)
{
    double rate = l->flops / l->seconds;
    bool counted = l->flops > 0;
    return json_pack("{s:s, s:s, s:f, s:o*, s:o*, s:o*}", "phase", l->phase, "name", l->name,
                     "seconds", l->seconds, "gflops", counted ? json_real(rate * 1e-9) : NULL,
                     "share_of_peak", counted ? json_real(rate / limits->flops) : NULL,
                     "algorithms", algorithms_to_json(l));
}

static json_t *layers_to_json(const findings *f)
{
    json_t *layers = json_array();
    for (size_t i = 0; i < f->layer_count; i++)
        layers = array_with(layers, layer_to_json(&f->layers[i], &f->limits));
    return layers;
}

static status print_json(const request *r, const findings *f, error *err)
{
    const bench_options *o = &r->options;
    const bench_speed *train = &f->speed.train, *infer = &f->speed.infer;
    json_t *root = command_network_to_json(&o->network, f->dev, &f->limits);
    root = object_with(
        root, json_pack("{s:f}", "copy_gigabytes_per_second", f->limits.bytes_second * 1e-9));
    if (o->train)
        root = object_with(root,
                           json_pack("{s:f, s:f, s:I}", "train_images_per_second",
                                     train->images_per_second, "train_first_step_seconds",
                                     train->first_step, "train_bytes", (json_int_t)train->bytes));
    if (o->infer)
        root = object_with(root,
                           json_pack("{s:f, s:f, s:I}", "infer_images_per_second",
                                     infer->images_per_second, "infer_first_step_seconds",
                                     infer->first_step, "infer_bytes", (json_int_t)infer->bytes));
    if (r->layers)
        root = object_with(root, json_pack("{s:o}", "layers", layers_to_json(f)));
    return command_print_json(root, JSON_LINE(6), err);
}

static void print_speed(const char *name, const bench_speed *s)
{
    printf("%-10s %8.1f images/s   first step %6.2f s   %.2f GiB of device memory\n", name,
           s->images_per_second, s->first_step, (double)s->bytes / (1u << 30));
}

/* "winograd4x4" for a forward pass. For a backward pass "winograd4x4/implicit_gemm": the algorithm
 * of the data gradient, then that of the weight gradient, or "-" if it is not computed. */
static void name_algorithms(const bench_layer *l, char *text, size_t capacity)
{
    const char *data = l->algorithms[CONVOLUTION_BACKWARD_DATA];
    const char *weights = l->algorithms[CONVOLUTION_BACKWARD_WEIGHTS];
    if (data || weights)
        snprintf(text, capacity, "%s/%s", data ? data : "-", weights ? weights : "-");
    else
        snprintf(text, capacity, "%s", l->algorithms[CONVOLUTION_FORWARD]);
}

static void print_layers(const findings *f)
{
    double total = 0;
    for (size_t i = 0; i < f->layer_count; i++)
        total += f->layers[i].seconds;
    printf("\n%-9s %-46s %9s %6s %9s %6s  %s\n", "PHASE", "LAYER", "MS", "SHARE", "GFLOP/S", "PEAK",
           "ALGORITHM");
    for (size_t i = 0; i < f->layer_count; i++) {
        const bench_layer *l = &f->layers[i];
        printf("%-9s %-46s %9.3f %5.1f%%", l->phase, l->name, l->seconds * 1e3,
               100 * l->seconds / total);
        if (l->flops > 0) {
            char names[96];
            name_algorithms(l, names, sizeof names);
            printf(" %9.1f %5.1f%%  %s", l->flops / l->seconds * 1e-9,
                   100 * l->flops / l->seconds / f->limits.flops, names);
        }
        putchar('\n');
    }
    printf("%-56s %9.3f\n", "all kernels of a step", total * 1e3);
}

static void print_table(const request *r, const findings *f)
{
    const bench_options *o = &r->options;
    command_print_network(&o->network, f->dev, &f->limits, true);
    if (o->train)
        print_speed("training", &f->speed.train);
    if (o->infer)
        print_speed("inference", &f->speed.infer);
    if (r->layers)
        print_layers(f);
}

/* The trace event format that chrome://tracing and Perfetto read: complete events ("X"), times in
 * microseconds. */
static status write_trace(device *dev, const char *path, error *err)
{
    const profile_record *records;
    size_t count;
    TRY(profile_read(dev, &records, &count, err));
    json_t *events = json_array();
    for (size_t i = 0; i < count; i++) {
        const profile_record *r = &records[i];
        events = array_with(events, json_pack("{s:s, s:s, s:s, s:f, s:f, s:i, s:i, s:{s:s}}",
                                              "name", r->label, "cat", r->phase, "ph", "X", "ts",
                                              (double)(r->start - records[0].start) * 1e-3, "dur",
                                              (double)(r->end - r->start) * 1e-3, "pid", 1, "tid",
                                              1, "args", "kernel", r->kernel));
    }
    json_t *root = json_pack("{s:o, s:s}", "traceEvents", events, "displayTimeUnit", "ms");
    return json_write(path, root, JSON_COMPACT, err);
}

/* Tests what the measured networks run. */
static status test_device(const request *r, device *dev, progress *bar, error *err)
{
    /* It would compile the kernels that --cold is to see compiled. */
    selftest_options options = command_selftest_options(r->no_selftest || r->cold, bar);
    for (int train = 0; train < 2; train++) {
        const network_options n = bench_network(&r->options, train);
        options.uses.steps = train && !fit_steps_in_backward(dev, &n);
        if (train ? r->options.train : r->options.infer)
            TRY(selftest_network(dev, &n, &options, err));
    }
    return STATUS_OK;
}

/* The speeds come first, because recording the times of kernels costs some speed. */
static status measure(request *r, findings *f, error *err)
{
    device *dev = f->dev;
    progress bar;
    tune_report tuned = {0};
    const tune_options tuning = {.network = bench_network(&r->options, r->options.train),
                                 .only_missing = true,
                                 .program = command_program()};
    progress_begin(&bar, stderr);
    status result;
    TRY_OR_DONE(peak_measure(dev, &f->limits, err));
    if (r->tune)
        TRY_OR_DONE(command_tune_network(dev, &tuning, &bar, &tuned, err));
    TRY_OR_DONE(test_device(r, dev, &bar, err));
    TRY_OR_DONE(bench_run(dev, &r->options, show_progress, &bar, &f->speed, err));
    if (r->layers || r->trace)
        TRY_OR_DONE(bench_layers(dev, &r->options, &f->net, &f->layers, &f->layer_count, err));
    if (r->trace)
        TRY_OR_DONE(write_trace(dev, r->trace, err));
    TRY_OR_DONE(peak_measure_again(dev, &f->limits, err));
done:
    tune_free(&tuned);
    progress_clear(&bar);
    return result;
}

/* Creates an empty directory and makes it the cache directory of this program and of PoCL's
 * compiler. The caches of other drivers stay as they are, and the help says so. The caller frees
 * the path and removes the directory. */
static status empty_caches(char **directory, error *err)
{
    const char *set = getenv("TMPDIR");
    char *root = file_absolute(set && *set ? set : "/tmp"); /* as a cache's path has to be */
    *directory = root ? text_format("%s/hcnn-bench-XXXXXX", root) : NULL;
    free(root);
    TRY(got_memory(*directory, err, "a cache"));
    if (!mkdtemp(*directory))
        return error_set(err, STATUS_FAILED,
                         "%s: cannot be created; set TMPDIR to a directory that can be written",
                         *directory);
    setenv("XDG_CACHE_HOME", *directory, 1);
    setenv("POCL_CACHE_DIR", *directory, 1);
    return STATUS_OK;
}

static status run(void *values, const operands *rest, error *err)
{
    request *r = values;
    findings f = {0};
    char *caches = NULL;
    error ignored;
    status result;
    r->asked.precision.given = options_given(rest, "precision");
    r->options.network = r->asked.network;
    r->options.train = r->asked.mode != MODE_INFER;
    r->options.infer = r->asked.mode != MODE_TRAIN;
    if (r->cold)
        TRY_OR_DONE(empty_caches(&caches, err));
    TRY_OR_DONE(command_open_device(r->asked.device_timeout, r->asked.precision, &f.dev, err));
    TRY_OR_DONE(measure(r, &f, err));
    if (r->asked.json)
        TRY_OR_DONE(print_json(r, &f, err));
    else
        print_table(r, &f);
done:
    free(f.layers);
    network_free(f.net);
    device_close(f.dev);
    if (caches)
        file_remove_tree(caches, &ignored);
    free(caches);
    return result;
}

static const option_row rows[] = {
    COMMAND_NETWORK_ROWS(request, "images per batch", "what to measure",
                         "precision to compute with; see train"),
    OPTION_ROW_INT("runs", request, options.runs, 1, 100,
                   "number of measurements; the figure is their median"),
    OPTION_ROW_DOUBLE("seconds", request, options.seconds, 0.01, 3600,
                      "least duration of a measurement in seconds"),
    OPTION_ROW_FLAG("layers", request, layers,
                    "print the time of each layer, its share of the peak and its algorithm; for a "
                    "training step unless --mode is infer"),
    OPTION_ROW_STRING(
        "profile", request, trace, "FILE",
        "write the times of every kernel in three steps as a trace for chrome://tracing "
        "or Perfetto"),
    OPTION_ROW_FLAG("cold", request, cold,
                    "start with empty caches of compiled kernels (ours and PoCL's), to see the "
                    "time of the first step on a new machine"),
    COMMAND_SELFTEST_ROW(request),
    OPTION_ROW_FLAG("tune", request, tune, "first tune what is not tuned yet; see tune"),
    OPTION_ROW_FLAG("json", request, asked.json, "print one line of JSON"),
    {0},
};

static const command_line line = {
    .usage = "bench [OPTION]...",
    .summary = "Measures training and inference on synthetic images, in images per second, and the "
               "peak of the unit that multiplies in the precision.",
    .example = "hcnn-cl bench --image-size 224 --batch-size 8 --layers",
    .rows = rows,
};

COMMAND(bench, request, command_network_defaults(), .options = {.runs = 5, .seconds = 1})
