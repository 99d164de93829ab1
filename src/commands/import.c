/* SPDX-License-Identifier: Apache-2.0 */
/* `hcnn-cl import`: converts weights of torchvision, timm or the original to a file that train
 * --weights accepts. model/import.h recognises the network. */
#include "model/import.h"
#include "base/terminal.h"
#include "commands/commands.h"
#include "data/dataset.h"
#include "model/backbone.h"
#include "model/model_file.h"

#include <stdio.h>

typedef struct options {
    const char *file, *out, *backbone, *prefix, *data;
    int image_size;
} options;

static void report(const options *o, const import_plan *plan)
{
    const network_options *n = &plan->options;
    terminal_print(stdout, "%s: %s %s, %s stem", o->file, plan->whole ? "a network of" : "backbone",
                   n->backbone, word_list_at(&stem_words, n->stem));
    if (plan->whole && !n->only_fine)
        printf(", %d coarse classes", n->coarse_classes);
    if (plan->whole)
        printf(", %d fine classes", n->fine_classes);
    terminal_print(stdout, "\n%d tensors taken, %d skipped, %d missing\n%s", plan->taken,
                   plan->skipped, plan->missing, plan->text);
}

/* Adds the classes of the data set, which make the file a model file. */
static status describe_classes(const options *o, const import_plan *plan, tensor_writer *writer,
                               error *err)
{
    dataset data;
    network_options n = plan->options;
    status result;
    TRY(dataset_open(o->data, &data, err));
    if (n.fine_classes != data.classes.fine_count ||
        (!n.only_fine && n.coarse_classes != data.classes.coarse_count))
        TRY_OR_DONE(
            error_set(err, STATUS_FAILED,
                      "%s has %d coarse and %d fine classes, but the network in %s has %d and %d; "
                      "--data must be the data set that it was trained on",
                      o->data, data.classes.coarse_count, data.classes.fine_count, o->file,
                      n.only_fine ? 0 : n.coarse_classes, n.fine_classes));
    n.image_size = o->image_size;
    result = model_file_describe(writer, &n, &data.classes, err);
done:
    dataset_close(&data);
    return result;
}

static status write_file(const options *o, const import_plan *plan, error *err)
{
    tensor_writer *writer;
    status result;
    TRY(tensor_writer_create(o->out, &writer, err));
    TRY_OR_DONE(tensor_writer_set_metadata(writer, "format", "pt", err));
    if (o->data)
        TRY_OR_DONE(describe_classes(o, plan, writer, err));
    TRY_OR_DONE(tensor_writer_copy(writer, plan->file, plan->copies, (size_t)plan->taken, err));
    return tensor_writer_commit(writer, err);
done:
    tensor_writer_abort(writer);
    return result;
}

static status run(void *values, const operands *rest, error *err)
{
    options *o = values;
    if (rest->count != 1)
        return error_set(err, STATUS_USAGE,
                         "import needs one file of weights: import FILE -o FILE");
    o->file = rest->values[0];
    const import_options how = {o->backbone, o->prefix};
    import_plan plan;
    if (!o->out)
        return error_set(err, STATUS_USAGE, "import needs -o FILE, the file to write");
    if (o->data && tensor_name_is_torch(o->out))
        return error_set(
            err, STATUS_USAGE,
            "%s: with --data the result is a model file, which has to be a safetensors "
            "file; use that suffix, or leave out --data",
            o->out);
    TRY(command_check_output(o->file, o->out, err));
    TRY(import_open(o->file, &how, &plan, err));
    status result = STATUS_OK;
    if (o->data && !plan.whole)
        TRY_OR_DONE(error_set(
            err, STATUS_USAGE,
            "%s: contains a backbone alone, which has no classes; leave out --data", o->file));
    report(o, &plan);
    TRY_OR_DONE(write_file(o, &plan, err));
    terminal_print(stdout, "%s written\n", o->out);
done:
    import_close(&plan);
    return result;
}

static const option_row rows[] = {
    OPTION_ROW_STRING("out", options, out, "FILE",
                      "file to write: PyTorch's container if its suffix is .pth or .pt, else "
                      "safetensors",
                      .letter = 'o'),
    OPTION_ROW_NAME("backbone", options, backbone, backbone_words,
                    "backbone that the weights belong to; the file may then contain only a part of "
                    "it",
                    .fallback = "recognised, and has to be complete"),
    OPTION_ROW_STRING("prefix", options, prefix, "TEXT",
                      "take only tensors whose names begin with TEXT, and remove it from the names",
                      .fallback = "remove a leading module., _orig_mod. or model."),
    OPTION_ROW_STRING("data", options, data, "PATH",
                      "data set that a whole network was trained on; with its classes the file "
                      "becomes a model for eval, classify and export",
                      .alias = "data-path"),
    OPTION_ROW_INT("image-size", options, image_size, 1, 4096,
                   "image size that the network was trained at, with --data", .needs = "data"),
    {0},
};

static const command_line line = {
    .usage = "import FILE -o FILE [OPTION]...",
    .summary = "Reads weights that torchvision, timm or the original saved, in safetensors or in "
               "PyTorch's .pth. It recognises the network, writes the weights as fp32 under the "
               "names that train --weights expects, and names the tensors that were skipped or "
               "are missing.",
    .example = "hcnn-cl import wide_resnet50_2-95faca4d.pth -o wide_resnet_50.safetensors",
    .rows = rows,
    .operand = "FILE",
};

COMMAND(import, options, .image_size = 224)
