/* SPDX-License-Identifier: Apache-2.0 */
/* `hcnn-cl export`: writes a checkpoint for PyTorch, torchvision or ONNX runtimes. */
#include "base/json_values.h"
#include "base/terminal.h"
#include "base/text.h"
#include "commands/commands.h"
#include "config.h"
#include "model/backbone.h"
#include "model/model_file.h"
#include "model/onnx.h"
#include "ops/input.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum format {
    FORMAT_BY_NAME = -1, /* the suffix of the file decides */
    FORMAT_SAFETENSORS,
    FORMAT_PTH,
    FORMAT_TORCHVISION,
    FORMAT_ONNX,
};
static const word_list format_words = WORD_LIST("safetensors", "pth", "torchvision", "onnx");

enum branch { BRANCH_DEFAULT = -1, BRANCH_COARSE, BRANCH_FINE };
static const word_list branch_words = WORD_LIST("coarse", "fine");

typedef struct options {
    const char *file, *out;
    enum format format;
    enum branch backbone;
    bool softmax;
} options;

/* ---- State dicts ---- */

typedef struct copying {
    const tensor_file *from;
    tensor_copy *copies;
    size_t count;
} copying;

static status add(const options *o, copying *c, const char *name, const char *new_name, int rank,
                  error *err)
{
    const tensor_entry *e = tensor_file_find(c->from, name);
    if (!e)
        return error_set(
            err, STATUS_FAILED,
            "%s: the tensor %s is missing, so the checkpoint is damaged; use another one", o->file,
            name);
    c->copies[c->count] = (tensor_copy){e, strdup(new_name), rank};
    return c->copies[c->count++].name ? STATUS_OK : error_memory(err, name);
}

/* Adds every parameter under its own name. */
static status add_all(const options *o, const graph *g, copying *c, error *err)
{
    for (size_t i = 0; i < g->parameter_count; i++)
        TRY(add(o, c, g->parameters[i].name, g->parameters[i].name, g->parameters[i].rank, err));
    return STATUS_OK;
}

/* Adds the classifier as torchvision's "fc" if it uses all four stages of the backbone and nothing
 * else; timm's BiT has it as a convolution, "head.fc". */
static status add_classifier(const options *o, const network_options *n, bool bit, copying *c,
                             error *err)
{
    const bool fine = o->backbone == BRANCH_FINE;
    const char *name = word_list_at(&branch_words, o->backbone);
    char weight[64], bias[64];
    if (fine ? !n->only_fine && !n->shared_trunk : n->coarse_stages != BACKBONE_STAGES) {
        printf("written without a classifier, because the %s classifier comes after %s\n", name,
               fine ? "the fusion" : "an earlier layer");
        return STATUS_OK;
    }
    snprintf(weight, sizeof weight, "%s_classifier.weight", name);
    snprintf(bias, sizeof bias, "%s_classifier.bias", name);
    TRY(add(o, c, weight, bit ? "head.fc.weight" : "fc.weight", bit ? 4 : 2, err));
    return add(o, c, bias, bit ? "head.fc.bias" : "fc.bias", 1, err);
}

/* Adds one backbone under its names without their prefix, and its classifier. */
static status add_backbone(const options *o, const network_options *n, const graph *g, copying *c,
                           error *err)
{
    bool bit = false;
    const char *prefix = n->shared_trunk              ? "backbone."
                         : o->backbone == BRANCH_FINE ? "fine_backbone."
                                                      : "coarse_backbone.";
    size_t length = strlen(prefix);
    for (size_t i = 0; i < g->parameter_count; i++) {
        const parameter *p = &g->parameters[i];
        if (strncmp(p->name, prefix, length) != 0)
            continue;
        TRY(add(o, c, p->name, p->name + length, p->rank, err));
        bit |= strcmp(p->name + length, "stem.conv.weight") == 0;
    }
    if (c->count == 0)
        return error_set(err, STATUS_USAGE,
                         "%s: has no %s backbone, because it was trained with --only-fine", o->file,
                         word_list_at(&branch_words, o->backbone));
    return add_classifier(o, n, bit, c, err);
}

static status write_copies(const options *o, tensor_file *from, const copying *c, error *err)
{
    tensor_writer *writer;
    status result;
    TRY(tensor_writer_create(o->out, &writer, err));
    TRY_OR_DONE(tensor_writer_set_metadata(writer, "format", "pt", err));
    TRY_OR_DONE(tensor_writer_copy(writer, from, c->copies, c->count, err));
    return tensor_writer_commit(writer, err);
done:
    tensor_writer_abort(writer);
    return result;
}

static status export_tensors(const options *o, const model_file *m, const graph *g, error *err)
{
    copying c = {m->tensors, calloc(g->parameter_count + 2, sizeof *c.copies), 0};
    status result;
    TRY_OR_DONE(got_memory(c.copies, err, o->file));
    TRY_OR_DONE(o->format == FORMAT_TORCHVISION ? add_backbone(o, &m->options, g, &c, err)
                                                : add_all(o, g, &c, err));
    TRY_OR_DONE(write_copies(o, m->tensors, &c, err));
    terminal_print(stdout, "%s: %zu tensors\n", o->out, c.count);
done:
    for (size_t i = 0; i < c.count; i++)
        free(c.copies[i].name);
    free(c.copies);
    return result;
}

/* ---- ONNX ---- */

static char *dump(json_t *value)
{
    char *text;
    error ignored;
    return json_to_text(value, JSON_COMPACT, "", &text, &ignored) == STATUS_OK ? text : NULL;
}

