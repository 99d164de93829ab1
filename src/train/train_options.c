/* SPDX-License-Identifier: Apache-2.0 */
/* The table of a run's options, and config.json; see train_options.h. */
#include "train/train_options.h"
#include "base/json_values.h"
#include "model/backbone.h"
#include "model/fusion.h"
#include "train/schedule.h"

#include <string.h>

enum { INDENT = 2 };

static const word_list optimizer_words = WORD_LIST("sgd", "adam", "adamw");
static const word_list coarse_depth_words = WORD_LIST("layer3", "layer4");
static const word_list wire_words = WORD_LIST("fp32", "fp16");

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
        .device_timeout = DEVICE_TIMEOUT,
        .max_bad = 10,
    };
}

const option_row train_rows[] = {
    OPTION_ROW_STRING(
        "data", train_options, data, "PATH",
        "data set: CIFAR-100 (binary or python version, as a directory, .tar.gz or .tar.xz), a "
        "tree {train,valid,test}/COARSE/FINE/*.jpg, a .csv file, or DeepFashion",
        .alias = "data-path", .fallback = "CIFAR-100 under data/, else a drawn sample"),
    OPTION_ROW_INT("epochs", train_options, epochs, 1, 1000000, "passes over the training images",
                   .on_resume = true),
    OPTION_ROW_INT("batch-size", train_options, batch_size, 1, 65536,
                   "images per batch, of all ranks together"),
    OPTION_ROW_DOUBLE("lr", train_options, lr, 1e-12, 1e30, "learning rate"),
    OPTION_ROW_NAME("backbone", train_options, backbone, backbone_words,
                    "backbone of both branches; names that start with tiny are for tests"),
    OPTION_ROW_CHOICE("stem", train_options, stem, stem_words,
                      "first layers; imagenet: 7x7 convolution with stride 2 and max pool; cifar: "
                      "3x3 convolution with stride 1, for small images"),
    OPTION_ROW_CHOICE("precision", train_options, precision, precision_choice_words,
                      "what to compute with: bf16 and fp16 store activations and their gradients "
                      "in two bytes; tf32 rounds the factors of products, on NVIDIA GPUs; auto is "
                      "what the device has the fastest unit for. Weights and sums are fp32"),
    OPTION_ROW_INT("image-size", train_options, image_size, 1, 4096,
                   "side in pixels to which images are resized (the original's: 224)",
                   .fallback = "the data's own size"),
    OPTION_ROW_CHOICE("optimizer", train_options, optimizer, optimizer_words,
                      "optimizer; adamw is Adam with weight decay separate from the gradient"),
    OPTION_ROW_DOUBLE("momentum", train_options, momentum, 0, 0.9999, "momentum for SGD"),
    OPTION_ROW_FLAG("nesterov", train_options, nesterov, "use Nesterov momentum"),
    OPTION_ROW_DOUBLE("weight-decay", train_options, weight_decay, 0, 1e3,
                      "weight decay; this factor times the weight is added to the gradient"),
    OPTION_ROW_FLAG("no-norm-decay", train_options, no_norm_decay,
                    "exempt the parameters of normalisation and all biases from weight decay"),
    OPTION_ROW_DOUBLE("clip-norm", train_options, clip_norm, 0, 1e30,
                      "scale the gradients down to this L2 norm, taken over all of them, if theirs "
                      "is larger; 0: off"),
    OPTION_ROW_INT("accumulate", train_options, accumulate, 1, 65536,
                   "batches per step; the step uses the mean of their gradients"),
    OPTION_ROW_DOUBLE("ema", train_options, ema, 0, 0.9999999,
                      "decay of a moving average of the weights; the average, not the weights, is "
                      "validated and saved as the best checkpoint; 0: no average"),
    OPTION_ROW_CHOICE("schedule", train_options, schedule, schedule_words,
                      "how the learning rate changes; plateau cuts it to a tenth when the "
                      "validation loss has not fallen for three epochs",
                      .fallback = "multistep with --milestones, else plateau"),
    OPTION_ROW_STRING("milestones", train_options, milestones, "A,B",
                      "epochs after which multistep cuts the learning rate to a tenth",
                      .fallback = "none"),
    OPTION_ROW_DOUBLE("warmup", train_options, warmup, 0, 1e6,
                      "epochs, possibly a fraction of one, in which the learning rate first rises "
                      "to where the schedule starts"),
    OPTION_ROW_DOUBLE("min-lr", train_options, min_lr, 0, 1e30,
                      "lowest learning rate of plateau and cosine"),
    OPTION_ROW_INT("early-stop", train_options, early_stop, 0, 1000000,
                   "end the run when the validation loss has not fallen for N epochs; 0: off"),
    OPTION_ROW_DOUBLE("coarse", train_options, loss.coarse, 0, 1e6, "weight of the coarse loss",
                      .alias = "coarse-const"),
    OPTION_ROW_DOUBLE("fine", train_options, loss.fine, 0, 1e6, "weight of the fine loss",
                      .alias = "fine-const"),
    OPTION_ROW_CHOICE("coarse-loss", train_options, coarse_loss, coarse_loss_words,
                      "coarse loss; head: of the coarse classifier; marginal: adds the loss of the "
                      "fine probabilities, summed over each coarse class"),
    OPTION_ROW_STRING(
        "loss-schedule", train_options, loss_schedule, "E:C:F,...",
        "weights C of the coarse loss and F of the fine loss from epoch E on; the first epoch is 1",
        .fallback = "--coarse and --fine in every epoch"),
    OPTION_ROW_DOUBLE("label-smoothing", train_options, label_smoothing, 0, 0.999,
                      "share of each training label that is spread over all classes"),
    OPTION_ROW_FLAG("only-fine", train_options, only_fine,
                    "train the fine backbone and classifier alone"),
    OPTION_ROW_NAME("fusion", train_options, fusion, fusion_words,
                    "how the coarse features join the fine ones", .fallback = "concat"),
    OPTION_ROW_CHOICE("coarse-depth", train_options, coarse_depth, coarse_depth_words,
                      "layer whose output the coarse classifier uses", .fallback = "layer3"),
    OPTION_ROW_FLAG("shared-trunk", train_options, shared_trunk,
                    "use one backbone for both classifiers and no fusion, at half the cost"),
    OPTION_ROW_STRING("weights", train_options, weights, "FILE",
                      "start from the weights in a safetensors or .pth file: a whole network, or "
                      "one backbone of torchvision or timm, which is used for both backbones"),
    OPTION_ROW_STRING("freeze", train_options, freeze, "none|default|NAMES",
                      "parameters not to train: none, default (the coarse backbone before its last "
                      "stage), or prefixes of parameter names separated by commas",
                      .fallback = "default if --weights is one backbone, else none"),
    OPTION_ROW_STRING("augment", train_options, augment, "default|none|LIST",
                      "augmentation of the training images: default (rotate=20,flip), none, or a "
                      "comma-separated list of resized-crop=AREA, rotate=DEGREES, crop=PADDING, "
                      "flip, cutout=SIDE, mixup=ALPHA, cutmix=ALPHA"),
    OPTION_ROW_FLAG("no-shuffle", train_options, no_shuffle,
                    "take the training images in file order"),
    OPTION_ROW_FLAG(
        "balance", train_options, balance,
        "draw every fine class equally often; the number of images per epoch does not change"),
    OPTION_ROW_FLAG("crop-boxes", train_options, crop_boxes,
                    "use only the part of each image inside its box, padded by 10 pixels; "
                    "DeepFashion has boxes"),
    OPTION_ROW_INT("max-bad", train_options, max_bad, 0, 2e9,
                   "number of broken image files to skip; one more ends the run",
                   .on_resume = true),
    OPTION_ROW_U64("seed", train_options, seed,
                   "seed for initial weights, split, order and augmentation"),
    OPTION_ROW_INT("max-steps", train_options, max_steps, 0, 2e9,
                   "stop and save after N steps in all; 0: no limit", .on_resume = true),
    OPTION_ROW_STRING("metrics", train_options, metrics, "FILE",
                      "new or empty file for the metrics, as JSON lines",
                      .fallback = "RUN/metrics.jsonl"),
    OPTION_ROW_INT("metrics-every", train_options, metrics_every, 1, 1000000,
                   "write a line of metrics every N steps"),
    OPTION_ROW_INT("histograms", train_options, histograms, 0, 1000000,
                   "write histograms of weights and gradients to TensorBoard's event files every N "
                   "epochs; 0: never"),
    OPTION_ROW_INT(
        "checkpoint-every", train_options, checkpoint_every, 0, 1000000,
        "save a checkpoint every N steps as well as at the end of each epoch; 0: only there"),
    OPTION_ROW_INT("threads", train_options, threads, 1, 256,
                   "threads that decode images; the result does not depend on it",
                   .alias = "num-workers", .on_resume = true),
    OPTION_ROW_DOUBLE("device-timeout", train_options, device_timeout, 0, 1e9,
                      "end with an error if the device finishes no kernel for X seconds; 0: never",
                      .on_resume = true),
    OPTION_ROW_FLAG(
        "sync-bn", train_options, sync_bn,
        "with mpirun: normalise by the statistics of the whole batch, not of each rank's part"),
    OPTION_ROW_CHOICE("wire", train_options, wire, wire_words,
                      "with mpirun: format in which the ranks exchange gradients"),
    OPTION_ROW_STRING("recipe", train_options, recipe, "original|modern|FILE",
                      "replace the defaults by those of a recipe: original, modern, or a YAML file "
                      "such as a run's config.json; the command line overrides it",
                      .transient = true),
    OPTION_ROW_FLAG("tune", train_options, tune,
                    "first tune what is not tuned yet, as `hcnn-cl tune` does", .transient = true),
    OPTION_ROW_FLAG("no-selftest", train_options, no_selftest,
                    "do not test the device's kernels before they are used for the first time",
                    .transient = true, .on_resume = true),
    OPTION_ROW_STRING("run", train_options, run, "DIR", "new directory for the run",
                      .fallback = "runs/DATE-TIME", .transient = true),
    OPTION_ROW_STRING("resume", train_options, resume, "RUN",
                      "continue a run with its own options, except --epochs, --threads, --max-bad "
                      "and --device-timeout if they are given; the run's --max-steps no longer "
                      "applies",
                      .on_resume = true, .transient = true),
    {0},
};
_Static_assert(sizeof train_rows / sizeof train_rows[0] <= TRAIN_ROWS, "TRAIN_ROWS is too small");

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
        return error_set(
            err, STATUS_USAGE,
            "--coarse 0 and --fine 0 leave nothing to learn; set at least one of them above 0");
    return error_set(err, STATUS_USAGE,
                     "--fine 0 with --only-fine leaves nothing to learn; set --fine above 0, or "
                     "learn the coarse classes with --coarse-loss marginal");
}

