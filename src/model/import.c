/* SPDX-License-Identifier: Apache-2.0 */
/* Recognises the network that a file's weights belong to; see import.h. It builds every possible
 * network and compares the names and shapes of its parameters with the file's tensors. Nothing here
 * depends on a particular backbone. */
#include "model/import.h"
#include "base/terminal.h"
#include "base/text.h"
#include "model/backbone.h"
#include "model/fusion.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NATIVE_IMAGE = 224 };

/* One call of import_open. */
typedef struct search {
    const char *path;
    const import_options *options;
    import_plan *plan;
    tensor_entry *entries; /* [tensors of the file], named without the prefix; the name is NULL for
                              tensors without options->prefix */
    const tensor_entry **sorted; /* [sorted_count], the entries with a name, sorted by it */
    size_t sorted_count;
    bool *used; /* [tensors of the file], whether the plan copies it */
    graph best; /* the network that fits or is closest */
    network_options best_options;
    size_t best_found, best_wanted;
} search;

/* ---- Names ---- */

/* The name inside one wrapper, or NULL if it has none. */
static const char *unwrap(const char *name)
{
    static const char *const wrappers[] = {"module.", "_orig_mod.", "model."};
    const char *inside = NULL;
    for (size_t i = 0; !inside && i < sizeof wrappers / sizeof wrappers[0]; i++)
        inside = text_after(name, wrappers[i]);
    return inside;
}

static const char *strip(const char *name, const char *prefix)
{
    if (prefix)
        return text_after(name, prefix);
    for (const char *inside; (inside = unwrap(name));)
        name = inside;
    return name;
}

/* Sorts the tensors by name, because about a hundred networks look up hundreds of names each. */
static void sort_names(search *s)
{
    for (size_t i = 0; i < tensor_file_count(s->plan->file); i++) {
        s->entries[i] = *tensor_file_at(s->plan->file, i);
        s->entries[i].name = strip(s->entries[i].name, s->options->prefix);
        if (s->entries[i].name)
            s->sorted[s->sorted_count++] = &s->entries[i];
    }
    tensors_sort(s->sorted, s->sorted_count);
}

static const tensor_entry *find_tensor(const search *s, const char *name)
{
    return tensors_find(s->sorted, s->sorted_count, name);
}

/* The name of a parameter in the file. A file of one backbone has names without a prefix; the name
 * is then NULL for parameters outside the backbone. */
static const char *wanted_name(const search *s, const parameter *p)
{
    if (s->plan->whole)
        return p->name;
    return text_after(p->name, "fine_backbone.");
}

static const tensor_entry *find_parameter(const search *s, const parameter *p)
{
    const char *name = wanted_name(s, p);
    const tensor_entry *e = name ? find_tensor(s, name) : NULL;
    bool counter = p->kind == PARAMETER_COUNTER;
    bool fits = e && tensor_shapes_fit(p->rank, p->shape, e->rank, e->shape) &&
                (counter ? e->type == SAFETENSORS_I64 : tensor_is_floating(e));
    return fits ? e : NULL;
}

/* ---- Comparing ---- */

/* Keeps the network if it is better than the best so far. A network that the file contains
 * completely is better than one that it does not; otherwise, more parameters in the file are
 * better. */
static status try_network(search *s, network_options options, error *err)
{
    graph g;
    size_t found = 0, wanted = 0;
    TRY(hcnn_build(&options, &g, err));
    for (size_t i = 0; i < g.parameter_count; i++) {
        const parameter *p = &g.parameters[i];
        if (p->kind == PARAMETER_COUNTER || !wanted_name(s, p))
            continue;
        wanted++;
        found += find_parameter(s, p) != NULL;
    }
    bool fits = found == wanted, fitted = s->best_found == s->best_wanted;
    if (s->best_wanted == 0 || fits > fitted || (fits == fitted && found > s->best_found)) {
        graph_free(&s->best);
        s->best = g;
        s->best_options = options;
        s->best_found = found;
        s->best_wanted = wanted;
    } else {
        graph_free(&g);
    }
    return STATUS_OK;
}

