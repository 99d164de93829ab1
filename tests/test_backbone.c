/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of backbones and fusions: their names are the options' choices, the networks have as
 * many parameters as torchvision's and timm's, and the default --freeze covers everything before
 * the last stage of the coarse backbone. */
#include "check.h"
#include "model/backbone.h"
#include "model/fusion.h"
#include "model/parameters.h"

static void test_choices(void **state)
{
    (void)state;
    const char *name;
    int backbones = 0, fusions = 0;
    for (; (name = word_list_at(&backbone_words, backbones)); backbones++)
        assert_string_equal(backbone_find(name)->name, name);
    assert_int_equal(backbones, 7);
    assert_null(backbone_find("resnet1"));
    for (; (name = word_list_at(&fusion_words, fusions)); fusions++)
        assert_string_equal(fusion_find(name)->name, name);
    assert_int_equal(fusions, 4);
    assert_string_equal(fusion_find(NULL)->name, "concat");
    assert_null(fusion_find("conca"));
}

static const network_options cifar100 = {.backbone = "wide_resnet_50",
                                         .coarse_classes = 20,
                                         .fine_classes = 100,
                                         .image_size = 224,
                                         .batch_size = 1};

static void build(const network_options *o, graph *g)
{
    error err;
    CHECK_OK(hcnn_build(o, g, &err));
}

/* Number of trained values in the parameters whose names start with the prefix. */
static size_t size_of(const graph *g, const char *prefix)
{
    size_t size = 0;
    for (size_t i = 0; i < g->parameter_count; i++)
        if (parameter_is_trained(&g->parameters[i]) &&
            strncmp(g->parameters[i].name, prefix, strlen(prefix)) == 0)
            size += g->parameters[i].count;
    return size;
}

static void test_sizes(void **state)
{
    (void)state;
    /* Sizes of torchvision's models and timm's resnetv2_50x1_bit, without their classifiers. */
    static const struct {
        const char *name;
        size_t size;
    } published[] = {{"wide_resnet_50", 66834240},
                     {"resnet50", 23508032},
                     {"resnet18", 11176512},
                     {"bit_r50x1", 23500352}};
    for (size_t i = 0; i < sizeof published / sizeof published[0]; i++) {
        graph g;
        network_options o = cifar100;
        o.backbone = published[i].name;
        build(&o, &g);
        assert_int_equal(size_of(&g, "fine_backbone."), published[i].size);
        graph_free(&g);
    }
}

/* The original's size, and those of its variants. */
static void test_shapes(void **state)
{
    (void)state;
    enum { BODY = 66834240, COARSE_BODY = 24862528, HEADS = 20500 + 204900 };
    static const struct {
        network_options o; /* differences from the original */
        size_t size;
    } cases[] = {
        {{.fusion = NULL}, 98215672},
        {{.only_fine = true}, 67039140},
        {{.fusion = "concat-bn-relu"}, BODY + COARSE_BODY + HEADS + 3072 * 2048 + 2 * 2048},
        {{.fusion = "add"}, BODY + COARSE_BODY + HEADS + 1024 * 2048 + 2048},
        {{.fusion = "gate"}, BODY + COARSE_BODY + HEADS + 1024 * 2048 + 2048},
        {{.coarse_stages = 4}, 2 * BODY + HEADS + 20480 + 4096 * 2048 + 2048},
        {{.shared_trunk = true}, BODY + HEADS},
        {{.shared_trunk = true, .coarse_stages = 4}, BODY + HEADS + 20480},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        graph g;
        network_options o = cifar100;
        o.fusion = cases[i].o.fusion;
        o.only_fine = cases[i].o.only_fine;
        o.coarse_stages = cases[i].o.coarse_stages;
        o.shared_trunk = cases[i].o.shared_trunk;
        build(&o, &g);
        assert_int_equal(size_of(&g, ""), cases[i].size);
        graph_free(&g);
    }
}

