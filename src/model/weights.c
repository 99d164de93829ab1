/* SPDX-License-Identifier: Apache-2.0 */
/* Loads weights from files and writes them; see weights.h. */
#include "model/weights.h"
#include "base/terminal.h"
#include "base/text.h"
#include "model/backbone.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const backbone_prefixes[] = {"coarse_backbone.", "fine_backbone.", "backbone."};
enum { BACKBONES = sizeof backbone_prefixes / sizeof backbone_prefixes[0] };

/* One call of weights_load. */
typedef struct loading {
    network *net;
    tensor_file *file;
    bool *set;   /* [parameters of the network], whether a tensor set it */
    int weights; /* parameters set, without counters */
    FILE *text;
    weights_report *report;
} loading;

void weights_report_free(weights_report *report)
{
    free(report->text);
    report->text = NULL;
}

static const char *without_module(const char *name)
{
    const char *inside = text_after(name, "module.");
    return inside ? inside : name;
}

/* Writes the line "NAME: WHY" about a tensor. The name comes from the file, so terminal_put masks
 * it. */
__attribute__((format(printf, 3, 4))) static void write_line(loading *l, const tensor_entry *e,
                                                             const char *why, ...)
{
    va_list arguments;
    terminal_put(l->text, e->name);
    fputs(": ", l->text);
    va_start(arguments, why);
    vfprintf(l->text, why, arguments);
    va_end(arguments);
    fputc('\n', l->text);
}

/* Whether the tensor can set the parameter; if not, writes the line that says why. */
static bool fits(loading *l, const tensor_entry *e, const parameter *p)
{
    char ours[TENSOR_SHAPE_BYTES], theirs[TENSOR_SHAPE_BYTES];
    bool counter = p->kind == PARAMETER_COUNTER;
    if (!tensor_shapes_fit(p->rank, p->shape, e->rank, e->shape))
        write_line(l, e, "has shape %s in the file, but %s has shape %s in the network",
                   tensor_shape_text(e->rank, e->shape, theirs), p->name,
                   tensor_shape_text(p->rank, p->shape, ours));
    else if (counter ? e->type != SAFETENSORS_I64 : !tensor_is_floating(e))
        write_line(l, e, "has type %s in the file, but %s needs %s", tensor_types[e->type].name,
                   p->name, counter ? "I64" : "F32, F16, BF16 or F64");
    else
        return true;
    return false;
}

static status set_values(loading *l, const tensor_entry *e, parameter *p, error *err)
{
    if (p->kind == PARAMETER_COUNTER)
        return tensor_file_read_i64(l->file, e, &p->counter, err);
    float *values = malloc(p->count * sizeof *values);
    TRY(got_memory(values, err, p->name));
    status result = tensor_file_read_f32(l->file, e, values, err);
    if (result == STATUS_OK)
        result = network_parameter_write(l->net, p, values, err);
    free(values);
    return result;
}

/* A classifier "fc" of torchvision or "head.fc" of timm's BiT becomes the fine classifier if that
 * one uses the features of the backbone alone; otherwise its weights would mean something else. */
static const char *alias(const loading *l, const char *name)
{
    static const char *const aliases[][2] = {
        {"fc.weight", "fine_classifier.weight"},
        {"fc.bias", "fine_classifier.bias"},
        {"head.fc.weight", "fine_classifier.weight"},
        {"head.fc.bias", "fine_classifier.bias"},
    };
    const network_options *o = network_get_options(l->net);
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
        if ((o->only_fine || o->shared_trunk) && strcmp(name, aliases[i][0]) == 0)
            return aliases[i][1];
    return name;
}

/* The tensors of a shared trunk can set both backbones, like those of a file with one backbone. */
static const char *without_trunk(const char *name)
{
    const char *inside = text_after(name, backbone_prefixes[BACKBONES - 1]);
    return inside ? inside : name;
}

/* Finds the parameters that a tensor sets: at most BACKBONES of them. */
static status find_targets(const loading *l, const tensor_entry *e, parameter *targets[BACKBONES],
                           int *count, error *err)
{
    const char *name = alias(l, without_module(e->name));
    parameter *exact = network_find(l->net, name);
    *count = 0;
    if (exact) {
        targets[(*count)++] = exact;
        return STATUS_OK;
    }
    name = without_trunk(name);
    for (int b = 0; b < BACKBONES; b++) {
        char *full = text_format("%s%s", backbone_prefixes[b], name);
        TRY(got_memory(full, err, name));
        parameter *p = network_find(l->net, full);
        free(full);
        if (p)
            targets[(*count)++] = p;
    }
    return STATUS_OK;
}

static status load_entry(loading *l, const tensor_entry *e, error *err)
{
    parameter *targets[BACKBONES];
    char shape[TENSOR_SHAPE_BYTES];
    int count;
    bool used = false;
    TRY(find_targets(l, e, targets, &count, err));
    if (count == 0)
        write_line(l, e, "the network has no parameter of this name (shape %s in the file)",
                   tensor_shape_text(e->rank, e->shape, shape));
    for (int i = 0; i < count; i++) {
        bool *set = &l->set[targets[i] - network_parameter(l->net, 0)];
        if (*set) {
            write_line(l, e, "another tensor of the file has already set %s", targets[i]->name);
        } else if (fits(l, e, targets[i])) {
            TRY(set_values(l, e, targets[i], err));
            used = *set = true;
            l->weights += targets[i]->kind != PARAMETER_COUNTER;
        }
    }
    if (used)
        l->report->loaded++;
    else
        l->report->skipped++;
    return STATUS_OK;
}

