/* SPDX-License-Identifier: Apache-2.0 */
/* A checkpoint's metadata, to JSON and back; see metadata.h. */
#include "train/metadata.h"
#include "model/backbone.h"
#include "model/fusion.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char format_version[] = "1";

enum { MAX_IMAGE_SIZE = 16384 }; /* the longest side of an image file */

/* ---- Writing ---- */

static json_t *exact(double value)
{
    return json_sprintf("%a", value);
}

/* NULL when one is not UTF-8 or memory is out. */
static json_t *names_to_json(char *const *names, int count)
{
    json_t *array = json_array();
    for (int i = 0; i < count; i++)
        if (json_array_append_new(array, json_string(names[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static json_t *classes_to_json(const hierarchy *tree)
{
    json_t *parents = json_array();
    for (int i = 0; i < tree->fine_count; i++)
        json_array_append_new(parents, json_integer(tree->parents[i]));
    return json_pack("{s:o, s:o, s:o}", "coarse",
                     names_to_json(tree->coarse_names, tree->coarse_count), "fine",
                     names_to_json(tree->fine_names, tree->fine_count), "parents", parents);
}

static json_t *network_to_json(const network_options *o)
{
    return json_pack("{s:s, s:s, s:b, s:i, s:s, s:b, s:i, s:s*, s:s}", "backbone", o->backbone,
                     "stem", o->stem == STEM_CIFAR ? "cifar" : "imagenet", "only_fine",
                     o->only_fine, "image_size", o->image_size, "freeze", o->freeze, "shared_trunk",
                     o->shared_trunk, "coarse_stages", o->coarse_stages, "fusion", o->fusion,
                     "coarse_loss", o->marginal_parents ? "marginal" : "head");
}

static json_t *terms_to_json(const run_terms *terms)
{
    /* The seed as text: JSON's integers end at 2^63. */
    return json_pack("{s:o, s:o, s:o, s:b}", "seed",
                     json_sprintf("%llu", (unsigned long long)terms->seed), "coarse_weight",
                     exact(terms->coarse_weight), "fine_weight", exact(terms->fine_weight),
                     "crop_boxes", terms->crop_boxes);
}

static json_t *schedule_to_json(const schedule *s)
{
    json_t *milestones = json_array();
    for (int i = 0; i < s->milestone_count; i++)
        json_array_append_new(milestones, json_integer(s->milestones[i]));
    return json_pack("{s:o, s:o, s:i, s:i, s:o}", "lr", exact(s->lr), "best", exact(s->best),
                     "bad_epochs", s->bad_epochs, "epoch", s->epoch, "milestones", milestones);
}

static json_t *state_to_json(const training_state *s, const char *optimizer_file)
{
    return json_pack("{s:I, s:I, s:I, s:o, s:o, s:o, s:I, s:I, s:s?}", "step", (json_int_t)s->step,
                     "epoch", (json_int_t)s->epoch, "batch", (json_int_t)s->batch, "sums",
                     metrics_to_exact(&s->sums), "schedule", schedule_to_json(&s->rate),
                     "best_loss", exact(s->best_loss), "best_epoch", (json_int_t)s->best_epoch,
                     "metrics_bytes", (json_int_t)s->metrics_bytes, "optimizer_file",
                     optimizer_file);
}

static json_t *scaling_to_json(const loss_scale *s)
{
    return json_pack("{s:o, s:I, s:b, s:b}", "scale", exact(s->scale), "good_steps",
                     (json_int_t)s->good_steps, "even_overflowed", s->overflowed[0],
                     "odd_overflowed", s->overflowed[1]);
}

/* Takes over `value`. */
static status put(safetensors_writer *writer, const char *piece, json_t *value, error *err)
{
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
    status result =
        text ? safetensors_set_metadata(writer, piece, text, err)
             : error_set(err, STATUS_FAILED,
                         "%s of a checkpoint: a name is not UTF-8, or memory is out", piece);
    free(text);
    json_decref(value);
    return result;
}

status metadata_write(safetensors_writer *writer, const network_options *options,
                      const hierarchy *classes, const training_state *state,
                      const char *optimizer_file, error *err)
{
    TRY(safetensors_set_metadata(writer, "hcnn.format", format_version, err));
    TRY(put(writer, "hcnn.classes", classes_to_json(classes), err));
    TRY(put(writer, "hcnn.network", network_to_json(options), err));
    TRY(put(writer, "hcnn.run", terms_to_json(&state->terms), err));
    TRY(put(writer, "hcnn.loss_scale", scaling_to_json(&state->scaling), err));
    return put(writer, "hcnn.state", state_to_json(state, optimizer_file), err);
}

/* ---- Reading ---- */

/* The keys of one object. Its functions return something whatever they find; the first fault stays
 * in *result, and the values are worth nothing then. */
typedef struct reader {
    const char *path;  /* of the file */
    const char *piece; /* "hcnn.state", "hcnn.state's schedule" */
    const json_t *object;
    status *result;
    error *err;
} reader;

static void refuse(const reader *r, const char *key, const char *fault)
{
    if (*r->result == STATUS_OK)
        *r->result = error_set(r->err, STATUS_FAILED,
                               "%s: %s: '%s' %s; the file is damaged or another program's: take "
                               "another checkpoint",
                               r->path, r->piece, key, fault);
}

static void expect(const reader *r, bool as_written, const char *key)
{
    if (!as_written)
        refuse(r, key, "is not what hcnn-cl writes there");
}

static const json_t *find(const reader *r, const char *key)
{
    const json_t *value = json_object_get(r->object, key);
    if (!value)
        refuse(r, key, "is missing");
    return value;
}

/* For keys that files from before them do not have. */
static bool has(const reader *r, const char *key)
{
    return json_object_get(r->object, key) != NULL;
}

static bool is_whole(const json_t *value, json_int_t least, json_int_t most)
{
    return json_is_integer(value) && json_integer_value(value) >= least &&
           json_integer_value(value) <= most;
}

static json_int_t read_whole(const reader *r, const char *key, json_int_t least, json_int_t most)
{
    const json_t *value = find(r, key);
    expect(r, is_whole(value, least, most), key);
    return json_integer_value(value);
}

static uint64_t read_count(const reader *r, const char *key)
{
    return (uint64_t)read_whole(r, key, 0, LLONG_MAX);
}

/* From 0 up: none of the numbers with a fraction is below it. */
static double read_real(const reader *r, const char *key, bool may_be_infinite)
{
    const char *text = json_string_value(find(r, key));
    char *end = NULL;
    double value = text ? strtod(text, &end) : 0;
    expect(r,
           text && end > text && *end == '\0' && value >= 0 && (may_be_infinite || isfinite(value)),
           key);
    return value;
}

static uint64_t read_seed(const reader *r, const char *key)
{
    const char *text = json_string_value(find(r, key));
    bool digits = text && *text && strspn(text, "0123456789") == strlen(text);
    errno = 0;
    uint64_t seed = digits ? strtoull(text, NULL, 10) : 0;
    expect(r, digits && errno == 0, key);
    return seed;
}

static const char *read_text(const reader *r, const char *key)
{
    const char *text = json_string_value(find(r, key));
    expect(r, text, key);
    return text ? text : "";
}

static bool read_flag(const reader *r, const char *key)
{
    const json_t *value = find(r, key);
    expect(r, json_is_boolean(value), key);
    return json_is_true(value);
}

static const json_t *read_list(const reader *r, const char *key)
{
    const json_t *list = find(r, key);
    expect(r, json_is_array(list), key);
    return list;
}

static reader enter(const reader *r, const char *key, const char *piece)
{
    reader inner = *r;
    inner.object = find(r, key);
    inner.piece = piece;
    expect(r, json_is_object(inner.object), key);
    return inner;
}

static metrics read_sums(const reader *r)
{
    metrics sums;
    const char *fault = metrics_from_exact(r->object, &sums);
    if (fault && find(r, fault))
        expect(r, false, fault);
    return sums;
}

static schedule read_schedule(const reader *r)
{
    schedule s = {
        .lr = read_real(r, "lr", false),
        .best = read_real(r, "best", true),
        .bad_epochs = (int)read_whole(r, "bad_epochs", 0, INT_MAX),
        .epoch = (int)read_whole(r, "epoch", 0, INT_MAX),
    };
    expect(r, s.lr > 0, "lr");
    const json_t *milestones = read_list(r, "milestones");
    size_t count = json_array_size(milestones);
    expect(r, count <= SCHEDULE_MILESTONES, "milestones");
    for (size_t i = 0; i < count && i < SCHEDULE_MILESTONES; i++) {
        const json_t *epoch = json_array_get(milestones, i);
        expect(r, is_whole(epoch, 1, INT_MAX), "milestones");
        s.milestones[s.milestone_count++] = (int)json_integer_value(epoch);
    }
    return s;
}

static status read_state(const reader *r, checkpoint_info *info, error *err)
{
    reader sums = enter(r, "sums", "hcnn.state's sums");
    reader rate = enter(r, "schedule", "hcnn.state's schedule");
    info->state.step = read_count(r, "step");
    info->state.epoch = (uint32_t)read_whole(r, "epoch", 0, UINT32_MAX);
    info->state.batch = read_count(r, "batch");
    info->state.sums = read_sums(&sums);
    info->state.rate = read_schedule(&rate);
    info->state.best_loss = read_real(r, "best_loss", true);
    info->state.best_epoch = (uint32_t)read_whole(r, "best_epoch", 0, UINT32_MAX);
    info->state.metrics_bytes = read_count(r, "metrics_bytes");
    const json_t *file = find(r, "optimizer_file");
    const char *name = json_string_value(file);
    expect(r, json_is_null(file) || name, "optimizer_file");
    if (name && strchr(name, '/'))
        refuse(r, "optimizer_file", "names a file outside the run's directory");
    TRY(*r->result);
    info->optimizer_file = name ? strdup(name) : NULL;
    return name && !info->optimizer_file ? error_memory(err, r->path) : STATUS_OK;
}

static status read_terms(const reader *r, checkpoint_info *info, error *err)
{
    (void)err;
    info->state.terms = (run_terms){
        .seed = read_seed(r, "seed"),
        .coarse_weight = read_real(r, "coarse_weight", false),
        .fine_weight = read_real(r, "fine_weight", false),
        /* Files from before there were boxes do not say. */
        .crop_boxes = json_object_get(r->object, "crop_boxes") && read_flag(r, "crop_boxes"),
    };
    return *r->result;
}

static status read_scaling(const reader *r, checkpoint_info *info, error *err)
{
    (void)err;
    info->state.scaling = (loss_scale){
        .scale = read_real(r, "scale", false),
        .good_steps = (uint32_t)read_whole(r, "good_steps", 0, LOSS_SCALE_INTERVAL - 1),
        .overflowed = {read_flag(r, "even_overflowed"), read_flag(r, "odd_overflowed")},
    };
    expect(r, info->state.scaling.scale > 0, "scale");
    return *r->result;
}

/* Keys that older versions did not write: what they meant is the default. */
static void read_shape(const reader *r, network_options *o)
{
    if (json_object_get(r->object, "shared_trunk"))
        o->shared_trunk = read_flag(r, "shared_trunk");
    if (json_object_get(r->object, "coarse_stages"))
        o->coarse_stages = (int)read_whole(r, "coarse_stages", 0, BACKBONE_STAGES);
    if (json_object_get(r->object, "fusion")) {
        const fusion *f = fusion_find(read_text(r, "fusion"));
        expect(r, f, "fusion");
        o->fusion = f ? f->name : NULL;
    }
}

static status read_network(const reader *r, checkpoint_info *info, error *err)
{
    const char *backbone = read_text(r, "backbone"), *stem = read_text(r, "stem"),
               *freeze = read_text(r, "freeze");
    const char *coarse_loss = has(r, "coarse_loss") ? read_text(r, "coarse_loss") : "head";
    bool cifar = strcmp(stem, "cifar") == 0, marginal = strcmp(coarse_loss, "marginal") == 0;
    expect(r, backbone_find(backbone) != NULL, "backbone");
    expect(r, cifar || strcmp(stem, "imagenet") == 0, "stem");
    expect(r, marginal || strcmp(coarse_loss, "head") == 0, "coarse_loss");
    info->options = (network_options){
        .stem = cifar ? STEM_CIFAR : STEM_IMAGENET,
        .only_fine = read_flag(r, "only_fine"),
        .coarse_classes = info->classes.coarse_count,
        .fine_classes = info->classes.fine_count,
        .image_size = (int)read_whole(r, "image_size", 1, MAX_IMAGE_SIZE),
        .batch_size = 1,
        .marginal_parents = marginal ? info->classes.parents : NULL,
    };
    read_shape(r, &info->options);
    TRY(*r->result);
    info->options.backbone = info->backbone = strdup(backbone);
    info->options.freeze = info->freeze = strdup(freeze);
    return info->backbone && info->freeze ? STATUS_OK : error_memory(err, r->path);
}

/* Borrowed pointers to the strings of a list; the array is freed by the caller. */
static const char **read_names(const reader *r, const char *key, int *count)
{
    const json_t *list = read_list(r, key);
    *count = (int)json_array_size(list);
    const char **names = calloc((size_t)*count + 1, sizeof *names);
    for (int i = 0; names && i < *count; i++) {
        names[i] = json_string_value(json_array_get(list, (size_t)i));
        expect(r, names[i], key);
    }
    return names;
}

static int *read_parents(const reader *r, int count)
{
    const json_t *list = read_list(r, "parents");
    int *parents = calloc((size_t)count + 1, sizeof *parents);
    expect(r, json_array_size(list) == (size_t)count, "parents");
    for (int i = 0; parents && i < count; i++) {
        const json_t *parent = json_array_get(list, (size_t)i);
        expect(r, is_whole(parent, 0, INT_MAX), "parents");
        parents[i] = (int)json_integer_value(parent);
    }
    return parents;
}

static status read_classes(const reader *r, checkpoint_info *info, error *err)
{
    int coarse_count, fine_count;
    const char **coarse = read_names(r, "coarse", &coarse_count);
    const char **fine = read_names(r, "fine", &fine_count);
    int *parents = read_parents(r, fine_count);
    status result = *r->result;
    if (!coarse || !fine || !parents)
        result = error_memory(err, r->path);
    else if (result == STATUS_OK) {
        result =
            hierarchy_create(&info->classes, coarse_count, coarse, fine_count, fine, parents, err);
        if (result != STATUS_OK)
            error_prefix(err, result, "%s: %s", r->path, r->piece);
    }
    free(coarse);
    free(fine);
    free(parents);
    return result;
}

static status no_checkpoint(const char *path, const char *piece, error *err)
{
    return error_set(err, STATUS_FAILED,
                     "%s: its metadata has no %s: it is no checkpoint of hcnn-cl (weights to start "
                     "from are given as --weights)",
                     path, piece);
}

static status get(const char *path, const safetensors_file *file, const char *piece,
                  status (*read)(const reader *, checkpoint_info *, error *), checkpoint_info *info,
                  error *err)
{
    const char *text = safetensors_metadata(file, piece);
    json_error_t fault;
    json_t *object = text ? json_loads(text, JSON_REJECT_DUPLICATES, &fault) : NULL;
    status result = STATUS_OK;
    const reader r = {path, piece, object, &result, err};
    if (!json_is_object(object))
        result = no_checkpoint(path, piece, err);
    else
        result = read(&r, info, err);
    json_decref(object);
    return result;
}

status metadata_read(const char *path, const safetensors_file *file, checkpoint_info *info,
                     error *err)
{
    const char *version = safetensors_metadata(file, "hcnn.format");
    if (!version)
        return no_checkpoint(path, "hcnn.format", err);
    if (strcmp(version, format_version) != 0)
        return error_set(err, STATUS_FAILED, "%s: format %s, this version reads format %s", path,
                         version, format_version);
    TRY(get(path, file, "hcnn.classes", read_classes, info, err));
    TRY(get(path, file, "hcnn.network", read_network, info, err));
    TRY(get(path, file, "hcnn.state", read_state, info, err));
    info->state.scaling = loss_scale_start();
    if (safetensors_metadata(file, "hcnn.loss_scale"))
        TRY(get(path, file, "hcnn.loss_scale", read_scaling, info, err));
    if (safetensors_metadata(file, "hcnn.run"))
        return get(path, file, "hcnn.run", read_terms, info, err);
    info->state.terms = (run_terms){0, 1, info->options.only_fine ? 1 : 2, false};
    return STATUS_OK;
}
