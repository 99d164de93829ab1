/* Checkpoint files; see checkpoint.h. Numbers with a fraction are kept as C's hexadecimal floats,
 * which lose nothing. */
#include "train/checkpoint.h"
#include "base/file.h"
#include "base/safetensors.h"
#include "model/weights.h"

#include <dirent.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char format_version[] = "1";

static json_t *exact(double value)
{
    return json_sprintf("%a", value);
}

static double exact_value(const json_t *value)
{
    return json_is_string(value) ? strtod(json_string_value(value), NULL) : 0;
}

static json_t *classes_to_json(const hierarchy *tree)
{
    json_t *coarse = json_array(), *fine = json_array(), *parents = json_array();
    for (int i = 0; i < tree->coarse_count; i++)
        json_array_append_new(coarse, json_string(tree->coarse_names[i]));
    for (int i = 0; i < tree->fine_count; i++) {
        json_array_append_new(fine, json_string(tree->fine_names[i]));
        json_array_append_new(parents, json_integer(tree->parents[i]));
    }
    return json_pack("{s:o, s:o, s:o}", "coarse", coarse, "fine", fine, "parents", parents);
}

static json_t *network_to_json(const network_options *o)
{
    return json_pack("{s:s, s:s, s:b, s:i, s:s}", "backbone", o->backbone, "stem",
                     o->stem == STEM_CIFAR ? "cifar" : "imagenet", "only_fine", o->only_fine,
                     "image_size", o->image_size, "freeze", o->freeze);
}

static json_t *metrics_to_json(const metrics *m)
{
    return json_pack("{s:I, s:o, s:o, s:I, s:I, s:I, s:I, s:I}", "count", (json_int_t)m->count,
                     "coarse_loss", exact(m->coarse_loss), "fine_loss", exact(m->fine_loss),
                     "coarse_top1", (json_int_t)m->coarse_top1, "coarse_top5",
                     (json_int_t)m->coarse_top5, "fine_top1", (json_int_t)m->fine_top1, "fine_top5",
                     (json_int_t)m->fine_top5, "agree", (json_int_t)m->agree);
}

static uint64_t whole(const json_t *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(object, key));
}

static metrics metrics_from_json(const json_t *m)
{
    return (metrics){
        .count = whole(m, "count"),
        .coarse_loss = exact_value(json_object_get(m, "coarse_loss")),
        .fine_loss = exact_value(json_object_get(m, "fine_loss")),
        .coarse_top1 = whole(m, "coarse_top1"),
        .coarse_top5 = whole(m, "coarse_top5"),
        .fine_top1 = whole(m, "fine_top1"),
        .fine_top5 = whole(m, "fine_top5"),
        .agree = whole(m, "agree"),
    };
}

static json_t *schedule_to_json(const schedule *s)
{
    json_t *milestones = json_array();
    for (int i = 0; i < s->milestone_count; i++)
        json_array_append_new(milestones, json_integer(s->milestones[i]));
    return json_pack("{s:o, s:o, s:i, s:i, s:o}", "lr", exact(s->lr), "best", exact(s->best),
                     "bad_epochs", s->bad_epochs, "epoch", s->epoch, "milestones", milestones);
}

static schedule schedule_from_json(const json_t *j)
{
    const json_t *milestones = json_object_get(j, "milestones");
    schedule s = {
        .lr = exact_value(json_object_get(j, "lr")),
        .best = exact_value(json_object_get(j, "best")),
        .bad_epochs = (int)whole(j, "bad_epochs"),
        .epoch = (int)whole(j, "epoch"),
    };
    size_t most = sizeof s.milestones / sizeof s.milestones[0];
    for (size_t i = 0; i < json_array_size(milestones) && i < most; i++)
        s.milestones[s.milestone_count++] = (int)json_integer_value(json_array_get(milestones, i));
    return s;
}

static json_t *scaling_to_json(const loss_scale *s)
{
    return json_pack("{s:o, s:I, s:[b, b]}", "scale", exact(s->scale), "good_steps",
                     (json_int_t)s->good_steps, "overflowed", s->overflowed[0], s->overflowed[1]);
}

static loss_scale scaling_from_json(const json_t *j)
{
    const json_t *overflowed = json_object_get(j, "overflowed");
    return (loss_scale){
        .scale = exact_value(json_object_get(j, "scale")),
        .good_steps = (uint32_t)whole(j, "good_steps"),
        .overflowed = {json_is_true(json_array_get(overflowed, 0)),
                       json_is_true(json_array_get(overflowed, 1))},
    };
}

static json_t *state_to_json(const training_state *s, const char *optimizer_file)
{
    return json_pack(
        "{s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:I, s:I, s:s?}", "step", (json_int_t)s->step, "epoch",
        (json_int_t)s->epoch, "batch", (json_int_t)s->batch, "sums", metrics_to_json(&s->sums),
        "schedule", schedule_to_json(&s->rate), "loss_scale", scaling_to_json(&s->scaling),
        "best_loss", exact(s->best_loss), "best_epoch", (json_int_t)s->best_epoch, "metrics_bytes",
        (json_int_t)s->metrics_bytes, "optimizer_file", optimizer_file);
}

