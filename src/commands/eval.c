/* SPDX-License-Identifier: Apache-2.0 */
/* `hcnn-cl eval`: measures a checkpoint on a data set. eval_table.c prints the tables. */
#include "base/progress.h"
#include "commands/commands.h"
#include "data/division.h"
#include "measure/evaluate.h"
#include "train/training_state.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum split { SPLIT_ALL, SPLIT_VALIDATION, SPLIT_TEST };
static const word_list split_words = WORD_LIST("all", "validation", "test");

typedef struct eval_options {
    const char *checkpoint, *data, *decision, *classes, *confusion;
    enum split split;
    precision_request precision;
    int batch_size, max_bad;
    int most_classes; /* --classes as a number */
    uint64_t seed;
    double device_timeout;
    bool json, crop_boxes, no_selftest;
} eval_options;

static void take(void *context, const batch *b, const float *coarse, const float *fine)
{
    measured *m = context;
    const hierarchy *c = m->scores.classes;
    for (int i = 0; i < b->count; i++) {
        decider_decide(&m->decide, coarse ? coarse + (size_t)i * (size_t)c->coarse_count : NULL,
                       fine + (size_t)i * (size_t)c->fine_count);
        scores_add(&m->scores, &m->decide, b->coarse[i], b->fine[i]);
    }
}

/* The file comes last: if it cannot be written, the result has been printed all the same. */
static status print(const eval_options *o, const measured *m, error *err)
{
    TRY(o->json ? command_print_json(scores_to_object(m), JSON_LINE(9), err)
                : command_print_scores(m, o->most_classes, err));
    return o->confusion ? scores_write_confusion(&m->scores, o->confusion, err) : STATUS_OK;
}

/* Opens a loader for the images of --split. */
static status open_split(const eval_options *o, const dataset *data, const dataset_division *parts,
                         bad_images *bad, loader **from, error *err)
{
    const image_subset *const splits[] = {[SPLIT_ALL] = &parts->whole_test,
                                          [SPLIT_VALIDATION] = &parts->validation,
                                          [SPLIT_TEST] = &parts->test};
    const image_subset *split = splits[o->split];
    const loader_options plain = {
        .batch_size = o->batch_size, .threads = 2, .crop = o->crop_boxes, .bad = bad};
    if (split->count == 0)
        return error_set(err, STATUS_FAILED,
                         "%s: there are no images for --split %s, because the data set has no "
                         "test part; use --split validation for those that training validated with",
                         data->source, word_list_at(&split_words, o->split));
    if (o->crop_boxes && !split->set->boxes)
        return error_set(err, STATUS_USAGE,
                         "--crop-boxes: the data set has no boxes; leave the option out");
    return loader_create(*split, &plain, from, err);
}

static status measure(const eval_options *o, device *dev, const dataset *data,
                      const dataset_division *parts, const model_file *model, measured *m,
                      error *err)
{
    network_options options = model->options;
    network *net = NULL;
    loader *from = NULL;
    bad_images *bad = NULL;
    progress bar;
    const evaluate_watch watch = {command_draw, &bar, "evaluating", NULL};
    const evaluate_sink sink = {.logits = take, .context = m};
    const selftest_options selftest = command_selftest_options(o->no_selftest, &bar);
    status result;
    progress_begin(&bar, stderr);
    TRY_OR_DONE(bad_images_create(o->max_bad, command_note, &bar, &bad, err));
    TRY_OR_DONE(open_split(o, data, parts, bad, &from, err));
    options.batch_size = o->batch_size;
    options.pixel_capacity = loader_pixel_capacity(from);
    TRY_OR_DONE(selftest_network(dev, &options, &selftest, err));
    TRY_OR_DONE(network_create(dev, &options, &net, err));
    TRY_OR_DONE(model_file_load(model, net, err));
    progress_begin(&bar, stderr);
    result = evaluate_loader(net, from, &data->classes, &watch, &sink, &m->sums, err);
    progress_clear(&bar);
done:
    network_free(net);
    if (device_settled(dev)) /* a stuck device may still read a batch */
        loader_free(from);
    bad_images_free(bad);
    return result;
}

static status measure_and_print(const eval_options *o, const model_file *model,
                                const run_terms *terms, error *err)
{
    dataset data = {0};
    dataset_division parts = {0};
    device *dev = NULL;
    /* The run's loss weights, so that the loss is the one that training reported. */
    measured m = {.weights = terms->weights, .split = word_list_at(&split_words, o->split)};
    bool has_coarse = !model->options.only_fine;
    const char *name = o->data ? o->data : "the data set that is used without --data";
    status result;
    TRY_OR_DONE(decider_create(&m.decide, o->decision, &model->classes, has_coarse, err));
    TRY_OR_DONE(dataset_open(o->data, &data, err));
    TRY_OR_DONE(scores_create(&m.scores, &model->classes, has_coarse, err));
    TRY_OR_DONE(command_open_device(o->device_timeout, o->precision, &dev, err));
    TRY_OR_DONE(hierarchy_compare(&model->classes, o->checkpoint, &data.classes, name, err));
    TRY_OR_DONE(dataset_divide(&data, o->seed, &parts, err));
    TRY_OR_DONE(measure(o, dev, &data, &parts, model, &m, err));
    result = print(o, &m, err);
done:
    dataset_division_free(&parts);
    device_close(dev);
    dataset_close(&data);
    scores_free(&m.scores);
    decider_free(&m.decide);
    return result;
}

