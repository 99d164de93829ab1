/* SPDX-License-Identifier: Apache-2.0 */
/* The table of a run's options, and config.json; see train_options.h. */
#include "train/train_options.h"
#include "base/json_values.h"
#include "model/backbone.h"
#include "model/fusion.h"
#include "train/schedule.h"

#include <jansson.h>

enum { INDENT = 2 };

static const word_list optimizer_words = WORD_LIST("sgd", "adam", "adamw");
static const word_list coarse_depth_words = WORD_LIST("layer3", "layer4");

train_options train_defaults(void)
{
    return (train_options){
        .backbone = "wide_resnet_50",
        .augment = "default",
        .schedule = SCHEDULE_DEFAULT,
        .coarse_depth = COARSE_DEPTH_DEFAULT,
        .epochs = 15,
        .batch_size = 32,
        .accumulate = 1,
        .lr = 8e-3,
        .loss = {1, 2},
        .metrics_every = 1,
        .threads = 2,
        .max_bad = 10,
    };
}

const option_row train_rows[] = {
    OPTION_ROW_STRING(
        "data", train_options, data, "PATH",
        "CIFAR-100 (binary or python version, a directory or .tar.gz/.tar.xz), a tree "
        "{train,valid,test}/COARSE/FINE/*.jpg, a .csv file or DeepFashion",
        .alias = "data-path", .fallback = "CIFAR-100 under data/, else a drawn sample"),
    OPTION_ROW_INT("epochs", train_options, epochs, 1, 1000000, "passes over the training images",
                   .on_resume = true),
    OPTION_ROW_INT("batch-size", train_options, batch_size, 1, 65536, "images in a step"),
    OPTION_ROW_DOUBLE("lr", train_options, lr, 1e-12, 1e30, "learning rate"),
    OPTION_ROW_NAME("backbone", train_options, backbone, backbone_words,
                    "of both branches; the tiny ones are for tests"),
    OPTION_ROW_CHOICE("stem", train_options, stem, stem_words,
                      "imagenet: 7x7 stride 2 and max pool; cifar: 3x3 stride 1, for small images"),
    OPTION_ROW_CHOICE(
        "precision", train_options, precision, precision_words,
        "of activations and their gradients in memory; arithmetic and weights are fp32"),
    OPTION_ROW_INT("image-size", train_options, image_size, 1, 4096,
                   "pixels a side of the input (the original's: 224)",
                   .fallback = "the data's own size"),
    OPTION_ROW_CHOICE("optimizer", train_options, optimizer, optimizer_words,
                      "sgd, adam, or adamw, whose weight decay stands beside the gradient"),
    OPTION_ROW_DOUBLE("momentum", train_options, momentum, 0, 0.9999, "of SGD"),
    OPTION_ROW_FLAG("nesterov", train_options, nesterov, "Nesterov's momentum"),
    OPTION_ROW_DOUBLE("weight-decay", train_options, weight_decay, 0, 1e3,
                      "added to the gradient, times the weight"),
    OPTION_ROW_FLAG("no-norm-decay", train_options, no_norm_decay,
                    "spare normalisation's parameters and biases the weight decay"),
    OPTION_ROW_DOUBLE("clip-norm", train_options, clip_norm, 0, 1e30,
                      "scale the gradients down to this norm where theirs, all together, is "
                      "larger; 0: never"),
    OPTION_ROW_INT("accumulate", train_options, accumulate, 1, 65536,
                   "batches whose mean gradient makes one step"),
    OPTION_ROW_DOUBLE("ema", train_options, ema, 0, 0.9999999,
                      "validate and keep the moving average of the weights with this decay; "
                      "0: the weights themselves"),
    OPTION_ROW_CHOICE("schedule", train_options, schedule, schedule_words,
                      "of the learning rate; plateau: to a tenth when the validation loss has "
                      "not fallen for three epochs",
                      .fallback = "multistep with --milestones, else plateau"),
    OPTION_ROW_STRING("milestones", train_options, milestones, "A,B",
                      "epochs after which multistep lowers the learning rate to a tenth",
                      .fallback = "none"),
    OPTION_ROW_DOUBLE("warmup", train_options, warmup, 0, 1e6,
                      "epochs, also a part of one, in which the learning rate rises to where "
                      "the schedule begins"),
    OPTION_ROW_DOUBLE("min-lr", train_options, min_lr, 0, 1e30,
                      "the lowest learning rate of plateau and cosine"),
    OPTION_ROW_INT("early-stop", train_options, early_stop, 0, 1000000,
                   "end when the validation loss has not fallen for so many epochs; 0: never"),
    OPTION_ROW_DOUBLE("coarse", train_options, loss.coarse, 0, 1e6, "weight of the coarse loss",
                      .alias = "coarse-const"),
    OPTION_ROW_DOUBLE("fine", train_options, loss.fine, 0, 1e6, "weight of the fine loss",
                      .alias = "fine-const"),
    OPTION_ROW_CHOICE("coarse-loss", train_options, coarse_loss, coarse_loss_words,
                      "head: of the coarse head; marginal: beside it that of the fine head's "
                      "probabilities, summed up by coarse class"),
    OPTION_ROW_STRING("loss-schedule", train_options, loss_schedule, "E:C:F,...",
                      "from epoch E on, counted from 1, weights of C for the coarse loss and F "
                      "for the fine one",
                      .fallback = "--coarse and --fine in every epoch"),
    OPTION_ROW_DOUBLE("label-smoothing", train_options, label_smoothing, 0, 0.999,
                      "the share of a training label that is spread over all classes"),
    OPTION_ROW_FLAG("only-fine", train_options, only_fine,
                    "the fine backbone and classifier alone"),
    OPTION_ROW_NAME("fusion", train_options, fusion, fusion_words,
                    "how the coarse features join the fine ones", .fallback = "concat"),
    OPTION_ROW_CHOICE("coarse-depth", train_options, coarse_depth, coarse_depth_words,
                      "the layer that the coarse classifier stands on", .fallback = "layer3"),
    OPTION_ROW_FLAG("shared-trunk", train_options, shared_trunk,
                    "one backbone for both classifiers, and no fusion: half the cost"),
    OPTION_ROW_STRING("weights", train_options, weights, "FILE",
                      "start from a safetensors or .pth file: a whole network's, or one backbone's "
                      "of torchvision or timm, for both"),
    OPTION_ROW_STRING("freeze", train_options, freeze, "none|default|NAMES",
                      "what does not learn: none, default (the coarse backbone before its last "
                      "layer), or names of "
                      "layers with commas between",
                      .fallback = "default with backbone --weights, else none"),
    OPTION_ROW_STRING("augment", train_options, augment, "default|none|LIST",
                      "default (rotate=20,flip), none, or a list with commas between of "
                      "resized-crop=AREA, rotate=DEGREES, crop=PADDING, flip, cutout=SIDE, "
                      "mixup=ALPHA, cutmix=ALPHA"),
    OPTION_ROW_FLAG("no-shuffle", train_options, no_shuffle, "take the images in file order"),
    OPTION_ROW_FLAG("balance", train_options, balance,
                    "train on each fine class equally often; an epoch has as many images as "
                    "without"),
    OPTION_ROW_FLAG("crop-boxes", train_options, crop_boxes,
                    "of each image, only what is in its box (DeepFashion's), padded by 10 "
                    "pixels"),
    OPTION_ROW_INT("max-bad", train_options, max_bad, 0, 2e9,
                   "image files that may be broken: they are skipped; one more ends the run",
                   .on_resume = true),
    OPTION_ROW_U64("seed", train_options, seed,
                   "of initial weights, split, order and augmentation"),
    OPTION_ROW_INT("max-steps", train_options, max_steps, 0, 2e9,
                   "stop and save after so many steps in all; 0: no limit", .on_resume = true),
    OPTION_ROW_STRING("metrics", train_options, metrics, "FILE",
                      "where the JSON lines of steps and epochs go, a new file",
                      .fallback = "RUN/metrics.jsonl"),
    OPTION_ROW_INT("metrics-every", train_options, metrics_every, 1, 1000000,
                   "steps from one line to the next"),
    OPTION_ROW_INT("histograms", train_options, histograms, 0, 1000000,
                   "every so many epochs put histograms of weights and gradients into "
                   "TensorBoard's events; 0: never"),
    OPTION_ROW_INT("checkpoint-every", train_options, checkpoint_every, 0, 1000000,
                   "save every so many steps, too; 0: at each epoch's end"),
    OPTION_ROW_INT("threads", train_options, threads, 1, 256,
                   "that prepare images; they change nothing in the result", .alias = "num-workers",
                   .on_resume = true),
    OPTION_ROW_FLAG("sync-bn", train_options, sync_bn,
                    "with mpirun: batch normalisation by the whole batch, not by each rank's "
                    "part"),
    OPTION_ROW_CHOICE("wire", train_options, wire, precision_words,
                      "with mpirun: how gradients travel between the ranks"),
    OPTION_ROW_STRING("recipe", train_options, recipe, "original|modern|FILE",
                      "options from a recipe, of which a YAML file is one, such as a run's "
                      "config.json; the command line wins",
                      .transient = true),
    OPTION_ROW_FLAG("tune", train_options, tune, "first `hcnn-cl tune` what is not tuned yet",
                    .transient = true),
    OPTION_ROW_STRING("run", train_options, run, "DIR", "directory of the run, a new one",
                      .fallback = "runs/DATE-TIME", .transient = true),
    OPTION_ROW_STRING("resume", train_options, resume, "RUN",
                      "go on with a run; its own options hold, but for --epochs, --threads and "
                      "--max-bad where "
                      "they are given, and --max-steps, of which a run keeps none",
                      .on_resume = true, .transient = true),
    {0},
};
_Static_assert(sizeof train_rows / sizeof train_rows[0] <= TRAIN_ROWS, "TRAIN_ROWS has to grow");

