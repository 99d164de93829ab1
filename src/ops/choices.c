/* SPDX-License-Identifier: Apache-2.0 */
/* The table of remembered choices and its file; see choices.h. */
#include "ops/choices.h"
#include "base/array.h"
#include "base/hash.h"
#include "base/json_values.h"
#include "device/device_file.h"

#include <jansson.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GEMM_NAME = 32 };
static const char what[] = "the tuned choices";

struct choices {
    device_file file;
    bool gemm_measured;   /* like choice.measured */
    char gemm[GEMM_NAME]; /* "": none */
    double gemm_seconds;
    choice **entries; /* in the order in which they were put */
    size_t count;
    void *by_call; /* the same, as a tree for tfind */
};

static choice key_of(const convolution_call *call)
{
    return (choice){
        .direction = call->direction,
        .shape = call->shape,
        .n = call->x.n,
        .h = call->x.h,
        .w = call->x.w,
    };
}

/* The order of choices by what they are for; 0 if it is the same. */
static int compare(const void *a, const void *b)
{
    const choice *c = a, *d = b;
    const convolution_shape *s = &c->shape, *t = &d->shape;
    const int pairs[][2] = {{(int)c->direction, (int)d->direction},
                            {s->cin, t->cin},
                            {s->cout, t->cout},
                            {s->kernel, t->kernel},
                            {s->stride, t->stride},
                            {s->pad, t->pad},
                            {c->n, d->n},
                            {c->h, d->h},
                            {c->w, d->w}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (pairs[i][0] != pairs[i][1])
            return pairs[i][0] < pairs[i][1] ? -1 : 1;
    return 0;
}

bool choices_same_call(const convolution_call *a, const convolution_call *b)
{
    const choice one = key_of(a), two = key_of(b);
    return compare(&one, &two) == 0;
}

static choice *find(const choices *table, const choice *key)
{
    choice *const *found = tfind(key, &table->by_call, compare);
    return found ? *found : NULL;
}

static status put(choices *table, const choice *entry, error *err)
{
    choice *known = find(table, entry);
    if (known) {
        *known = *entry;
        return STATUS_OK;
    }
    TRY(array_grow(&table->entries, table->count, sizeof *table->entries, what, err));
    choice *added = table->entries[table->count] = malloc(sizeof *added);
    TRY(got_memory(added, err, what));
    *added = *entry;
    table->count++;
    return got_memory(tsearch(added, &table->by_call, compare), err, what);
}

/* ---- The file ---- */

/* A hash of the tile sizes that kernels are built with. */
static uint64_t hash_tiles(void)
{
    uint64_t hash = HASH_START;
    for (int i = 0; convolution_algorithms[i]; i++) {
        const convolution_algorithm *a = convolution_algorithms[i];
        for (int tile = 1; tile <= a->tile_count; tile++) {
            const char *name = convolution_tile_name((convolution_choice){a, tile});
            hash = hash_more(hash, name, strlen(name) + 1);
        }
    }
    return hash;
}

static json_t *entry_to_json(const choice *c)
{
    const convolution_shape *s = &c->shape;
    return json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:s, s:s*, s:f}", "direction",
                     convolution_direction_names[c->direction], "cin", s->cin, "cout", s->cout,
                     "kernel", s->kernel, "stride", s->stride, "pad", s->pad, "n", c->n, "h", c->h,
                     "w", c->w, "algorithm", c->by.algorithm->name, "tile",
                     convolution_tile_name(c->by), "seconds", c->seconds);
}

/* False if it is not an entry, or names an algorithm or a direction that does not exist. An unknown
 * tile becomes the default. */
static bool entry_from_json(json_t *from, choice *c)
{
    const char *direction, *algorithm, *tile = "";
    convolution_shape *s = &c->shape;
    if (json_unpack(from, "{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:s, s?s, s:F}",
                    "direction", &direction, "cin", &s->cin, "cout", &s->cout, "kernel", &s->kernel,
                    "stride", &s->stride, "pad", &s->pad, "n", &c->n, "h", &c->h, "w", &c->w,
                    "algorithm", &algorithm, "tile", &tile, "seconds", &c->seconds) != 0)
        return false;
    c->by.algorithm = convolution_find(algorithm);
    c->by.tile = c->by.algorithm ? convolution_find_tile(c->by.algorithm, tile) : 0;
    for (int d = 0; d < CONVOLUTION_DIRECTIONS; d++)
        if (strcmp(convolution_direction_names[d], direction) == 0) {
            c->direction = (enum convolution_direction)d;
            return c->by.algorithm != NULL;
        }
    return false;
}