status train_options_check(const train_options *o, error *err)
{
    bool adam = o->optimizer != OPTIMIZER_SGD;
    if (o->balance && o->no_shuffle)
        return error_set(err, STATUS_USAGE,
                         "--balance draws images at random, but --no-shuffle takes them in file "
                         "order; leave one of them out");
    if (o->nesterov && (o->momentum <= 0 || adam))
        return error_set(err, STATUS_USAGE,
                         "--nesterov needs --optimizer sgd and a --momentum above 0");
    if (o->warmup > 0 && o->warmup >= o->epochs)
        return error_set(err, STATUS_USAGE,
                         "--warmup %g leaves no epoch of --epochs %d; make it shorter", o->warmup,
                         o->epochs);
    if (o->tune && o->ranks)
        return error_set(err, STATUS_USAGE,
                         "--tune measures one device alone, so it cannot be used with mpirun; run "
                         "`hcnn-cl tune` on each machine first, with the --batch-size of one rank");
    if (adam && o->momentum != 0)
        return error_set(err, STATUS_USAGE,
                         "--momentum is for --optimizer sgd; leave it out, because adam and adamw "
                         "have their own");
    return check_loss(o, err);
}

/* ---- Options without effect ---- */

bool train_is_given(const train_options *o, const char *name)
{
    return o->origin.lines[options_find(train_rows, name) - train_rows] == TRAIN_GIVEN;
}

