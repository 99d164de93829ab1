/* SPDX-License-Identifier: Apache-2.0 */
/* The table of a run's options, and config.json; see train_options.h. */
#include "train/train_options.h"
#include "base/file.h"
#include "model/backbone.h"
#include "model/fusion.h"
#include "train/schedule.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { INDENT = 2 };

train_options train_defaults(void)
{
    return (train_options){
        .backbone = "wide_resnet_50",
        .stem = "imagenet",
        .precision = "fp32",
        .optimizer = "sgd",
        .augment = "default",
        .coarse_loss = "head",
        .epochs = 15,
        .batch_size = 32,
        .accumulate = 1,
        .lr = 8e-3,
        .coarse_weight = 1,
        .fine_weight = 2,
        .metrics_every = 1,
        .threads = 2,
        .max_bad = 10,
        .wire = "fp32",
    };
}

size_t config_rows(train_options *o, option_spec rows[CONFIG_ROWS])
{
    const option_spec table[] = {
        OPTION_ROW_STRING(
            "data", &o->data, "PATH",
            "CIFAR-100 (binary or python version, a directory or .tar.gz/.tar.xz), a tree "
            "{train,valid,test}/COARSE/FINE/*.jpg, a .csv file or DeepFashion",
            .alias = "data-path", .fallback = "CIFAR-100 under data/, else a drawn sample"),
        OPTION_ROW_INT("epochs", &o->epochs, 1, 1000000, "passes over the training images"),
        OPTION_ROW_INT("batch-size", &o->batch_size, 1, 65536, "images in a step"),
        OPTION_ROW_DOUBLE("lr", &o->lr, 1e-12, 1e30, "learning rate"),
        OPTION_ROW_CHOICE("backbone", &o->backbone, backbone_choices,
                          "of both branches; the tiny ones are for tests"),
        OPTION_ROW_CHOICE(
            "stem", &o->stem, "imagenet|cifar",
            "imagenet: 7x7 stride 2 and max pool; cifar: 3x3 stride 1, for small images"),
        OPTION_ROW_CHOICE(
            "precision", &o->precision, "fp32|fp16",
            "of activations and their gradients in memory; arithmetic and weights are fp32"),
        OPTION_ROW_INT("image-size", &o->image_size, 1, 4096,
                       "pixels a side of the input (the original's: 224)",
                       .fallback = "the data's own size"),
        OPTION_ROW_CHOICE("optimizer", &o->optimizer, "sgd|adam|adamw",
                          "sgd, adam, or adamw, whose weight decay stands beside the gradient"),
        OPTION_ROW_DOUBLE("momentum", &o->momentum, 0, 0.9999, "of SGD"),
        OPTION_ROW_FLAG("nesterov", &o->nesterov, "Nesterov's momentum"),
        OPTION_ROW_DOUBLE("weight-decay", &o->weight_decay, 0, 1e3,
                          "added to the gradient, times the weight"),
        OPTION_ROW_FLAG("no-norm-decay", &o->no_norm_decay,
                        "spare normalisation's parameters and biases the weight decay"),
        OPTION_ROW_DOUBLE("clip-norm", &o->clip_norm, 0, 1e30,
                          "scale the gradients down to this norm where theirs, all together, is "
                          "larger; 0: never"),
        OPTION_ROW_INT("accumulate", &o->accumulate, 1, 65536,
                       "batches whose mean gradient makes one step"),
        OPTION_ROW_DOUBLE("ema", &o->ema, 0, 0.9999999,
                          "validate and keep the moving average of the weights with this decay; "
                          "0: the weights themselves"),
        OPTION_ROW_STRING("schedule", &o->schedule, schedule_choices,
                          "of the learning rate; plateau: to a tenth when the validation loss has "
                          "not fallen for three epochs",
                          .fallback = "multistep with --milestones, else plateau"),
        OPTION_ROW_STRING("milestones", &o->milestones, "A,B",
                          "epochs after which multistep lowers the learning rate to a tenth",
                          .fallback = "none"),
        OPTION_ROW_DOUBLE("warmup", &o->warmup, 0, 1e6,
                          "epochs, also a part of one, in which the learning rate rises to where "
                          "the schedule begins"),
        OPTION_ROW_DOUBLE("min-lr", &o->min_lr, 0, 1e30,
                          "the lowest learning rate of plateau and cosine"),
        OPTION_ROW_INT("early-stop", &o->early_stop, 0, 1000000,
                       "end when the validation loss has not fallen for so many epochs; 0: never"),
        OPTION_ROW_DOUBLE("coarse", &o->coarse_weight, 0, 1e6, "weight of the coarse loss",
                          .alias = "coarse-const"),
        OPTION_ROW_DOUBLE("fine", &o->fine_weight, 0, 1e6, "weight of the fine loss",
                          .alias = "fine-const"),
        OPTION_ROW_CHOICE("coarse-loss", &o->coarse_loss, "head|marginal",
                          "head: of the coarse head; marginal: beside it that of the fine head's "
                          "probabilities, summed up by coarse class"),
        OPTION_ROW_STRING("loss-schedule", &o->loss_schedule, "E:C:F,...",
                          "from epoch E on, counted from 1, weights of C for the coarse loss and F "
                          "for the fine one",
                          .fallback = "--coarse and --fine in every epoch"),
        OPTION_ROW_DOUBLE("label-smoothing", &o->label_smoothing, 0, 0.999,
                          "the share of a training label that is spread over all classes"),
        OPTION_ROW_FLAG("only-fine", &o->only_fine, "the fine backbone and classifier alone"),
        OPTION_ROW_CHOICE("fusion", &o->fusion, fusion_choices,
                          "how the coarse features join the fine ones", .fallback = "concat"),
        OPTION_ROW_CHOICE("coarse-depth", &o->coarse_depth, "layer3|layer4",
                          "the layer that the coarse classifier stands on", .fallback = "layer3"),
        OPTION_ROW_FLAG("shared-trunk", &o->shared_trunk,
                        "one backbone for both classifiers, and no fusion: half the cost"),
        OPTION_ROW_STRING(
            "weights", &o->weights, "FILE",
            "start from a safetensors or .pth file: a whole network's, or one backbone's "
            "of torchvision or timm, for both"),
        OPTION_ROW_STRING("freeze", &o->freeze, "none|default|NAMES",
                          "what does not learn: none, default (the coarse backbone before its last "
                          "layer), or names of "
                          "layers with commas between",
                          .fallback = "default with backbone --weights, else none"),
        OPTION_ROW_STRING("augment", &o->augment, "default|none|LIST",
                          "default (rotate=20,flip), none, or a list with commas between of "
                          "resized-crop=AREA, rotate=DEGREES, crop=PADDING, flip, cutout=SIDE, "
                          "mixup=ALPHA, cutmix=ALPHA"),
        OPTION_ROW_FLAG("no-shuffle", &o->no_shuffle, "take the images in file order"),
        OPTION_ROW_FLAG("balance", &o->balance,
                        "train on each fine class equally often; an epoch has as many images as "
                        "without"),
        OPTION_ROW_FLAG("crop-boxes", &o->crop_boxes,
                        "of each image, only what is in its box (DeepFashion's), padded by 10 "
                        "pixels"),
        OPTION_ROW_INT("max-bad", &o->max_bad, 0, 2e9,
                       "image files that may be broken: they are skipped; one more ends the run"),
        OPTION_ROW_U64("seed", &o->seed, "of initial weights, split, order and augmentation"),
        OPTION_ROW_INT("max-steps", &o->max_steps, 0, 2e9,
                       "stop and save after so many steps in all; 0: no limit"),
        OPTION_ROW_STRING("metrics", &o->metrics, "FILE",
                          "where the JSON lines of steps and epochs go, a new file",
                          .fallback = "RUN/metrics.jsonl"),
        OPTION_ROW_INT("metrics-every", &o->metrics_every, 1, 1000000,
                       "steps from one line to the next"),
        OPTION_ROW_INT("histograms", &o->histograms, 0, 1000000,
                       "every so many epochs put histograms of weights and gradients into "
                       "TensorBoard's events; 0: never"),
        OPTION_ROW_INT("checkpoint-every", &o->checkpoint_every, 0, 1000000,
                       "save every so many steps, too; 0: at each epoch's end"),
        OPTION_ROW_INT("threads", &o->threads, 1, 256,
                       "that prepare images; they change nothing in the result",
                       .alias = "num-workers"),
        OPTION_ROW_FLAG("sync-bn", &o->sync_bn,
                        "with mpirun: batch normalisation by the whole batch, not by each rank's "
                        "part"),
        OPTION_ROW_CHOICE("wire", &o->wire, "fp32|fp16",
                          "with mpirun: how gradients travel between the ranks"),
        {0},
    };
    enum { COUNT = sizeof table / sizeof table[0] };
    _Static_assert((int)COUNT <= (int)CONFIG_ROWS, "CONFIG_ROWS has to grow");
    memcpy(rows, table, sizeof table);
    return COUNT - 1;
}

