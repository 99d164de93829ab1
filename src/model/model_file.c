/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and writes model files; see model_file.h. */
#include "model/model_file.h"
#include "base/json_values.h"
#include "model/backbone.h"
#include "model/fusion.h"
#include "model/weights.h"

#include <stdlib.h>
#include <string.h>

static const char format_version[] = "1";

enum { MAX_IMAGE_SIZE = 16384 }; /* the longest side of an image file that can be read */

static const field network_fields[] = {
    {FIELD(TEXT, network_options, backbone)},
    {FIELD(WORD, network_options, stem), .words = &stem_words},
    {FIELD(FLAG, network_options, only_fine)},
    {FIELD(INT, network_options, image_size), .least = 1, .most = MAX_IMAGE_SIZE},
    {FIELD(TEXT, network_options, freeze)},
    {FIELD(FLAG, network_options, shared_trunk), .optional = true},
    {FIELD(INT, network_options, coarse_stages), .optional = true, .most = BACKBONE_STAGES},
    {FIELD(TEXT, network_options, fusion), .optional = true},
    {0},
};

/* ---- Writing ---- */

static json_t *write_classes(const hierarchy *tree)
{
    return json_pack("{s:o, s:o, s:o}", "coarse",
                     texts_to_json(tree->coarse_names, tree->coarse_count), "fine",
                     texts_to_json(tree->fine_names, tree->fine_count), "parents",
                     ints_to_json(tree->parents, tree->fine_count));
}

static json_t *write_network(const network_options *options)
{
    network_options o = *options;
    o.freeze = o.freeze ? o.freeze : "none";
    enum coarse_loss loss = o.marginal_parents ? COARSE_LOSS_MARGINAL : COARSE_LOSS_HEAD;
    return object_put(fields_write(json_object(), network_fields, &o), "coarse_loss",
                      json_string(word_list_at(&coarse_loss_words, loss)));
}

status model_file_put(tensor_writer *writer, const char *piece, json_t *object, error *err)
{
    char *text;
    TRY(json_to_text(object, JSON_COMPACT, piece, &text, err));
    status result = tensor_writer_set_metadata(writer, piece, text, err);
    free(text);
    return result;
}

status model_file_describe(tensor_writer *writer, const network_options *options,
                           const hierarchy *classes, error *err)
{
    TRY(tensor_writer_set_metadata(writer, "hcnn.format", format_version, err));
    TRY(model_file_put(writer, "hcnn.classes", write_classes(classes), err));
    return model_file_put(writer, "hcnn.network", write_network(options), err);
}

/* ---- Reading ---- */

static const char *text_of(const model_file *m, const char *piece)
{
    return tensor_file_metadata(m->tensors, piece);
}

bool model_file_has(const model_file *m, const char *piece)
{
    return text_of(m, piece) != NULL;
}

static status lacks(const model_file *m, const char *piece, error *err)
{
    return error_set(err, STATUS_FAILED,
                     "%s: is not a checkpoint of hcnn-cl, or a damaged one: its metadata has no "
                     "valid %s; if it has the weights of a network, train --weights starts from "
                     "them, and `hcnn-cl import` with --data makes it a checkpoint",
                     m->path, piece);
}

status model_file_piece(const model_file *m, const char *piece, json_t **object, error *err)
{
    const char *text = text_of(m, piece);
    *object = NULL;
    if (text)
        TRY(json_from_text(text, strlen(text), JSON_REJECT_DUPLICATES, m->path, object, NULL, err));
    if (json_is_object(*object))
        return STATUS_OK;
    json_decref(*object);
    *object = NULL;
    return lacks(m, piece, err);
}

/* The names of a list. The texts are borrowed from the JSON; the caller frees the array. */
static status read_names(const fields_source *from, const char *key, const char ***names,
                         int *count, error *err)
{
    const json_t *list;
    TRY(fields_find(from, key, JSON_ARRAY, &list, err));
    *count = (int)json_array_size(list);
    *names = calloc((size_t)*count + 1, sizeof **names);
    TRY(got_memory(*names, err, from->path));
    for (int i = 0; i < *count; i++)
        if (!((*names)[i] = json_string_value(json_array_get(list, (size_t)i))))
            return fields_refuse(from, key, err);
    return STATUS_OK;
}