static bool syncs_alone(const train_options *o)
{
    return o->sync_bn && !o->ranks;
}

static bool has_groups(const train_options *o)
{
    return o->sync_bn && backbone_find(o->backbone)->groups > 0;
}

static bool sends_alone(const train_options *o)
{
    return o->wire != WIRE_FP32 && !o->ranks;
}

static bool has_no_decay(const train_options *o)
{
    return o->no_norm_decay && o->weight_decay == 0;
}

static bool has_no_coarse_loss(const train_options *o)
{
    return !train_has_coarse_loss(o);
}

static bool has_no_coarse_weight(const train_options *o)
{
    return o->coarse_loss == COARSE_LOSS_MARGINAL && o->loss.coarse == 0 && !o->loss_schedule;
}

static bool freezes_no_coarse(const train_options *o)
{
    return (o->only_fine || o->shared_trunk) && o->freeze && strcmp(o->freeze, "default") == 0;
}

const train_idle train_idle_options[] = {
    {"sync-bn", syncs_alone, "in one process; start several with mpirun"},
    {"sync-bn", has_groups, "with a backbone that has no batch normalisation"},
    {"wire", sends_alone, "in one process; start several with mpirun"},
    {"no-norm-decay", has_no_decay, "without --weight-decay"},
    {"coarse", has_no_coarse_loss, "with --only-fine, unless --coarse-loss is marginal"},
    {"coarse-loss", has_no_coarse_weight, "with --coarse 0"},
    {"freeze", freezes_no_coarse, "without a coarse backbone of its own"},
    {0},
};

/* ---- config.json ---- */

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
    case OPTION_U64: /* as text, because JSON integers end at 2^63 */
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
    bool utf8 = true;
    if (text)
        TRY(json_check_text(text, &utf8, err));
    return utf8
               ? STATUS_OK
               : error_set(err, STATUS_USAGE,
                           "--%s: '%s' is not UTF-8, which the run's JSON files require; rename it",
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
    char key[OPTION_KEY_BYTES];
    TRY(config_check(options, err));
    json_watch();
    json_t *root = json_object();
    for (const option_row *row = train_rows; row->name; row++) {
        if (row->transient)
            continue;
        options_key(row->name, key);
        root = object_put(root, key, to_json(row, options));
    }
    return json_write(path, root, JSON_INDENT(INDENT), err);
}