bool train_has_coarse_loss(const train_options *o)
{
    return !o->only_fine || o->coarse_loss == COARSE_LOSS_MARGINAL;
}

static status check_loss(const train_options *o, error *err)
{
    bool coarse = train_has_coarse_loss(o);
    if (o->loss.fine > 0 || (coarse && o->loss.coarse > 0))
        return STATUS_OK;
    if (coarse)
        return error_set(err, STATUS_USAGE, "--coarse 0 and --fine 0 leave nothing to learn");
    return error_set(err, STATUS_USAGE,
                     "--fine 0 with --only-fine leaves nothing to learn; --coarse-loss marginal "
                     "would learn the coarse classes");
}

status train_options_check(const train_options *o, error *err)
{
    bool adam = o->optimizer != OPTIMIZER_SGD;
    if (o->balance && o->no_shuffle)
        return error_set(err, STATUS_USAGE,
                         "--balance draws the images by lot, --no-shuffle takes them in order");
    if (o->nesterov && (o->momentum <= 0 || adam))
        return error_set(err, STATUS_USAGE, "--nesterov needs --optimizer sgd and a --momentum");
    if (o->warmup > 0 && o->warmup >= o->epochs)
        return error_set(err, STATUS_USAGE, "--warmup %g leaves nothing of --epochs %d", o->warmup,
                         o->epochs);
    if (o->tune && o->ranks)
        return error_set(err, STATUS_USAGE,
                         "--tune measures one device alone: run `hcnn-cl tune` on each machine "
                         "first, with the --batch-size of one rank");
    if (adam && o->momentum != 0)
        return error_set(err, STATUS_USAGE, "--momentum is SGD's; Adam has its own");
    return check_loss(o, err);
}

