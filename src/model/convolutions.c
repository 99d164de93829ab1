/* SPDX-License-Identifier: Apache-2.0 */
/* Lists the convolutions of a graph and records the algorithms chosen for them; see
 * convolutions.h. */
#include "model/convolutions.h"
#include "model/parameters.h"

#include <stdlib.h>
#include <string.h>

convolution_call convolutions_call(const graph *g, const node *n, int batch,
                                   enum convolution_direction direction)
{
    const node *from = &g->nodes[n->input];
    bool learns = g->training && parameter_is_trained(&g->parameters[n->weight]);
    return (convolution_call){.by = n->choices[direction],
                              .direction = direction,
                              .shape = n->shape,
                              .x = {NULL, batch, from->h, from->w, from->c},
                              .y = {NULL, batch, n->h, n->w, n->c},
                              .fixed = !learns,
                              .terms = {1, 0}};
}

void convolutions_choose(graph *g, const convolver *c, int batch, bool remembered)
{
    for (int i = 0; i < g->count; i++)
        for (int d = 0; d < CONVOLUTION_DIRECTIONS; d++) {
            enum convolution_direction direction = (enum convolution_direction)d;
            node *n = &g->nodes[i];
            if (!graph_convolves(g, n, direction))
                continue;
            const convolution_call call = convolutions_call(g, n, batch, direction);
            n->choices[d] = convolver_choose(c, &call, remembered);
        }
}

static void add_distinct(convolution_call *calls, size_t *count, const convolution_call *call)
{
    for (size_t i = 0; i < *count; i++)
        if (choices_same_call(&calls[i], call))
            return;
    calls[(*count)++] = *call;
}

status convolutions_list(const graph *g, int batch, convolution_call **calls, size_t *count,
                         error *err)
{
    *count = 0;
    *calls = calloc((size_t)g->count * CONVOLUTION_DIRECTIONS, sizeof **calls);
    TRY(got_memory(*calls, err, "the list of convolutions"));
    for (int d = 0; d < CONVOLUTION_DIRECTIONS; d++)
        for (int i = 0; i < g->count; i++) {
            const node *n = &g->nodes[i];
            enum convolution_direction direction = (enum convolution_direction)d;
            if (!graph_convolves(g, n, direction))
                continue;
            const convolution_call call = convolutions_call(g, n, batch, direction);
            add_distinct(*calls, count, &call);
        }
    return STATUS_OK;
}

static const node *find_layer(const graph *g, const char *label)
{
    for (int i = 0; i < g->count; i++) {
        const node *n = &g->nodes[i];
        if (graph_convolves(g, n, CONVOLUTION_FORWARD) &&
            strcmp(g->parameters[n->weight].name, label) == 0)
            return n;
    }
    return NULL;
}

double convolutions_flops(const graph *g, const char *label, const char *phase, int count)
{
    const node *n = find_layer(g, label);
    if (!n)
        return 0;
    const convolution_call call = convolutions_call(g, n, count, CONVOLUTION_FORWARD);
    int directions = 1;
    if (strcmp(phase, "backward") == 0)
        directions = graph_convolves(g, n, CONVOLUTION_BACKWARD_DATA) +
                     graph_convolves(g, n, CONVOLUTION_BACKWARD_WEIGHTS);
    return 2.0 * convolution_products(&call) * directions;
}

const char *convolutions_algorithm(const graph *g, const char *label,
                                   enum convolution_direction direction)
{
    const node *n = find_layer(g, label);
    return n && graph_convolves(g, n, direction) ? n->choices[direction].algorithm->name : NULL;
}
