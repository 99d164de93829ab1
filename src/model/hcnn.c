/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the coarse/fine network: backbones, a linear head for each set of classes, and the fusion
 * that combines coarse and fine features. It has three shapes: two backbones, as in the original;
 * the fine backbone alone; one trunk shared by both heads. */
#include "model/backbone.h"
#include "model/fusion.h"

enum { DEFAULT_COARSE_STAGES = 3 };

static int coarse_stages(const network_options *o)
{
    return o->coarse_stages ? o->coarse_stages : DEFAULT_COARSE_STAGES;
}

static void set_head(graph *g, enum head_index head, const char *name, int features, int classes)
{
    int classifier =
        graph_declare_linear(g, (layer_name){NULL, name}, g->nodes[features].c, classes);
    g->heads[head].logits = graph_linear(g, features, classifier, classes);
}

/* Marks the parameters before the last stage of the coarse backbone, which --freeze default
 * freezes. The original does this for its own backbone in a loop over requires_grad. Batch
 * normalisation in the frozen layers still uses the statistics of the batch and updates the running
 * ones. */
static void mark_early(graph *g, size_t first, int end)
{
    for (size_t i = first; i < (size_t)end && i < g->parameter_count; i++)
        g->parameters[i].early = true;
}

/* Builds the coarse backbone and its head, and returns the coarse features. */
static int build_coarse(graph *g, const backbone *b, const network_options *o, int input)
{
    backbone_stage made[BACKBONE_STAGES];
    int stages = coarse_stages(o);
    size_t first = g->parameter_count;
    backbone_stages(g, b, "coarse_backbone", o->stem, input, stages, made);
    mark_early(g, first, made[stages - 1].parameters);
    int coarse =
        backbone_features(g, b, "coarse_backbone", "coarse_norm", stages, made[stages - 1].value);
    set_head(g, HEAD_COARSE, "coarse_classifier", graph_average_pool(g, coarse), o->coarse_classes);
    return coarse;
}

static void build_two(graph *g, const backbone *b, const fusion *f, const network_options *o,
                      int input)
{
    backbone_stage made[BACKBONE_STAGES];
    int coarse = o->only_fine ? GRAPH_NONE : build_coarse(g, b, o, input);
    backbone_stages(g, b, "fine_backbone", o->stem, input, BACKBONE_STAGES, made);
    int fine = backbone_features(g, b, "fine_backbone", NULL, BACKBONE_STAGES,
                                 made[BACKBONE_STAGES - 1].value);
    /* In the state dict, the classifier comes before the fusion. */
    int classifier = graph_declare_linear(g, (layer_name){NULL, "fine_classifier"},
                                          g->nodes[fine].c, o->fine_classes);
    int fused = o->only_fine ? graph_average_pool(g, fine) : f->build(g, fine, coarse);
    g->heads[HEAD_FINE].logits = graph_linear(g, fused, classifier, o->fine_classes);
}

/* Both losses train the trunk. There is no fusion: the fine features are computed from the coarse
 * ones. */
static void build_shared(graph *g, const backbone *b, const network_options *o, int input)
{
    backbone_stage made[BACKBONE_STAGES];
    int stages = coarse_stages(o);
    backbone_stages(g, b, "backbone", o->stem, input, BACKBONE_STAGES, made);
    int fine =
        backbone_features(g, b, "backbone", NULL, BACKBONE_STAGES, made[BACKBONE_STAGES - 1].value);
    int coarse = fine;
    if (stages < BACKBONE_STAGES)
        coarse = backbone_features(g, b, "backbone", "coarse_norm", stages, made[stages - 1].value);
    set_head(g, HEAD_COARSE, "coarse_classifier", graph_average_pool(g, coarse), o->coarse_classes);
    set_head(g, HEAD_FINE, "fine_classifier", graph_average_pool(g, fine), o->fine_classes);
}

static status check_shape(const network_options *o, error *err)
{
    if (o->shared_trunk && o->only_fine)
        return error_set(err, STATUS_USAGE,
                         "--shared-trunk with --only-fine: there is no coarse head to share the "
                         "trunk with; leave one of them out");
    if (o->fusion && (o->shared_trunk || o->only_fine))
        return error_set(err, STATUS_USAGE,
                         "--fusion %s with %s: there is no coarse backbone to fuse; leave one of "
                         "them out",
                         o->fusion, o->shared_trunk ? "--shared-trunk" : "--only-fine");
    if (o->coarse_stages && o->only_fine)
        return error_set(err, STATUS_USAGE,
                         "--coarse-depth with --only-fine: there is no coarse head; leave one of "
                         "them out");
    if (o->coarse_stages < 0 || o->coarse_stages > BACKBONE_STAGES)
        return error_set(err, STATUS_USAGE,
                         "the coarse head cannot use stage %d of a backbone; expected a stage "
                         "from 1 to %d",
                         o->coarse_stages, BACKBONE_STAGES);
    return STATUS_OK;
}

status hcnn_build(const network_options *options, graph *g, error *err)
{
    *g = (graph){.heads = {{.logits = GRAPH_NONE}, {.logits = GRAPH_NONE}}};
    int index;
    TRY(word_list_expect(&backbone_words, "backbone", options->backbone, &index, err));
    const backbone *b = backbone_find(options->backbone);
    if (options->fusion)
        TRY(word_list_expect(&fusion_words, "fusion", options->fusion, &index, err));
    const fusion *f = fusion_find(options->fusion);
    TRY(check_shape(options, err));
    int input = graph_input(g, options->image_size);
    TRY(got_memory(!g->failed, err, "the network")); /* what follows reads the shape of node 0 */
    if (options->shared_trunk)
        build_shared(g, b, options, input);
    else
        build_two(g, b, f, options, input);
    return got_memory(!g->failed, err, "the network");
}
