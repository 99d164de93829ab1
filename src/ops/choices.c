/* SPDX-License-Identifier: Apache-2.0 */
/* The table of remembered choices and its file; see choices.h. */
#include "ops/choices.h"
#include "base/array.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "config.h"
#include "device/program.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT = 1, MAX_FILE_BYTES = 4 << 20, GEMM_NAME = 32 };

struct choices {
    const device *dev;
    char *path;           /* NULL: there is no cache directory */
    bool gemm_measured;   /* like choice.measured */
    char gemm[GEMM_NAME]; /* "": none */
    double gemm_seconds;
    choice *entries;
    size_t count;
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

static bool same_key(const choice *a, const choice *b)
{
    const convolution_shape *s = &a->shape, *t = &b->shape;
    return a->direction == b->direction && s->cin == t->cin && s->cout == t->cout &&
           s->kernel == t->kernel && s->stride == t->stride && s->pad == t->pad && a->n == b->n &&
           a->h == b->h && a->w == b->w;
}

bool choices_same_call(const convolution_call *a, const convolution_call *b)
{
    const choice one = key_of(a), two = key_of(b);
    return same_key(&one, &two);
}

static choice *find(const choices *table, const choice *key)
{
    for (size_t i = 0; i < table->count; i++)
        if (same_key(&table->entries[i], key))
            return &table->entries[i];
    return NULL;
}

static status put(choices *table, const choice *entry, error *err)
{
    choice *known = find(table, entry);
    if (!known)
        TRY(array_grow(&table->entries, table->count, sizeof *table->entries, "the tuned choices",
                       err));
    *(known ? known : &table->entries[table->count++]) = *entry;
    return STATUS_OK;
}

/* ---- The file ---- */

/* A driver may put any bytes into a name, but Jansson accepts only UTF-8. */
static json_t *text(const char *value)
{
    json_t *made = json_string(value);
    return made ? made : json_string("");
}

static json_t *hexadecimal(uint64_t value)
{
    char digits[17];
    snprintf(digits, sizeof digits, "%016llx", (unsigned long long)value);
    return json_string(digits);
}

static uint64_t hash_text(uint64_t hash, const char *value)
{
    return hash_more(hash, value, strlen(value) + 1);
}

/* A hash of the kernels' texts and of the tile sizes that they are built with. */
static uint64_t hash_kernels(void)
{
    uint64_t hash = HASH_START;
    for (const kernel_source *source = kernel_sources; source->name; source++)
        hash = hash_text(hash_text(hash, source->name), source->text);
    for (int i = 0; convolution_algorithms[i]; i++) {
        const convolution_algorithm *a = convolution_algorithms[i];
        for (int tile = 1; tile <= a->tile_count; tile++)
            hash = hash_text(hash, convolution_tile_name((convolution_choice){a, tile}));
    }
    return hash;
}

static json_t *made_for(const device *dev)
{
    const device_info *info = &dev->info;
    return json_pack("{s:o, s:o, s:o, s:o, s:i, s:s, s:o}", "platform", text(info->platform_name),
                     "device", text(info->name), "version", text(info->version), "driver",
                     text(info->driver), "units", (int)info->compute_units, "program",
                     PACKAGE_VERSION, "kernels", hexadecimal(hash_kernels()));
}

/* Each precision has its own file, and TF32 another, because their times have little in common.
 * NULL if there is no cache directory or no memory. */
static char *path_for(const device *dev, bool tf32)
{
    const device_info *info = &dev->info;
    char *directory = file_cache_directory();
    if (!directory)
        return NULL;
    uint64_t hash = hash_text(HASH_START, info->platform_name);
    hash = hash_text(hash, info->name);
    hash = hash_text(hash, info->version);
    hash = hash_text(hash, info->driver);
    hash = hash_more(hash, &info->compute_units, sizeof info->compute_units);
    if (dev->precision == PRECISION_FP16)
        hash = hash_text(hash, "fp16");
    if (tf32)
        hash = hash_text(hash, "tf32");
    char *path = text_format("%s/tune-%016llx.json", directory, (unsigned long long)hash);
    free(directory);
    return path;
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

static bool is_ours(const device *dev, json_t *root)
{
    json_t *expected = made_for(dev);
    bool same = json_integer_value(json_object_get(root, "format")) == FORMAT &&
                json_equal(json_object_get(root, "made_for"), expected);
    json_decref(expected);
    return same;
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

static status take_all(choices *table, json_t *root, error *err)
{
    size_t index;
    json_t *entry;
    take_gemm(table, json_object_get(root, "gemm"));
    json_array_foreach(json_object_get(root, "convolutions"), index, entry)
        TRY(take_entry(table, entry, err));
    return STATUS_OK;
}

/* Reads the file into the table, except for what this process has measured itself. */
static status read_choices(choices *table, error *err)
{
    unsigned char *data = NULL;
    size_t size;
    error ignored;
    json_t *root = NULL;
    if (file_read(table->path, MAX_FILE_BYTES, &data, &size, &ignored) == STATUS_OK)
        root = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    status result = root && is_ours(table->dev, root) ? take_all(table, root, err) : STATUS_OK;
    json_decref(root);
    free(data);
    return result;
}

static char *to_text(const choices *table)
{
    json_t *entries = json_array();
    for (size_t i = 0; i < table->count; i++)
        json_array_append_new(entries, entry_to_json(&table->entries[i]));
    json_t *root = json_pack("{s:i, s:o}", "format", FORMAT, "made_for", made_for(table->dev));
    if (table->gemm[0])
        json_object_set_new(
            root, "gemm",
            json_pack("{s:s, s:f}", "parameters", table->gemm, "seconds", table->gemm_seconds));
    json_object_set_new(root, "convolutions", entries);
    char *made = json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    json_decref(root);
    return made;
}

static status write_choices(const choices *table, error *err)
{
    char *made = to_text(table);
    status result = made ? file_write(table->path, made, strlen(made), err)
                         : error_memory(err, "the tuned choices");
    free(made);
    return result;
}

/* Reads and writes the file under one lock, so that two processes that tune at the same time do not
 * lose each other's results. */
static status merge(choices *table, const char *directory, error *err)
{
    int lock;
    TRY(file_make_directory(directory, err));
    TRY(file_wait_lock(directory, &lock, err));
    status result = read_choices(table, err);
    if (result == STATUS_OK)
        result = write_choices(table, err);
    file_unlock(lock);
    return result;
}

status choices_save(choices *known, error *err)
{
    if (!known->path)
        return error_set(err, STATUS_FAILED,
                         "the choices cannot be remembered without a cache directory; set "
                         "XDG_CACHE_HOME or HOME to an absolute path");
    char *directory = file_parent(known->path);
    status result =
        directory ? merge(known, directory, err) : error_memory(err, "the tuned choices");
    free(directory);
    return result;
}

status choices_open(const device *dev, bool tf32, choices **opened, error *err)
{
    choices *table = *opened = calloc(1, sizeof *table);
    if (!table)
        return error_memory(err, "the tuned choices");
    table->dev = dev;
    table->path = path_for(dev, tf32);
    status result = table->path ? read_choices(table, err) : STATUS_OK;
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
    free(known->entries);
    free(known->path);
    free(known);
}

/* ---- The table ---- */

const char *choices_path(const choices *known)
{
    return known->path;
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
