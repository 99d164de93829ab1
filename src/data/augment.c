/* SPDX-License-Identifier: Apache-2.0 */
/* The option's text, and the draws that augmentations share; see augment.h. */
#include "data/augment.h"
#include "base/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char original[] = "rotate=20,flip";

/* ---- The option ---- */

/* The table's place of the name of `length` characters; -1: none. */
static int find(const char *name, size_t length)
{
    for (int i = 0; augmentations[i].name; i++)
        if (strlen(augmentations[i].name) == length &&
            strncmp(augmentations[i].name, name, length) == 0)
            return i;
    return -1;
}

static status unknown(const char *item, size_t length, error *err)
{
    char known[256] = "";
    for (int i = 0; augmentations[i].name; i++) {
        strncat(known, i > 0 ? ", " : "", sizeof known - strlen(known) - 1);
        strncat(known, augmentations[i].name, sizeof known - strlen(known) - 1);
    }
    return error_set(err, STATUS_USAGE,
                     "--augment: there is no '%.*s'; it is default, none, or a list with commas "
                     "between of %s",
                     (int)length, item, known);
}

static bool is_good(const augmentation *a, double value)
{
    return value > a->above && value >= a->least && value <= a->most &&
           (!a->whole || value == floor(value));
}

/* One "NAME" or "NAME=X" of `length` characters. */
static status parse_item(const char *item, size_t length, augment_list *list, error *err)
{
    size_t name = strcspn(item, "=,");
    int at = find(item, name);
    if (at < 0)
        return unknown(item, length, err);
    const augmentation *a = &augmentations[at];
    char *end = (char *)item + name;
    double value = name < length ? strtod(item + name + 1, &end) : a->usual;
    bool given = name < length && end > item + name + 1 && end == item + length;
    if (list->chosen[at])
        return error_set(err, STATUS_USAGE, "--augment: %s is there twice", a->name);
    if ((name < length || a->usual == 0) && !(given && is_good(a, value)))
        return error_set(
            err, STATUS_USAGE, "--augment: '%.*s': %s=X needs %s, %s %g to %g%s", (int)length, item,
            a->name, a->meaning, a->least > a->above ? "from" : "above",
            a->least > a->above ? a->least : a->above, a->most, a->whole ? ", an integer" : "");
    list->chosen[at] = true;
    list->values[at] = value;
    return STATUS_OK;
}

status augment_parse(const char *text, augment_list *list, error *err)
{
    *list = (augment_list){0};
    if (strcmp(text, "none") == 0)
        return STATUS_OK;
    if (strcmp(text, "default") == 0)
        text = original;
    for (const char *at = text;; at++) {
        size_t length = strcspn(at, ",");
        TRY(parse_item(at, length, list, err));
        at += length;
        if (*at == '\0')
            return STATUS_OK;
    }
}

/* ---- The draws ---- */

void augment_words(const augment_place *at, uint32_t stream, uint32_t turn, uint32_t words[4])
{
    random_block(at->seed, stream | turn << 16, (uint64_t)at->epoch << 32 | at->position, words);
}

double augment_unit(uint32_t word)
{
    return word / 4294967296.0;
}

int augment_pick(uint32_t word, int count)
{
    return (int)((uint64_t)word * (uint64_t)count >> 32);
}

/* The logarithm of a Gamma(shape)-distributed number; its draws begin at block *turn. Marsaglia and
 * Tsang, "A simple method for generating gamma variables", 2000; below a shape of 1 by their
 * Gamma(shape + 1) * u^(1 / shape), whose logarithm does not underflow. */
static double log_gamma_draw(const augment_place *at, uint32_t stream, double shape, uint32_t *turn)
{
    double boost = shape < 1 ? 1 : 0;
    double d = shape + boost - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        uint32_t words[4];
        augment_words(at, stream, (*turn)++, words);
        /* Box and Muller; (0, 1] for the logarithms. */
        double radius = sqrt(-2 * log(1 - augment_unit(words[0])));
        double normal = radius * cos(2 * 3.14159265358979323846 * augment_unit(words[1]));
        double v = pow(1 + c * normal, 3);
        if (v <= 0 ||
            log(1 - augment_unit(words[2])) >= normal * normal / 2 + d - d * v + d * log(v))
            continue;
        return log(d * v) + boost * log(1 - augment_unit(words[3])) / shape;
    }
}

double augment_beta(const augment_place *at, uint32_t stream, double alpha)
{
    uint32_t turn = 0;
    double own = log_gamma_draw(at, stream, alpha, &turn);
    double other = log_gamma_draw(at, stream, alpha, &turn);
    return 1 / (1 + exp(other - own));
}

bool augment_mixes(const augment_list *list)
{
    bool mixes = false;
    for (int i = 0; augmentations[i].name; i++)
        mixes |= list->chosen[i] && augmentations[i].draw_batch;
    return mixes;
}

void augment_image(const augment_list *list, const augment_place *at, pixel_source *image)
{
    for (int i = 0; augmentations[i].name; i++)
        if (list->chosen[i] && augmentations[i].draw_image)
            augmentations[i].draw_image(at, list->values[i], image);
}

void augment_batch(const augment_list *list, const augment_place *at, batch_mix *mix)
{
    int candidates[AUGMENTATIONS], count = 0;
    uint32_t words[4];
    for (int i = 0; augmentations[i].name; i++)
        if (list->chosen[i] && augmentations[i].draw_batch)
            candidates[count++] = i;
    if (count == 0)
        return;
    augment_words(at, RANDOM_MIX_CHOICE, 0, words);
    int taken = candidates[augment_pick(words[0], count)];
    augmentations[taken].draw_batch(at, list->values[taken], mix);
}