/* Takes over `value`. */
static status set_json(safetensors_writer *writer, const char *key, json_t *value, error *err)
{
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
    status result =
        text ? safetensors_set_metadata(writer, key, text, err) : error_memory(err, key);
    free(text);
    json_decref(value);
    return result;
}

static status write_contents(safetensors_writer *writer, network *net, const hierarchy *classes,
                             const training_state *state, const char *optimizer_file, error *err)
{
    TRY(safetensors_set_metadata(writer, "hcnn.format", format_version, err));
    TRY(set_json(writer, "hcnn.classes", classes_to_json(classes), err));
    TRY(set_json(writer, "hcnn.network", network_to_json(network_get_options(net)), err));
    TRY(set_json(writer, "hcnn.state", state_to_json(state, optimizer_file), err));
    TRY(weights_describe(net, writer, err));
    return weights_append(net, writer, err);
}

static status write_checkpoint(const char *path, network *net, const hierarchy *classes,
                               const training_state *state, const char *optimizer_file, error *err)
{
    safetensors_writer *writer;
    TRY(safetensors_create(path, &writer, err));
    status result = write_contents(writer, net, classes, state, optimizer_file, err);
    if (result == STATUS_OK)
        return safetensors_commit(writer, err);
    safetensors_abort(writer);
    return result;
}

/* The optimizer files that no checkpoint names any more, and halves of files that a kill left. A
 * left-over costs room, nothing else. */
static void remove_old_states(const char *run, const char *kept)
{
    DIR *directory = opendir(run);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        if (strstr(entry->d_name, ".safetensors.tmp-") ||
            (strncmp(entry->d_name, "optimizer-", strlen("optimizer-")) == 0 &&
             (!kept || strcmp(entry->d_name, kept) != 0))) {
            char *path = file_path("%s/%s", run, entry->d_name);
            if (path)
                unlink(path);
            free(path);
        }
    if (directory)
        closedir(directory);
}

/* The best one under its own name first, then as the last: killed between, the run goes on from the
 * checkpoint before and comes to the same best again. */
static status write_best(const char *run, const char *last, network *net, const hierarchy *classes,
                         const training_state *state, const char *optimizer_file, error *err)
{
    char *best = file_path("%s/best.safetensors", run);
    status result = best ? write_checkpoint(best, net, classes, state, optimizer_file, err)
                         : error_memory(err, run);
    if (result == STATUS_OK)
        result = file_link(best, last, err);
    free(best);
    return result;
}

status checkpoint_save(const char *run, network *net, const hierarchy *classes, solver *s,
                       const training_state *state, bool best, error *err)
{
    bool stateful = solver_has_state(s);
    char *name = file_path("optimizer-%llu.safetensors", (unsigned long long)state->step);
    char *path = file_path("%s/%s", run, name ? name : ""),
         *last = file_path("%s/last.safetensors", run);
    status result = name && path && last ? STATUS_OK : error_memory(err, run);
    if (result == STATUS_OK && stateful)
        result = solver_save(s, path, err);
    const char *optimizer_file = stateful ? name : NULL;
    if (result == STATUS_OK)
        result = best ? write_best(run, last, net, classes, state, optimizer_file, err)
                      : write_checkpoint(last, net, classes, state, optimizer_file, err);
    if (result == STATUS_OK)
        remove_old_states(run, optimizer_file);
    free(name);
    free(path);
    free(last);
    return result;
}

/* The metadata `key` as JSON; damaged or missing is an error naming the file. */
static status read_json(const char *path, const safetensors_file *file, const char *key,
                        json_t **value, error *err)
{
    const char *text = safetensors_metadata(file, key);
    json_error_t fault;
    *value = text ? json_loads(text, 0, &fault) : NULL;
    if (*value && json_is_object(*value))
        return STATUS_OK;
    json_decref(*value);
    *value = NULL;
    return error_set(err, STATUS_FAILED,
                     "%s: its metadata has no %s: it is no checkpoint of hcnn-cl (weights to start "
                     "from are given as --weights)",
                     path, key);
}

/* Borrowed pointers to the strings of a JSON array; freed by the caller. */
static const char **name_list(const json_t *array, int *count)
{
    *count = (int)json_array_size(array);
    const char **names = calloc((size_t)*count + 1, sizeof *names);
    for (int i = 0; names && i < *count; i++) {
        names[i] = json_string_value(json_array_get(array, (size_t)i));
        if (!names[i])
            *count = 0;
    }
    return names;
}