/* The key of a row in JSON: its name with '_' for '-'. */
static void key_of(const option_spec *row, char key[64])
{
    snprintf(key, 64, "%s", row->name);
    for (char *at = key; *at; at++)
        *at = *at == '-' ? '_' : *at;
}

static json_t *to_json(const option_spec *row)
{
    const char *text;
    switch (row->kind) {
    case OPTION_FLAG:
        return json_boolean(*(const bool *)row->target);
    case OPTION_INT:
        return json_integer(*(const int *)row->target);
    case OPTION_U64: /* text: JSON's integers end at 2^63 */
        return json_sprintf("%llu", (unsigned long long)*(const uint64_t *)row->target);
    case OPTION_DOUBLE:
        return json_real(*(const double *)row->target);
    case OPTION_STRING:
    case OPTION_CHOICE:
        text = *(const char *const *)row->target;
        return text ? json_string(text) : json_null();
    }
    return NULL;
}

static status check_text(const char *option, const char *text, error *err)
{
    json_t *value = text ? json_string(text) : json_null();
    json_decref(value);
    return value ? STATUS_OK
                 : error_set(err, STATUS_USAGE,
                             "--%s: '%s' is not UTF-8, and the run's JSON files hold nothing else; "
                             "rename it",
                             option, text);
}

status config_check(const train_options *options, error *err)
{
    option_spec rows[CONFIG_ROWS];
    train_options copy = *options;
    size_t count = config_rows(&copy, rows);
    for (size_t i = 0; i < count; i++)
        if (rows[i].kind == OPTION_STRING)
            TRY(check_text(rows[i].name, *(const char *const *)rows[i].target, err));
    return check_text("run", options->run, err);
}

status config_write(const char *path, const train_options *options, error *err)
{
    option_spec rows[CONFIG_ROWS];
    char key[64];
    train_options copy = *options;
    size_t count = config_rows(&copy, rows);
    TRY(config_check(options, err));
    json_t *root = json_object();
    for (size_t i = 0; i < count; i++) {
        key_of(&rows[i], key);
        json_object_set_new(root, key, to_json(&rows[i]));
    }
    char *text = root ? json_dumps(root, JSON_INDENT(INDENT)) : NULL;
    status result = text ? file_write(path, text, strlen(text), err) : error_memory(err, path);
    free(text);
    json_decref(root);
    return result;
}