/* Reads --classes, which is a number or "all". */
static status read_classes(eval_options *o, error *err)
{
    char *end;
    o->most_classes = INT_MAX;
    if (strcmp(o->classes, "all") == 0)
        return STATUS_OK;
    errno = 0;
    long number = strtol(o->classes, &end, 10);
    if (errno != 0 || end == o->classes || *end || number < 0 || number > INT_MAX)
        return error_set(err, STATUS_USAGE, "--classes: '%s' is neither a number nor all",
                         o->classes);
    o->most_classes = (int)number;
    return STATUS_OK;
}

static status run(void *values, const operands *rest, error *err)
{
    eval_options *o = values;
    model_file model;
    run_terms terms;
    status result;
    if (!o->checkpoint)
        return error_set(err, STATUS_USAGE,
                         "eval needs --checkpoint CHECKPOINT, such as RUN/best.safetensors");
    TRY(read_classes(o, err));
    if (o->confusion)
        TRY(command_check_output(o->checkpoint, o->confusion, err));
    if (options_given(rest, "seed") && o->split == SPLIT_ALL)
        return error_set(err, STATUS_USAGE,
                         "--seed halves the test set, so it needs --split validation or test");
    TRY(model_file_open(o->checkpoint, &model, err));
    TRY_OR_DONE(run_terms_read(&model, &terms, err));
    o->seed = options_given(rest, "seed") ? o->seed : terms.seed;
    o->precision.given = options_given(rest, "precision");
    o->crop_boxes |= terms.crop_boxes;
    result = measure_and_print(o, &model, &terms, err);
done:
    model_file_close(&model);
    return result;
}

static const option_row rows[] = {
    OPTION_ROW_STRING("checkpoint", eval_options, checkpoint, "CHECKPOINT",
                      "checkpoint, such as RUN/best.safetensors"),
    OPTION_ROW_STRING("data", eval_options, data, "PATH", "data set; see train",
                      .alias = "data-path"),
    OPTION_ROW_CHOICE("split", eval_options, split, split_words,
                      "images to measure: all, the whole test set; validation, what training "
                      "validated with; test, what training did not validate with"),
    OPTION_ROW_FLAG("crop-boxes", eval_options, crop_boxes,
                    "crop images to their boxes; automatic if the run cropped; see train"),
    OPTION_ROW_INT("max-bad", eval_options, max_bad, 0, 2e9,
                   "number of image files that may be broken; see train"),
    OPTION_ROW_U64("seed", eval_options, seed, "seed that halves the test set",
                   .fallback = "the run's"),
    OPTION_ROW_INT("batch-size", eval_options, batch_size, 1, 65536, "images per batch"),
    COMMAND_PRECISION_ROW(eval_options, precision.precision,
                          "precision to measure with, as in train; a checkpoint can be measured in "
                          "any, whichever it was trained in"),
    OPTION_ROW_NAME("decision", eval_options, decision, decision_words,
                    "how the classes of an image are chosen: argmax, the most likely of each head; "
                    "joint, the fine class that is most likely by both heads; crm, the fine class "
                    "with the least expected distance in the tree of classes"),
    OPTION_ROW_STRING("classes", eval_options, classes, "N|all",
                      "number of classes to list at each level, the worst first, with the pairs "
                      "confused most often; 0: none",
                      .excludes = "json"),
    OPTION_ROW_STRING("confusion", eval_options, confusion, "FILE",
                      "write both confusion matrices to a CSV file"),
    COMMAND_SELFTEST_ROW(eval_options),
    COMMAND_TIMEOUT_ROW(eval_options, device_timeout),
    OPTION_ROW_FLAG("json", eval_options, json, "print one line of JSON"),
    {0},
};

static const command_line line = {
    .usage = "eval --checkpoint CHECKPOINT [OPTION]...",
    .summary = "Measures a checkpoint on the test images of a data set. Every image counts once.",
    .example = "hcnn-cl eval --checkpoint runs/first/best.safetensors --json",
    .rows = rows,
};

COMMAND(eval, eval_options, .decision = "argmax", .classes = "10", .batch_size = 32, .max_bad = 10,
        .device_timeout = DEVICE_TIMEOUT)