static status read_classes(model_file *m, const fields_source *from, error *err)
{
    int coarse_count, fine_count, parent_count, *parents = NULL;
    const char **coarse = NULL, **fine = NULL;
    status result;
    TRY_OR_DONE(read_names(from, "coarse", &coarse, &coarse_count, err));
    TRY_OR_DONE(read_names(from, "fine", &fine, &fine_count, err));
    TRY_OR_DONE(fields_ints(from, "parents", 0, &parents, &parent_count, err));
    if (parent_count != fine_count)
        TRY_OR_DONE(fields_refuse(from, "parents", err));
    result = hierarchy_create(&m->classes, coarse_count, coarse, fine_count, fine, parents, err);
    if (result != STATUS_OK)
        error_prefix(err, result, "%s: %s", from->path, from->piece);
done:
    free(coarse);
    free(fine);
    free(parents);
    return result;
}

/* Replaces the texts that are borrowed from the JSON by ones that outlive it. A missing key that
 * older versions did not write has its default value. */
static status read_network(model_file *m, const fields_source *from, error *err)
{
    network_options *o = &m->options;
    const json_t *loss = json_object_get(from->object, "coarse_loss");
    const char *word = json_string_value(loss);
    int of = !loss ? COARSE_LOSS_HEAD : word ? word_list_find(&coarse_loss_words, word) : -1;
    TRY(fields_read(network_fields, from, o, err));
    const backbone *b = backbone_find(o->backbone);
    const fusion *f = fusion_find(o->fusion);
    if (!b)
        return fields_refuse(from, "backbone", err);
    if (!f)
        return fields_refuse(from, "fusion", err);
    if (of < 0)
        return fields_refuse(from, "coarse_loss", err);
    o->backbone = b->name;
    o->fusion = o->fusion ? f->name : NULL;
    o->freeze = m->freeze = strdup(o->freeze);
    o->coarse_classes = m->classes.coarse_count;
    o->fine_classes = m->classes.fine_count;
    o->batch_size = 1;
    o->marginal_parents = of == COARSE_LOSS_MARGINAL ? m->classes.parents : NULL;
    return m->freeze ? STATUS_OK : error_memory(err, from->path);
}

static status read_piece(model_file *m, const char *piece,
                         status (*read)(model_file *, const fields_source *, error *), error *err)
{
    json_t *object;
    TRY(model_file_piece(m, piece, &object, err));
    const fields_source from = {m->path, piece, object};
    status result = read(m, &from, err);
    json_decref(object);
    return result;
}

/* PyTorch files are refused. Other zip archives begin like them, so a file is called a PyTorch file
 * only if it can be read as one. */
static status open_tensors(model_file *m, error *err)
{
    bool torch = false;
    error ignored;
    status result = tensor_file_open(m->path, &m->tensors, err);
    (void)tensor_file_is_torch(m->path, &torch, &ignored);
    if (!torch)
        return result;
    if (result != STATUS_OK)
        return error_suffix(err, result,
                            "; if it is a PyTorch file, `hcnn-cl import %s -o FILE --data PATH` "
                            "makes it a checkpoint",
                            m->path);
    return error_set(err, STATUS_FAILED,
                     "%s: is a PyTorch file, which does not contain the classes; `hcnn-cl import "
                     "%s -o FILE --data PATH`, with the data set that it was trained on, makes it "
                     "a checkpoint",
                     m->path, m->path);
}

static status open_file(model_file *m, error *err)
{
    TRY(open_tensors(m, err));
    TRY(tensor_file_verify(m->tensors, err));
    const char *version = text_of(m, "hcnn.format");
    if (!version)
        return lacks(m, "hcnn.format", err);
    if (strcmp(version, format_version) != 0)
        return error_set(err, STATUS_FAILED,
                         "%s: has format %s, but this version of hcnn-cl reads format %s", m->path,
                         version, format_version);
    TRY(read_piece(m, "hcnn.classes", read_classes, err));
    return read_piece(m, "hcnn.network", read_network, err);
}

status model_file_open(const char *path, model_file *m, error *err)
{
    *m = (model_file){.path = strdup(path)};
    status result = m->path ? open_file(m, err) : error_memory(err, path);
    if (result != STATUS_OK)
        model_file_close(m);
    return result;
}

void model_file_close(model_file *m)
{
    tensor_file_close(m->tensors);
    hierarchy_free(&m->classes);
    free(m->freeze);
    free(m->path);
    *m = (model_file){0};
}

status model_file_load(const model_file *m, network *net, error *err)
{
    return weights_load_file(net, m->tensors, m->path, true, NULL, err);
}