/* ---- config.json ---- */

/* The key of a row in JSON: its name with '_' for '-'. */
static void key_of(const option_row *row, char key[64])
{
    snprintf(key, 64, "%s", row->name);
    for (char *at = key; *at; at++)
        *at = *at == '-' ? '_' : *at;
}

static const void *value_of(const option_row *row, const train_options *options)
{
    return (const char *)options + row->at;
}

static json_t *to_json(const option_row *row, const train_options *options)
{
    const void *value = value_of(row, options);
    switch (row->kind) {
    case OPTION_FLAG:
        return json_boolean(*(const bool *)value);
    case OPTION_INT:
        return json_integer(*(const int *)value);
    case OPTION_U64: /* text: JSON's integers end at 2^63 */
        return json_sprintf("%llu", (unsigned long long)*(const uint64_t *)value);
    case OPTION_DOUBLE:
        return json_real(*(const double *)value);
    case OPTION_CHOICE:
        return text_to_json(word_list_at(row->words, *(const int *)value));
    case OPTION_STRING:
    case OPTION_NAME:
        return text_to_json(*(const char *const *)value);
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
    for (const option_row *row = train_rows; row->name; row++)
        if (row->kind == OPTION_STRING && !row->transient)
            TRY(check_text(row->name, *(const char *const *)value_of(row, options), err));
    return check_text("run", options->run, err);
}

status config_write(const char *path, const train_options *options, error *err)
{
    char key[64];
    TRY(config_check(options, err));
    json_t *root = json_object();
    for (const option_row *row = train_rows; row->name; row++) {
        if (row->transient)
            continue;
        key_of(row, key);
        json_object_set_new(root, key, to_json(row, options));
    }
    return json_write(path, root, JSON_INDENT(INDENT), err);
}