/* Two branches that meet in a node have maps of the same size, for every coarse stage. */
static void test_branches_have_equal_maps(void **state)
{
    (void)state;
    static const int sides[] = {16, 32, 100};
    for (size_t i = 0; i < sizeof sides / sizeof sides[0] * BACKBONE_STAGES; i++)
        for (int f = 0; word_list_at(&fusion_words, f); f++) {
            graph g;
            network_options o = cifar100;
            o.backbone = "tiny";
            o.image_size = sides[i / BACKBONE_STAGES];
            o.coarse_stages = (int)(i % BACKBONE_STAGES) + 1;
            o.fusion = word_list_at(&fusion_words, f);
            build(&o, &g);
            for (int n = 0; n < g.count; n++) {
                const node *at = &g.nodes[n];
                if (at->second != GRAPH_NONE)
                    assert_int_equal(g.nodes[at->second].h, g.nodes[at->input].h);
            }
            graph_free(&g);
        }
}

static bool is_frozen(const graph *g, const char *name)
{
    for (size_t i = 0; i < g->parameter_count; i++)
        if (strcmp(g->parameters[i].name, name) == 0)
            return g->parameters[i].frozen;
    fail_msg("no parameter is named %s", name);
    return false;
}

static void test_default_freeze(void **state)
{
    (void)state;
    static const struct {
        const char *backbone;
        int stages;
        bool shared;
        const char *last_frozen, *first_free;
    } cases[] = {
        {"wide_resnet_50", 0, false, "coarse_backbone.layer2.3.bn3.bias",
         "coarse_backbone.layer3.0.conv1.weight"},
        {"resnet18", 4, false, "coarse_backbone.layer3.1.bn2.bias",
         "coarse_backbone.layer4.0.conv1.weight"},
        {"bit_r50x1", 0, false, "coarse_backbone.stages.1.blocks.3.conv3.weight",
         "coarse_backbone.stages.2.blocks.0.downsample.conv.weight"},
        {"resnet18", 0, true, NULL, "backbone.conv1.weight"},
    };
    error err;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        graph g;
        network_options o = cifar100;
        o.backbone = cases[i].backbone;
        o.coarse_stages = cases[i].stages;
        o.shared_trunk = cases[i].shared;
        build(&o, &g);
        CHECK_OK(parameters_freeze(&g, "default", &err));
        assert_true(!cases[i].last_frozen || is_frozen(&g, cases[i].last_frozen));
        assert_false(is_frozen(&g, cases[i].first_free));
        assert_false(is_frozen(&g, "fine_classifier.weight"));
        graph_free(&g);
    }
}

/* Without pretrained weights, each residual block of a ResNet starts as its shortcut; a block of
 * BiT cannot. */
static void test_zero_start(void **state)
{
    (void)state;
    static const struct {
        const char *backbone, *last;
        size_t blocks;
    } cases[] = {
        {"resnet18", ".bn2.weight", 8}, {"resnet50", ".bn3.weight", 16}, {"bit_r50x1", "", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        graph g;
        network_options o = cifar100;
        o.backbone = cases[i].backbone;
        o.only_fine = true;
        build(&o, &g);
        size_t zero = 0;
        for (size_t p = 0; p < g.parameter_count; p++)
            if (g.parameters[p].zero_from_scratch) {
                assert_non_null(strstr(g.parameters[p].name, cases[i].last));
                zero++;
            }
        assert_int_equal(zero, cases[i].blocks);
        graph_free(&g);
    }
}

static void test_refused(void **state)
{
    (void)state;
    error err;
    graph g;
    network_options o = cifar100;
    o.backbone = "alexnet";
    CHECK_FAILS(STATUS_USAGE, "resnet18", hcnn_build(&o, &g, &err));
    graph_free(&g);
    o = cifar100;
    o.fusion = "sum";
    CHECK_FAILS(STATUS_USAGE, "concat-bn-relu", hcnn_build(&o, &g, &err));
    graph_free(&g);
    o = cifar100;
    o.coarse_stages = 5;
    CHECK_FAILS(STATUS_USAGE, "stage 5", hcnn_build(&o, &g, &err));
    graph_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choices),        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_shapes),         cmocka_unit_test(test_branches_have_equal_maps),
        cmocka_unit_test(test_default_freeze), cmocka_unit_test(test_zero_start),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests_name("backbone", tests, NULL, NULL);
}
