/* `hcnn-cl eval`: a checkpoint's accuracy on a data set. */
#include "base/progress.h"
#include "commands/commands.h"
#include "train/checkpoint.h"
#include "train/evaluate.h"
#include "train/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct eval_options {
    const char *checkpoint, *data, *split, *precision;
    int batch_size;
    uint64_t seed;
    bool seed_given, json;
} eval_options;

static void draw(void *context, size_t done, size_t total)
{
    progress_draw(context, "evaluating", done, total, "");
}

static double percent(const metrics *m, uint64_t hits)
{
    return 100 * metrics_share(m, hits);
}

static void print_table(const eval_options *o, const metrics *m, bool only_fine)
{
    printf("%llu images (%s)\n", (unsigned long long)m->count, o->split);
    if (!only_fine)
        printf("coarse  loss %.4f  top-1 %6.2f%%  top-5 %6.2f%%\n", metrics_mean_coarse_loss(m),
               percent(m, m->coarse_top1), percent(m, m->coarse_top5));
    printf("fine    loss %.4f  top-1 %6.2f%%  top-5 %6.2f%%\n", metrics_mean_fine_loss(m),
           percent(m, m->fine_top1), percent(m, m->fine_top5));
    if (!only_fine)
        printf("the fine guess lies in the guessed coarse class: %.2f%%\n", percent(m, m->agree));
}

/* The loss is weighted as the run's, so that it is the one that training reported. */
static status print_json(const eval_options *o, const metrics *m, const run_terms *terms,
                         bool only_fine, error *err)
{
    json_t *line = metrics_to_object(m, terms->coarse_weight, terms->fine_weight, only_fine);
    if (line)
        json_object_set_new(line, "split", json_string(o->split));
    char *text =
        line ? json_dumps(line, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(line);
    if (!text)
        return error_memory(err, "the result");
    puts(text);
    free(text);
    return STATUS_OK;
}

/* The images of the split: indices of the test part. */
static void choose_split(const eval_options *o, const unsigned *order, size_t validation,
                         size_t all, const unsigned **indices, size_t *count)
{
    *indices = NULL;
    *count = all;
    if (strcmp(o->split, "validation") == 0) {
        *indices = order;
        *count = validation;
    } else if (strcmp(o->split, "test") == 0) {
        *indices = order + validation;
        *count = all - validation;
    }
}

static status measure(const eval_options *o, device *dev, const dataset *data,
                      const checkpoint_info *info, metrics *sums, error *err)
{
    network_options options = info->options;
    network *net = NULL;
    loader *from = NULL;
    unsigned *order;
    const unsigned *indices;
    size_t validation, count;
    progress bar;
    const evaluate_watch watch = {draw, &bar, NULL};
    const loader_options plain = {.batch_size = o->batch_size, .threads = 2};
    TRY(hierarchy_compare(&info->classes, o->checkpoint, &data->classes, "the data set", err));
    TRY(dataset_split(&data->test, o->seed, &order, &validation, err));
    choose_split(o, order, validation, data->test.count, &indices, &count);
    status result = loader_create(&data->test, indices, count, &plain, &from, err);
    if (result == STATUS_OK) {
        options.batch_size = o->batch_size;
        options.pixel_capacity = loader_pixel_capacity(from);
        result = network_create(dev, &options, &net, err);
    }
    if (result == STATUS_OK)
        result = checkpoint_load(o->checkpoint, net, err);
    if (result == STATUS_OK) {
        progress_begin(&bar, stderr);
        result = evaluate_loader(net, from, &data->classes, &watch, sums, err);
        progress_clear(&bar);
    }
    network_free(net);
    loader_free(from);
    free(order);
    return result;
}

static status run(eval_options *o, error *err)
{
    checkpoint_info info;
    dataset data;
    device *dev = NULL;
    metrics sums;
    TRY(checkpoint_read_info(o->checkpoint, &info, err));
    bool only_fine = info.options.only_fine;
    const run_terms terms = info.state.terms;
    if (!o->seed_given)
        o->seed = terms.seed;
    status result = dataset_open(o->data, &data, err);
    if (result == STATUS_OK) {
        result = device_open(&dev, err);
        if (result == STATUS_OK)
            result = device_set_precision(dev, o->precision, err);
        if (result == STATUS_OK)
            result = measure(o, dev, &data, &info, &sums, err);
        device_close(dev);
        dataset_close(&data);
    }
    checkpoint_free_info(&info);
    TRY(result);
    if (o->json)
        return print_json(o, &sums, &terms, only_fine, err);
    print_table(o, &sums, only_fine);
    return STATUS_OK;
}

int command_eval(int argc, char **argv)
{
    eval_options o = {.split = "all", .precision = "fp32", .batch_size = 32};
    const option_spec options[] = {
        OPTION_ROW_STRING("checkpoint", &o.checkpoint, "FILE",
                          "RUN/best.safetensors or RUN/last.safetensors"),
        OPTION_ROW_STRING("data", &o.data, "PATH", "as train's", .alias = "data-path"),
        OPTION_ROW_CHOICE("split", &o.split, "all|validation|test",
                          "all of the test set, or one of the halves that training makes of it"),
        OPTION_ROW_U64("seed", &o.seed, "which decides the halves", .fallback = "the run's",
                       .given = &o.seed_given),
        OPTION_ROW_INT("batch-size", &o.batch_size, 1, 65536, "images at a time"),
        OPTION_ROW_CHOICE("precision", &o.precision, "fp32|fp16",
                          "as train's; a checkpoint of either can be measured in both"),
        OPTION_ROW_FLAG("json", &o.json, "print a line of JSON"),
        {0},
    };
    const command_line line = {
        .usage = "eval --checkpoint FILE [OPTION]...",
        .summary = "Measures a checkpoint on a data set's test images, weighted by image.",
        .example = "hcnn-cl eval --checkpoint runs/first/best.safetensors --json",
        .options = options,
    };
    operands rest;
    int exit_code;
    error err;
    if (!command_options(&line, argc, argv, &rest, &exit_code))
        return exit_code;
    options_free(&rest);
    status result = o.checkpoint ? run(&o, &err)
                                 : error_set(&err, STATUS_USAGE,
                                             "eval needs --checkpoint FILE, as "
                                             "RUN/best.safetensors of a training run");
    return result == STATUS_OK ? command_finish() : command_fail(&err, result);
}