static void take_gemm(choices *table, json_t *from)
{
    const char *name;
    double seconds;
    if (table->gemm_measured ||
        json_unpack(from, "{s:s, s:F}", "parameters", &name, "seconds", &seconds) != 0 ||
        strlen(name) >= sizeof table->gemm)
        return;
    strcpy(table->gemm, name);
    table->gemm_seconds = seconds;
}

static status take_entry(choices *table, json_t *from, error *err)
{
    choice c = {0};
    if (!entry_from_json(from, &c))
        return STATUS_OK;
    const choice *known = find(table, &c);
    return known && known->measured ? STATUS_OK : put(table, &c, err);
}

/* Takes what is in the file, except for what this process has measured itself. */
static status merge(void *context, json_t *root, error *err)
{
    choices *table = context;
    size_t index;
    json_t *entry;
    take_gemm(table, json_object_get(root, "gemm"));
    json_array_foreach(json_object_get(root, "convolutions"), index, entry)
        TRY(take_entry(table, entry, err));
    return STATUS_OK;
}

static json_t *make_members(void *context)
{
    const choices *table = context;
    json_t *entries = json_array(), *gemm = NULL;
    for (size_t i = 0; i < table->count; i++)
        entries = array_with(entries, entry_to_json(table->entries[i]));
    if (table->gemm[0])
        gemm = json_pack("{s:s, s:f}", "parameters", table->gemm, "seconds", table->gemm_seconds);
    return json_pack("{s:o*, s:o}", "gemm", gemm, "convolutions", entries);
}

status choices_save(choices *known, error *err)
{
    const device_file_change change = {known, merge, make_members};
    status result = device_file_update(&known->file, &change, err);
    return result == STATUS_OK ? STATUS_OK
                               : error_prefix(err, result, "the choices are not remembered");
}

status choices_open(const device *dev, choices **opened, error *err)
{
    status result;
    choices *table = *opened = calloc(1, sizeof *table);
    TRY(got_memory(table, err, what));
    const char *variant = word_list_at(&precision_words, dev->precision);
    TRY_OR_DONE(device_file_open(&dev->info, "tune", variant, hash_tiles(), &table->file, err));
    json_t *root;
    TRY_OR_DONE(device_file_read(&table->file, &root, err));
    result = merge(table, root, err);
    json_decref(root);
    if (result == STATUS_OK)
        result = got_memory(!json_lost_memory(), err, "the tuned choices");
done:
    if (result == STATUS_OK)
        return STATUS_OK;
    choices_close(table);
    *opened = NULL;
    return result;
}

void choices_close(choices *known)
{
    if (!known)
        return;
    device_file_close(&known->file);
    while (known->count > 0) {
        choice *last = known->entries[--known->count];
        tdelete(last, &known->by_call, compare);
        free(last);
    }
    free(known->entries);
    free(known);
}

/* ---- The table ---- */

const char *choices_path(const choices *known)
{
    return known->file.path;
}

const choice *choices_find(const choices *known, const convolution_call *call)
{
    const choice key = key_of(call);
    return find(known, &key);
}

status choices_put(choices *known, const convolution_call *call, convolution_choice by,
                   double seconds, error *err)
{
    choice entry = key_of(call);
    entry.by = by;
    entry.seconds = seconds;
    entry.measured = true;
    return put(known, &entry, err);
}

const char *choices_gemm(const choices *known)
{
    return known->gemm[0] ? known->gemm : NULL;
}

void choices_put_gemm(choices *known, const char *name, double seconds)
{
    snprintf(known->gemm, sizeof known->gemm, "%s", name);
    known->gemm_seconds = seconds;
    known->gemm_measured = true;
}