static status classes_from_json(const char *path, const json_t *j, hierarchy *classes, error *err)
{
    int coarse_count, fine_count;
    const char **coarse = name_list(json_object_get(j, "coarse"), &coarse_count);
    const char **fine = name_list(json_object_get(j, "fine"), &fine_count);
    const json_t *list = json_object_get(j, "parents");
    int *parents = calloc((size_t)fine_count + 1, sizeof *parents);
    status result;
    if (!coarse || !fine || !parents)
        result = error_memory(err, path);
    else if (json_array_size(list) != (size_t)fine_count)
        result = error_set(err, STATUS_FAILED, "names and parents do not agree");
    else {
        for (int i = 0; i < fine_count; i++)
            parents[i] = (int)json_integer_value(json_array_get(list, (size_t)i));
        result = hierarchy_create(classes, coarse_count, coarse, fine_count, fine, parents, err);
    }
    free(coarse);
    free(fine);
    free(parents);
    return result == STATUS_OK ? result : error_prefix(err, result, "%s: hcnn.classes", path);
}

static status options_from_json(const char *path, const json_t *j, checkpoint_info *info,
                                error *err)
{
    const char *backbone = json_string_value(json_object_get(j, "backbone"));
    const char *stem = json_string_value(json_object_get(j, "stem"));
    const char *freeze = json_string_value(json_object_get(j, "freeze"));
    if (!backbone || !stem || !freeze)
        return error_set(err, STATUS_FAILED,
                         "%s: hcnn.network says neither backbone nor stem nor "
                         "freeze",
                         path);
    info->backbone = strdup(backbone);
    info->freeze = strdup(freeze);
    if (!info->backbone || !info->freeze)
        return error_memory(err, path);
    info->options = (network_options){
        .backbone = info->backbone,
        .stem = strcmp(stem, "cifar") == 0 ? STEM_CIFAR : STEM_IMAGENET,
        .only_fine = json_is_true(json_object_get(j, "only_fine")),
        .coarse_classes = info->classes.coarse_count,
        .fine_classes = info->classes.fine_count,
        .image_size = (int)whole(j, "image_size"),
        .batch_size = 1,
        .freeze = info->freeze,
    };
    return STATUS_OK;
}

static status state_from_json(const char *path, const json_t *j, checkpoint_info *info, error *err)
{
    const char *file = json_string_value(json_object_get(j, "optimizer_file"));
    info->state = (training_state){
        .step = whole(j, "step"),
        .epoch = (uint32_t)whole(j, "epoch"),
        .batch = whole(j, "batch"),
        .sums = metrics_from_json(json_object_get(j, "sums")),
        .rate = schedule_from_json(json_object_get(j, "schedule")),
        .scaling = scaling_from_json(json_object_get(j, "loss_scale")),
        .best_loss = exact_value(json_object_get(j, "best_loss")),
        .best_epoch = (uint32_t)whole(j, "best_epoch"),
        .metrics_bytes = whole(j, "metrics_bytes"),
    };
    if (file && strchr(file, '/'))
        return error_set(err, STATUS_FAILED, "%s: names an optimizer file outside its directory",
                         path);
    info->optimizer_file = file ? strdup(file) : NULL;
    return file && !info->optimizer_file ? error_memory(err, path) : STATUS_OK;
}

static status read_info(const char *path, const safetensors_file *file, checkpoint_info *info,
                        error *err)
{
    const char *version = safetensors_metadata(file, "hcnn.format");
    json_t *classes = NULL, *options = NULL, *state = NULL;
    if (version && strcmp(version, format_version) != 0)
        return error_set(err, STATUS_FAILED, "%s: format %s, this version reads format %s", path,
                         version, format_version);
    status result = read_json(path, file, "hcnn.classes", &classes, err);
    if (result == STATUS_OK)
        result = read_json(path, file, "hcnn.network", &options, err);
    if (result == STATUS_OK)
        result = read_json(path, file, "hcnn.state", &state, err);
    if (result == STATUS_OK)
        result = classes_from_json(path, classes, &info->classes, err);
    if (result == STATUS_OK)
        result = options_from_json(path, options, info, err);
    if (result == STATUS_OK)
        result = state_from_json(path, state, info, err);
    json_decref(classes);
    json_decref(options);
    json_decref(state);
    return result;
}

status checkpoint_read_info(const char *path, checkpoint_info *info, error *err)
{
    safetensors_file *file;
    *info = (checkpoint_info){0};
    TRY(safetensors_open(path, &file, err));
    status result = read_info(path, file, info, err);
    safetensors_close(file);
    if (result != STATUS_OK)
        checkpoint_free_info(info);
    return result;
}

void checkpoint_free_info(checkpoint_info *info)
{
    hierarchy_free(&info->classes);
    free(info->backbone);
    free(info->freeze);
    free(info->optimizer_file);
    *info = (checkpoint_info){0};
}

status checkpoint_load(const char *path, network *net, error *err)
{
    weights_report report = {0};
    status result = weights_load(net, path, true, &report, err);
    weights_report_free(&report);
    return result;
}
