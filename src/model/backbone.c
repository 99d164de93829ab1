/* The table of backbones; see backbone.h. */
#include "model/backbone.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>

/* The tiny ones, one of each build, are for tests. */
static const backbone backbones[] = {
    {"wide_resnet_50",
     &resnet_bottleneck,
     64,
     {128, 256, 512, 1024},
     {256, 512, 1024, 2048},
     {3, 4, 6, 3},
     0},
    {"resnet50",
     &resnet_bottleneck,
     64,
     {64, 128, 256, 512},
     {256, 512, 1024, 2048},
     {3, 4, 6, 3},
     0},
    {"resnet18", &resnet_basic, 64, {64, 128, 256, 512}, {64, 128, 256, 512}, {2, 2, 2, 2}, 0},
    {"bit_r50x1",
     &bit_bottleneck,
     64,
     {64, 128, 256, 512},
     {256, 512, 1024, 2048},
     {3, 4, 6, 3},
     32},
    {"tiny", &resnet_bottleneck, 4, {4, 8, 16, 32}, {8, 16, 32, 64}, {1, 1, 1, 1}, 0},
    {"tiny_basic", &resnet_basic, 4, {4, 6, 8, 12}, {4, 6, 8, 12}, {1, 2, 1, 1}, 0},
    {"tiny_bit", &bit_bottleneck, 4, {4, 4, 6, 8}, {16, 16, 24, 32}, {1, 2, 1, 1}, 2},
};

const char backbone_choices[] =
    "wide_resnet_50|resnet50|resnet18|bit_r50x1|tiny|tiny_basic|tiny_bit";

const backbone *backbone_at(size_t index)
{
    return index < sizeof backbones / sizeof backbones[0] ? &backbones[index] : NULL;
}

const backbone *backbone_find(const char *name)
{
    for (size_t i = 0; backbone_at(i); i++)
        if (strcmp(backbones[i].name, name) == 0)
            return &backbones[i];
    return NULL;
}

int backbone_features(graph *g, const backbone *b, const char *prefix, const char *own, int stage,
                      int value)
{
    if (!b->build->finish)
        return value;
    if (stage < BACKBONE_STAGES)
        return b->build->finish(g, b, own, value);
    char *name = file_path("%s.norm", prefix);
    if (!name) {
        g->failed = true;
        return value;
    }
    int features = b->build->finish(g, b, name, value);
    free(name);
    return features;
}
