/* SPDX-License-Identifier: Apache-2.0 */
/* A network's parameters from a file to host memory; see state.h. */
#include "model/state.h"

#include <stdlib.h>
#include <string.h>

static status read_one(tensor_file *file, const char *path, const parameter *p, float **values,
                       error *err)
{
    const tensor_entry *e = tensor_file_find(file, p->name);
    bool fits = e && e->rank == p->rank;
    for (int i = 0; fits && i < p->rank; i++)
        fits = e->shape[i] == p->shape[i];
    if (!fits)
        return error_set(err, STATUS_FAILED,
                         "%s: %s is %s; the file is not of the network that it says it is of", path,
                         p->name, e ? "of another shape" : "missing");
    *values = malloc(p->count * sizeof **values);
    if (!*values)
        return error_memory(err, p->name);
    return tensor_file_read_f32(file, e, *values, err);
}

status state_read(const graph *g, tensor_file *file, const char *path, state *s, error *err)
{
    *s = (state){.count = g->parameter_count};
    s->values = calloc(s->count + 1, sizeof *s->values);
    status result = s->values ? STATUS_OK : error_memory(err, path);
    for (size_t i = 0; result == STATUS_OK && i < s->count; i++)
        if (g->parameters[i].kind != PARAMETER_COUNTER)
            result = read_one(file, path, &g->parameters[i], &s->values[i], err);
    if (result != STATUS_OK)
        state_free(s);
    return result;
}

void state_free(state *s)
{
    for (size_t i = 0; s->values && i < s->count; i++)
        free(s->values[i]);
    free(s->values);
    *s = (state){0};
}
