/* SPDX-License-Identifier: Apache-2.0 */
/* The table of remembered choices and its file; see choices.h. */
#include "ops/choices.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "config.h"
#include "device/program.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT = 1, MAX_FILE_BYTES = 4 << 20, FIRST_CAPACITY = 64, GEMM_NAME = 32 };

struct choices {
    bool ignored;
    enum precision precision; /* these two: what the file was read for */
    bool tf32;
    bool gemm_measured;   /* as choice.measured */
    char gemm[GEMM_NAME]; /* "": none */
    double gemm_seconds;
    size_t count, capacity;
    choice entries[];
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

static choice *find(struct choices *table, const choice *key)
{
    for (size_t i = 0; table && i < table->count; i++)
        if (same_key(&table->entries[i], key))
            return &table->entries[i];
    return NULL;
}

/* One allocation, so that the device can free it without knowing what it is. */
static status reserve(device *dev, size_t count, error *err)
{
    struct choices *table = dev->choices;
    if (table && count <= table->capacity)
        return STATUS_OK;
    size_t capacity = table ? 2 * table->capacity : FIRST_CAPACITY;
    capacity = capacity < count ? count : capacity;
    struct choices *larger = realloc(table, sizeof *table + capacity * sizeof *table->entries);
    if (!larger)
        return error_memory(err, "the tuned choices");
    if (!table)
        *larger = (struct choices){0};
    larger->capacity = capacity;
    dev->choices = larger;
    return STATUS_OK;
}

static status put(device *dev, const choice *entry, error *err)
{
    choice *known = find(dev->choices, entry);
    if (!known) {
        TRY(reserve(dev, dev->choices ? dev->choices->count + 1 : 1, err));
        known = &dev->choices->entries[dev->choices->count++];
    }
    *known = *entry;
    return STATUS_OK;
}

/* ---- The file ---- */

/* A driver may put any bytes into a name; Jansson takes only UTF-8. */
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

static uint64_t hash_kernels(void)
{
    uint64_t hash = HASH_START;
    for (const kernel_source *source = kernel_sources; source->name; source++)
        hash = hash_text(hash_text(hash, source->name), source->text);
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

char *choices_path(const device *dev)
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
    /* A file for each precision, with TF32 and without: their times have little to do with each
     * other. */
    if (dev->precision == PRECISION_FP16)
        hash = hash_text(hash, "fp16");
    if (dev->tf32)
        hash = hash_text(hash, "tf32");
    char *path = text_format("%s/tune-%016llx.json", directory, (unsigned long long)hash);
    free(directory);
    return path;
}

static json_t *entry_to_json(const choice *c)
{
    const convolution_shape *s = &c->shape;
    return json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:s, s:f}", "direction",
                     convolution_direction_names[c->direction], "cin", s->cin, "cout", s->cout,
                     "kernel", s->kernel, "stride", s->stride, "pad", s->pad, "n", c->n, "h", c->h,
                     "w", c->w, "algorithm", c->algorithm->name, "seconds", c->seconds);
}