/* Tries all ways of combining a coarse and a fine branch. */
static status try_shapes(search *s, network_options o, error *err)
{
    if (o.only_fine || o.shared_trunk) {
        int stages = o.only_fine ? 0 : BACKBONE_STAGES - 1;
        for (; stages <= (o.only_fine ? 0 : BACKBONE_STAGES); stages++) {
            o.coarse_stages = stages;
            TRY(try_network(s, o, err));
        }
        return STATUS_OK;
    }
    for (int i = 0; (o.fusion = word_list_at(&fusion_words, i)); i++)
        for (int stages = BACKBONE_STAGES - 1; stages <= BACKBONE_STAGES; stages++) {
            o.coarse_stages = stages;
            TRY(try_network(s, o, err));
        }
    return STATUS_OK;
}

static status try_all(search *s, network_options o, error *err)
{
    for (int i = 0; (o.backbone = word_list_at(&backbone_words, i)); i++) {
        if (s->options->backbone && strcmp(s->options->backbone, o.backbone) != 0)
            continue;
        for (int stem = STEM_IMAGENET; stem <= STEM_CIFAR; stem++) {
            o.stem = (enum stem)stem;
            TRY(try_shapes(s, o, err));
        }
    }
    return STATUS_OK;
}

static int classes_of(const tensor_entry *classifier)
{
    bool sane = classifier && classifier->rank == 2 && classifier->shape[0] > 0 &&
                classifier->shape[0] <= 1 << 24;
    return sane ? (int)classifier->shape[0] : 1;
}

/* What the names alone reveal: whole network or backbone, its branches, its classes. */
static network_options outline(search *s)
{
    const tensor_entry *fine = find_tensor(s, "fine_classifier.weight");
    const tensor_entry *coarse = find_tensor(s, "coarse_classifier.weight");
    network_options o = {.image_size = NATIVE_IMAGE, .batch_size = 1, .only_fine = true};
    bool trunk = false;
    for (size_t i = 0; i < s->sorted_count; i++)
        trunk |= text_after(s->sorted[i]->name, "backbone.") != NULL;
    s->plan->whole = fine != NULL;
    o.fine_classes = classes_of(fine);
    if (fine && coarse) {
        o.only_fine = false;
        o.shared_trunk = trunk;
        o.coarse_classes = classes_of(coarse);
    }
    return o;
}

/* ---- The plan ---- */

static status take(search *s, const tensor_entry *e, const char *name, int rank, error *err)
{
    tensor_copy *c = &s->plan->copies[s->plan->taken];
    *c = (tensor_copy){tensor_file_at(s->plan->file, e->index), strdup(name), rank};
    TRY(got_memory(c->name, err, name));
    s->plan->taken++;
    s->used[e->index] = true;
    return STATUS_OK;
}

/* Takes a backbone's own classifier, which a network with as many classes can use: torchvision's
 * "fc" or timm BiT's "head.fc", which is a convolution. */