static bool in_backbone(const parameter *p)
{
    for (int b = 0; b < BACKBONES; b++)
        if (text_after(p->name, backbone_prefixes[b]))
            return true;
    return false;
}

/* Reports the parameters that were not set, and returns their number. */
static int report_kept(loading *l)
{
    int kept = 0;
    l->report->backbones = true;
    for (size_t i = 0; i < network_parameter_count(l->net); i++) {
        const parameter *p = network_parameter(l->net, i);
        if (l->set[i])
            continue;
        fprintf(l->text, "%s: not set by any tensor of the file; it keeps its value\n", p->name);
        kept++;
        l->report->frozen_kept += p->frozen && p->kind != PARAMETER_COUNTER;
        /* Files from before PyTorch 0.4.1 have no counters; results do not depend on them. */
        if (in_backbone(p) && p->kind != PARAMETER_COUNTER)
            l->report->backbones = false;
    }
    l->report->whole = kept == 0;
    return kept;
}

static status load_entries(loading *l, int *kept, error *err)
{
    for (size_t i = 0; i < tensor_file_count(l->file); i++)
        TRY(load_entry(l, tensor_file_at(l->file, i), err));
    *kept = report_kept(l);
    return STATUS_OK;
}

/* Decides whether the load succeeded, after every tensor has been tried. A counter does not count
 * as a weight: it has the same shape in all networks. */
static status judge(const loading *l, const char *path, bool strict, int kept, error *err)
{
    char list[TEXT_FIRST_LINES];
    const weights_report *report = l->report;
    if (l->weights == 0)
        return error_set(err, STATUS_FAILED,
                         "%s: contains no weight that fits the network; check --backbone. Names "
                         "must be those of the original's state dict or, for one backbone, those "
                         "of torchvision or timm:\n%s",
                         path, text_first_lines(report->text, list));
    if (strict && (report->skipped > 0 || kept > 0))
        return error_set(err, STATUS_FAILED,
                         "%s: does not fit the network: %d tensors fit no parameter and %d "
                         "parameters are missing:\n%s",
                         path, report->skipped, kept, text_first_lines(report->text, list));
    return STATUS_OK;
}

/* Loads the weights and collects the text of the report. */
static status write_report(loading *l, const char *path, int *kept, error *err)
{
    text_writer text;
    TRY(text_writer_open(&text, path, err));
    l->text = text.stream;
    return text_writer_end(&text, load_entries(l, kept, err), path, &l->report->text, err);
}

status weights_load_file(network *net, tensor_file *file, const char *path, bool strict,
                         weights_report *report, error *err)
{
    weights_report own = {0};
    int kept = 0;
    loading l = {.net = net, .file = file, .report = report ? report : &own};
    *l.report = (weights_report){0};
    l.set = calloc(network_parameter_count(net), sizeof *l.set);
    status result = got_memory(l.set, err, path);
    if (result == STATUS_OK)
        result = write_report(&l, path, &kept, err);
    if (result == STATUS_OK)
        result = judge(&l, path, strict, kept, err);
    free(l.set);
    if (!report)
        weights_report_free(&own);
    return result;
}

status weights_load(network *net, const char *path, bool strict, weights_report *report, error *err)
{
    tensor_file *file;
    if (report)
        *report = (weights_report){0};
    TRY(tensor_file_open(path, &file, err));
    status result = tensor_file_verify(file, err);
    if (result == STATUS_OK)
        result = weights_load_file(net, file, path, strict, report, err);
    tensor_file_close(file);
    return result;
}

/* Whether `name` is `prefix` and a weight that every backbone of some build has. */
static bool is_backbone_weight(const char *name, const char *prefix)
{
    const char *inside = text_after(name, prefix), *known;
    for (int i = 0; inside && (known = word_list_at(&backbone_words, i)); i++)
        if (strcmp(inside, backbone_find(known)->build->first_weight) == 0)
            return true;
    return false;
}

status weights_peek(const char *path, bool *has_backbones, error *err)
{
    tensor_file *file;
    bool plain = false, named[BACKBONES] = {false};
    TRY(tensor_file_open(path, &file, err));
    for (size_t i = 0; i < tensor_file_count(file); i++) {
        const char *name = without_module(tensor_file_at(file, i)->name);
        plain = plain || is_backbone_weight(name, "");
        for (int b = 0; b < BACKBONES; b++)
            named[b] = named[b] || is_backbone_weight(name, backbone_prefixes[b]);
    }
    tensor_file_close(file);
    *has_backbones = plain || (named[0] && named[1]) || named[2];
    return STATUS_OK;
}

static status append_one(network *net, const parameter *p, tensor_writer *writer, error *err)
{
    if (p->kind == PARAMETER_COUNTER)
        return tensor_writer_append(writer, &p->counter, sizeof p->counter, err);
    float *values = malloc(p->count * sizeof *values);
    TRY(got_memory(values, err, p->name));
    status result = network_parameter_read(net, p, values, err);
    if (result == STATUS_OK)
        result = tensor_writer_append(writer, values, p->count * sizeof *values, err);
    free(values);
    return result;
}

status weights_write(network *net, tensor_writer *writer, error *err)
{
    for (size_t i = 0; i < network_parameter_count(net); i++) {
        const parameter *p = network_parameter(net, i);
        bool counter = p->kind == PARAMETER_COUNTER;
        TRY(tensor_writer_describe(writer, p->name, counter ? SAFETENSORS_I64 : SAFETENSORS_F32,
                                   p->rank, p->shape, err));
    }
    for (size_t i = 0; i < network_parameter_count(net); i++)
        TRY(append_one(net, network_parameter(net, i), writer, err));
    return STATUS_OK;
}