/* False for what is no entry, or names what this program does not have. */
static bool entry_from_json(json_t *from, choice *c)
{
    const char *direction, *algorithm;
    convolution_shape *s = &c->shape;
    if (json_unpack(from, "{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:s, s:F}", "direction",
                    &direction, "cin", &s->cin, "cout", &s->cout, "kernel", &s->kernel, "stride",
                    &s->stride, "pad", &s->pad, "n", &c->n, "h", &c->h, "w", &c->w, "algorithm",
                    &algorithm, "seconds", &c->seconds) != 0)
        return false;
    c->algorithm = convolution_find(algorithm);
    for (int d = 0; d < CONVOLUTION_DIRECTIONS; d++)
        if (strcmp(convolution_direction_names[d], direction) == 0) {
            c->direction = (enum convolution_direction)d;
            return c->algorithm != NULL;
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

static void take_gemm(struct choices *table, json_t *from)
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

static status take_entry(device *dev, json_t *from, error *err)
{
    choice c = {0};
    if (!entry_from_json(from, &c))
        return STATUS_OK;
    const choice *known = find(dev->choices, &c);
    return known && known->measured ? STATUS_OK : put(dev, &c, err);
}

static status take_all(device *dev, json_t *root, error *err)
{
    size_t index;
    json_t *entry;
    take_gemm(dev->choices, json_object_get(root, "gemm"));
    json_array_foreach(json_object_get(root, "convolutions"), index, entry)
        TRY(take_entry(dev, entry, err));
    return STATUS_OK;
}

/* Into the table, but for what this process has measured itself. */
static status read_choices(device *dev, const char *path, error *err)
{
    unsigned char *data = NULL;
    size_t size;
    error ignored;
    json_t *root = NULL;
    if (file_read(path, MAX_FILE_BYTES, &data, &size, &ignored) == STATUS_OK)
        root = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    status result = root && is_ours(dev, root) ? take_all(dev, root, err) : STATUS_OK;
    json_decref(root);
    free(data);
    return result;
}

/* gemm_prepare reads before convolution_prepare knows whether TF32 is on. */
static bool is_loaded(const device *dev)
{
    const struct choices *table = dev->choices;
    return table && table->precision == dev->precision && table->tf32 == dev->tf32;
}

status choices_load(device *dev, error *err)
{
    if (is_loaded(dev))
        return STATUS_OK;
    free(dev->choices);
    dev->choices = NULL;
    TRY(reserve(dev, 1, err));
    dev->choices->precision = dev->precision;
    dev->choices->tf32 = dev->tf32;
    char *path = choices_path(dev);
    status result = path ? read_choices(dev, path, err) : STATUS_OK;
    free(path);
    return result;
}

static char *to_text(const device *dev)
{
    const struct choices *table = dev->choices;
    json_t *entries = json_array();
    for (size_t i = 0; i < table->count; i++)
        json_array_append_new(entries, entry_to_json(&table->entries[i]));
    json_t *root = json_pack("{s:i, s:o}", "format", FORMAT, "made_for", made_for(dev));
    if (table->gemm[0])
        json_object_set_new(
            root, "gemm",
            json_pack("{s:s, s:f}", "parameters", table->gemm, "seconds", table->gemm_seconds));
    json_object_set_new(root, "convolutions", entries);
    char *made = json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    json_decref(root);
    return made;
}

static status write_choices(const device *dev, const char *path, error *err)
{
    char *made = to_text(dev);
    status result =
        made ? file_write(path, made, strlen(made), err) : error_memory(err, "the tuned choices");
    free(made);
    return result;
}

/* Read again and written under one lock: of two processes that tune at once, neither loses what the
 * other found. */
static status merge(device *dev, const char *directory, const char *path, error *err)
{
    int lock;
    TRY(file_make_directory(directory, err));
    TRY(file_wait_lock(directory, &lock, err));
    status result = read_choices(dev, path, err);
    if (result == STATUS_OK)
        result = write_choices(dev, path, err);
    file_unlock(lock);
    return result;
}

status choices_save(device *dev, error *err)
{
    TRY(choices_load(dev, err));
    char *directory = file_cache_directory(), *path = choices_path(dev);
    status result =
        directory && path
            ? merge(dev, directory, path, err)
            : error_set(err, STATUS_FAILED,
                        "there is no directory to remember choices in; set XDG_CACHE_HOME or HOME "
                        "to an absolute path");
    free(directory);
    free(path);
    return result;
}

/* ---- The table ---- */

const choice *choices_find(const device *dev, const convolution_call *call)
{
    const choice key = key_of(call);
    return dev->choices && !dev->choices->ignored ? find(dev->choices, &key) : NULL;
}

status choices_put(device *dev, const convolution_call *call,
                   const convolution_algorithm *algorithm, double seconds, error *err)
{
    choice entry = key_of(call);
    entry.algorithm = algorithm;
    entry.seconds = seconds;
    entry.measured = true;
    TRY(choices_load(dev, err));
    return put(dev, &entry, err);
}

const char *choices_gemm(const device *dev)
{
    return dev->choices && dev->choices->gemm[0] ? dev->choices->gemm : NULL;
}

status choices_put_gemm(device *dev, const char *name, double seconds, error *err)
{
    TRY(choices_load(dev, err));
    snprintf(dev->choices->gemm, sizeof dev->choices->gemm, "%s", name);
    dev->choices->gemm_seconds = seconds;
    dev->choices->gemm_measured = true;
    return STATUS_OK;
}

void choices_ignore(device *dev, bool ignore)
{
    if (dev->choices)
        dev->choices->ignored = ignore;
}