static status take_classifier(search *s, error *err)
{
    static const char *const names[][2] = {{"fc.weight", "fc.bias"},
                                           {"head.fc.weight", "head.fc.bias"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const tensor_entry *weight = find_tensor(s, names[i][0]);
        const tensor_entry *bias = find_tensor(s, names[i][1]);
        if (!weight || !bias || !tensor_is_floating(weight) || !tensor_is_floating(bias) ||
            weight->rank < 2 || bias->rank != 1 || weight->shape[0] != bias->shape[0] ||
            !tensor_shapes_fit(2, weight->shape, weight->rank, weight->shape))
            continue;
        TRY(take(s, weight, "fc.weight", 2, err));
        return take(s, bias, "fc.bias", 1, err);
    }
    return STATUS_OK;
}

/* The name comes from the file and may contain anything, so terminal_put masks it. */
static void write_skipped(const search *s, const tensor_entry *e, FILE *text)
{
    char shape[TENSOR_SHAPE_BYTES];
    terminal_put(text, e->name);
    fprintf(text, ": skipped; %s has no parameter of this name with shape %s\n",
            s->best_options.backbone, tensor_shape_text(e->rank, e->shape, shape));
}

static status take_tensors(search *s, FILE *text, error *err)
{
    char shape[TENSOR_SHAPE_BYTES];
    for (size_t i = 0; i < s->best.parameter_count; i++) {
        const parameter *p = &s->best.parameters[i];
        const char *name = wanted_name(s, p);
        const tensor_entry *e = find_parameter(s, p);
        if (e)
            TRY(take(s, e, name, p->rank, err));
        else if (name && p->kind != PARAMETER_COUNTER) {
            fprintf(text, "%s: missing; %s expects it with shape %s\n", name,
                    s->best_options.backbone, tensor_shape_text(p->rank, p->shape, shape));
            s->plan->missing++;
        }
    }
    if (!s->plan->whole)
        TRY(take_classifier(s, err));
    for (size_t i = 0; i < tensor_file_count(s->plan->file); i++) {
        const tensor_entry *e = tensor_file_at(s->plan->file, i);
        if (s->used[i])
            continue;
        if (s->entries[i].name)
            write_skipped(s, e, text);
        s->plan->skipped++;
    }
    return STATUS_OK;
}

/* In the order of the file, so that it is read once from its beginning to its end. */
static int by_place(const void *a, const void *b)
{
    const tensor_copy *one = a, *two = b;
    return (one->from->index > two->from->index) - (one->from->index < two->from->index);
}

static status judge(const search *s, error *err)
{
    char list[TEXT_FIRST_LINES];
    bool partly = s->options->backbone && !s->plan->whole && s->best_found > 0;
    if (s->plan->missing == 0 || partly)
        return STATUS_OK;
    return error_set(err, STATUS_FAILED,
                     "%s: fits no known network; the closest is %s, of which it contains %zu of "
                     "%zu weights and statistics. Use --backbone NAME if the file is a part of a "
                     "backbone, or --prefix TEXT if its names begin with a prefix:\n%s",
                     s->path, s->best_options.backbone, s->best_found, s->best_wanted,
                     text_first_lines(s->plan->text, list));
}

static status decide(search *s, error *err)
{
    size_t count = tensor_file_count(s->plan->file);
    text_writer text;
    s->entries = calloc(count + 1, sizeof *s->entries);
    s->used = calloc(count + 1, sizeof *s->used);
    s->plan->copies = calloc(count + 1, sizeof *s->plan->copies);
    s->sorted = calloc(count + 1, sizeof *s->sorted);
    TRY(got_memory(s->entries && s->used && s->plan->copies && s->sorted, err, s->path));
    sort_names(s);
    TRY(try_all(s, outline(s), err));
    s->plan->options = s->best_options;
    TRY(text_writer_open(&text, s->path, err));
    status result = take_tensors(s, text.stream, err);
    result = text_writer_end(&text, result, s->path, &s->plan->text, err);
    qsort(s->plan->copies, (size_t)s->plan->taken, sizeof *s->plan->copies, by_place);
    return result == STATUS_OK ? judge(s, err) : result;
}

status import_open(const char *path, const import_options *options, import_plan *plan, error *err)
{
    search s = {.path = path, .options = options, .plan = plan};
    *plan = (import_plan){0};
    int known;
    status result;
    if (options->backbone)
        TRY(word_list_expect(&backbone_words, "backbone", options->backbone, &known, err));
    TRY(tensor_file_open(path, &plan->file, err));
    TRY_OR_DONE(tensor_file_verify(plan->file, err));
    result = decide(&s, err);
done:
    graph_free(&s.best);
    free(s.entries);
    free(s.sorted);
    free(s.used);
    if (result != STATUS_OK)
        import_close(plan);
    return result;
}

void import_close(import_plan *plan)
{
    for (int i = 0; plan->copies && i < plan->taken; i++)
        free(plan->copies[i].name);
    free(plan->copies);
    free(plan->text);
    tensor_file_close(plan->file);
    *plan = (import_plan){0};
}
