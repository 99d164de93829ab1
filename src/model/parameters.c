/* SPDX-License-Identifier: Apache-2.0 */
/* Freezes, allocates and initialises parameters and converts their layouts; see parameters.h. */
#include "model/parameters.h"
#include "device/buffer.h"
#include "ops/initialize.h"

#include <string.h>

/* Whether the name is `prefix`, of that length, or begins with it and a dot. */
static bool names_it(const char *name, const char *prefix, size_t length)
{
    return strncmp(name, prefix, length) == 0 && (name[length] == '.' || name[length] == '\0');
}

static bool freeze_prefix(graph *g, const char *prefix, size_t length)
{
    bool found = false;
    for (size_t i = 0; i < g->parameter_count; i++)
        if (names_it(g->parameters[i].name, prefix, length))
            g->parameters[i].frozen = found = true;
    return found;
}

status parameters_freeze(graph *g, const char *what, error *err)
{
    if (!what || strcmp(what, "none") == 0)
        return STATUS_OK;
    if (strcmp(what, "default") == 0) {
        for (size_t i = 0; i < g->parameter_count; i++)
            g->parameters[i].frozen = g->parameters[i].early;
        return STATUS_OK;
    }
    for (const char *at = what; *at;) {
        size_t length = strcspn(at, ",");
        if (!freeze_prefix(g, at, length))
            return error_set(err, STATUS_USAGE,
                             "--freeze: no parameter name starts with '%.*s'; write names as in a "
                             "checkpoint, for example fine_backbone.layer1",
                             (int)length, at);
        at += length + (at[length] == ',');
    }
    return STATUS_OK;
}

bool parameter_is_trained(const parameter *p)
{
    return !p->frozen && p->kind != PARAMETER_STATISTIC && p->kind != PARAMETER_COUNTER;
}

bool parameter_moves(const parameter *p)
{
    return parameter_is_trained(p) || p->kind == PARAMETER_STATISTIC;
}

bool parameter_has_values(const parameter *p)
{
    return p->kind != PARAMETER_COUNTER;
}

uint64_t parameters_bytes(const graph *g, bool (*counts)(const parameter *p))
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < g->parameter_count; i++)
        if (counts(&g->parameters[i]))
            bytes += g->parameters[i].count * sizeof(float);
    return bytes;
}

void parameter_changed(parameter *p)
{
    p->version++;
}

status parameters_allocate(device *dev, graph *g, bool gradients, error *err)
{
    for (size_t i = 0; i < g->parameter_count; i++) {
        parameter *p = &g->parameters[i];
        size_t bytes = p->count * sizeof(float);
        if (p->kind == PARAMETER_COUNTER)
            continue;
        TRY(buffer_create(dev, bytes, &p->value, err));
        parameter_changed(p);
        if (!gradients || !parameter_is_trained(p))
            continue;
        TRY(buffer_create(dev, bytes, &p->gradient, err));
        TRY(buffer_zero(dev, p->gradient, 0, bytes, err));
    }
    return STATUS_OK;
}

void parameters_release(graph *g)
{
    for (size_t i = 0; i < g->parameter_count; i++) {
        buffer_release(&g->parameters[i].value);
        buffer_release(&g->parameters[i].gradient);
    }
}

/* FNV-1a. A parameter draws its own numbers, whatever else the network contains. */
static uint32_t hash_name(const char *name)
{
    uint32_t hash = 0x811c9dc5u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 0x01000193u;
    return hash;
}

static bool ends_with(const char *name, const char *end)
{
    size_t length = strlen(name), wanted = strlen(end);
    return length >= wanted && strcmp(name + length - wanted, end) == 0;
}

/* The scale of a parameter's initial values. */
static float start_scale(const parameter *p, bool from_scratch)
{
    if (from_scratch && p->zero_from_scratch)
        return 0;
    if (from_scratch && ends_with(p->name, "_classifier.weight"))
        return 1e-2f;
    return p->scale;
}

status parameter_initialize(device *dev, parameter *p, uint64_t seed, bool from_scratch, error *err)
{
    uint32_t id = hash_name(p->name);
    float scale = start_scale(p, from_scratch);
    p->counter = 0;
    parameter_changed(p);
    if (p->kind == PARAMETER_COUNTER)
        return STATUS_OK;
    if (p->start == START_NORMAL)
        return initialize_normal(dev, p->value, p->count, seed, id, scale, err);
    if (p->start == START_UNIFORM)
        return initialize_uniform(dev, p->value, p->count, seed, id, scale, err);
    return initialize_constant(dev, p->value, p->count, scale, err);
}

/* out[c][b][a] = in[a][b][c], in tiles that stay in the cache. */
static void reverse(const float *in, size_t rows, size_t middle, size_t columns, float *out)
{
    enum { TILE = 16 };
    for (size_t r0 = 0; r0 < rows; r0 += TILE)
        for (size_t c0 = 0; c0 < columns; c0 += TILE)
            for (size_t m = 0; m < middle; m++)
                for (size_t r = r0; r < rows && r < r0 + TILE; r++)
                    for (size_t c = c0; c < columns && c < c0 + TILE; c++)
                        out[(c * middle + m) * rows + r] = in[(r * middle + m) * columns + c];
}

/* [out][in][taps] in files and [taps][in][out] on the device; a length that the kind lacks is 1. */
typedef struct extents {
    size_t out, in, taps;
} extents;

static extents extents_of(const parameter *p)
{
    return (extents){p->rank > 0 ? (size_t)p->shape[0] : 1, p->rank > 1 ? (size_t)p->shape[1] : 1,
                     p->rank > 2 ? (size_t)(p->shape[2] * p->shape[3]) : 1};
}

void parameter_to_device_layout(const parameter *p, const float *file, float *device_values)
{
    const extents e = extents_of(p);
    reverse(file, e.out, e.in, e.taps, device_values);
}

void parameter_to_file_layout(const parameter *p, const float *device_values, float *file)
{
    const extents e = extents_of(p);
    reverse(device_values, e.taps, e.in, e.out, file);
}