/* Three numbers as a JSON list, rounded to the four digits that ops/input.c gives. */
static char *dump_colours(const float colours[3])
{
    return text_format("[%.4g,%.4g,%.4g]", (double)colours[0], (double)colours[1],
                       (double)colours[2]);
}

/* The properties are JSON texts. They say what a program that runs the model needs to know. */
static status export_onnx(const options *o, const model_file *m, graph *g, error *err)
{
    const hierarchy *classes = &m->classes;
    const int size = m->options.image_size;
    const onnx_property properties[] = {
        {"coarse_classes", dump(texts_to_json(classes->coarse_names, classes->coarse_count))},
        {"fine_classes", dump(texts_to_json(classes->fine_names, classes->fine_count))},
        {"fine_parents", dump(ints_to_json(classes->parents, classes->fine_count))},
        {"mean", dump_colours(input_mean)},
        {"deviation", dump_colours(input_deviation)},
        {"image_size", text_format("%d", size)},
    };
    enum { COUNT = sizeof properties / sizeof properties[0] };
    const onnx_options how = {o->softmax, properties, COUNT, PACKAGE_VERSION};
    state values = {0};
    status result;
    for (int i = 0; i < COUNT; i++)
        if (!properties[i].value)
            TRY_OR_DONE(error_set(err, STATUS_FAILED,
                                  "%s: the name of a class is not UTF-8, or memory is out",
                                  o->out));
    TRY_OR_DONE(graph_finish(g, false, err));
    TRY_OR_DONE(state_read(g, m->tensors, o->file, &values, err));
    TRY_OR_DONE(onnx_write(o->out, g, &values, &how, err));
    terminal_print(stdout, "%s: input image [batch, 3, %d, %d], %s %s\n", o->out, size, size,
                   o->softmax ? "probabilities" : "logits",
                   m->options.only_fine ? "fine" : "coarse and fine");
done:
    state_free(&values);
    for (int i = 0; i < COUNT; i++)
        free((char *)properties[i].value);
    return result;
}

/* ---- The command ---- */

static enum format format_of(const char *path)
{
    const char *dot = strrchr(path, '.');
    if (tensor_name_is_torch(path))
        return FORMAT_PTH;
    if (dot && strcmp(dot, ".onnx") == 0)
        return FORMAT_ONNX;
    return dot && strcmp(dot, ".safetensors") == 0 ? FORMAT_SAFETENSORS : FORMAT_BY_NAME;
}

static status check(options *o, error *err)
{
    if (!o->out)
        return error_set(err, STATUS_USAGE, "export needs -o FILE, the file to write");
    enum format by_name = format_of(o->out);
    if (o->format == FORMAT_BY_NAME)
        o->format = by_name;
    if (o->format == FORMAT_BY_NAME)
        return error_set(err, STATUS_USAGE,
                         "%s: the suffix does not say the format; use .safetensors, .pth, .pt or "
                         ".onnx, or add --format",
                         o->out);
    bool torchvision = o->format == FORMAT_TORCHVISION, unnamed = by_name == FORMAT_BY_NAME;
    bool fits = unnamed || (torchvision ? by_name != FORMAT_ONNX : by_name == o->format);
    if (!fits || (o->format == FORMAT_PTH && unnamed))
        return error_set(err, STATUS_USAGE,
                         "%s: the suffix does not fit --format %s; change one of them", o->out,
                         word_list_at(&format_words, o->format));
    if (o->backbone != BRANCH_DEFAULT && !torchvision)
        return error_set(err, STATUS_USAGE, "--backbone needs --format torchvision");
    if (o->softmax && o->format != FORMAT_ONNX)
        return error_set(err, STATUS_USAGE, "--softmax needs --format onnx");
    if (o->backbone == BRANCH_DEFAULT)
        o->backbone = BRANCH_FINE;
    return STATUS_OK;
}

static status run(void *values, const operands *rest, error *err)
{
    options *o = values;
    model_file m;
    graph g;
    status result;
    if (rest->count != 1)
        return error_set(err, STATUS_USAGE,
                         "export needs one checkpoint, such as RUN/best.safetensors");
    o->file = rest->values[0];
    TRY(check(o, err));
    TRY(command_check_output(o->file, o->out, err));
    TRY(model_file_open(o->file, &m, err));
    TRY_OR_DONE(hcnn_build(&m.options, &g, err));
    result =
        o->format == FORMAT_ONNX ? export_onnx(o, &m, &g, err) : export_tensors(o, &m, &g, err);
    graph_free(&g);
done:
    model_file_close(&m);
    return result;
}

static const option_row rows[] = {
    OPTION_ROW_STRING(
        "out", options, out, "FILE",
        "file to write; its suffix (.safetensors, .pth, .pt or .onnx) sets the format",
        .letter = 'o'),
    OPTION_ROW_CHOICE("format", options, format, format_words,
                      "format to write: safetensors or pth, the state dict under the original's "
                      "names; torchvision, one backbone under torchvision's names; onnx, a model "
                      "for ONNX runtimes",
                      .fallback = "by the suffix"),
    OPTION_ROW_CHOICE("backbone", options, backbone, branch_words,
                      "backbone to write in the torchvision format", .fallback = "fine"),
    OPTION_ROW_FLAG("softmax", options, softmax,
                    "with onnx: output probabilities instead of logits"),
    {0},
};

static const command_line line = {
    .usage = "export CHECKPOINT -o FILE [OPTION]...",
    .summary = "Writes a checkpoint for other programs; no device is needed.",
    .example = "hcnn-cl export runs/first/best.safetensors -o network.onnx",
    .rows = rows,
    .operand = "CHECKPOINT",
};

COMMAND(export, options, .format = FORMAT_BY_NAME, .backbone = BRANCH_DEFAULT)
