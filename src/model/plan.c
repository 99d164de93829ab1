/* SPDX-License-Identifier: Apache-2.0 */
/* The memory plan; see plan.h.
 *
 * Time is the position in a step: node i runs forward at time i, the losses at `count`, and node i
 * backward at 2 * count - i. A piece lives from its first write to its last read. Pieces are placed
 * largest first, each at the lowest offset where it overlaps no piece that lives at the same
 * time. */
#include "model/plan.h"
#include "model/convolutions.h"
#include "model/shared_statistics.h"
#include "ops/group_norm.h"
#include "ops/max_pool.h"
#include "ops/weight_standardise.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef struct piece {
    size_t member; /* offset, in a node or in the shared workspace, of the cl_mem that receives the
                      piece */
    int node;      /* GRAPH_NONE: the shared workspace */
    uint64_t bytes;
    int first, last; /* times, both inclusive */
    int chunk;
    uint64_t offset;
} piece;

struct plan {
    int batch;
    const statistics_gather *sync;
    piece *pieces;
    int piece_count;
    uint64_t *chunk_bytes;
    int chunk_count;
    uint64_t largest;
    cl_mem *chunks, *views; /* [chunk_count], [piece_count] */
    plan_workspace shared;
};

enum { PIECES_PER_NODE = 4 + CONVOLUTION_DIRECTIONS, PIECES_SHARED = 6 };

static int forward_time(int node)
{
    return node;
}

static int backward_time(const graph *g, int node)
{
    return 2 * g->count - node;
}

static tensor shape_of(const node *n, int batch)
{
    return (tensor){NULL, batch, n->h, n->w, n->c};
}

static uint64_t align_up(uint64_t bytes, uint64_t alignment)
{
    return (bytes + alignment - 1) / alignment * alignment;
}

static void add_piece(plan *p, device *dev, size_t member, int node, uint64_t bytes, int first,
                      int last)
{
    if (bytes == 0)
        return;
    bytes = align_up(bytes, dev->info.align_bytes);
    p->largest = bytes > p->largest ? bytes : p->largest;
    p->pieces[p->piece_count++] = (piece){member, node, bytes, first, last, 0, 0};
}

/* Whether node n reads the value of its input, or of its second input, again when it runs
 * backward. */
static bool reads_input_backward(const node *n)
{
    return n->has_gradient &&
           (n->kind == NODE_CONVOLUTION || n->kind == NODE_BATCHNORM ||
            n->kind == NODE_GROUP_NORM || n->kind == NODE_GATE || n->kind == NODE_LINEAR);
}

static bool reads_second_backward(const node *n)
{
    return n->has_gradient && n->kind == NODE_GATE;
}

/* Whether node n reads its own value when it runs backward: the mask of its ReLU is derived from
 * the result. */
static bool reads_value_backward(const node *n)
{
    return n->has_gradient && n->relu;
}

static int last_use_of_value(const graph *g, int index)
{
    /* In training, the input can still be read after the step, like the logits. */
    int last = g->training && index == 0 ? backward_time(g, 0) : forward_time(index);
    for (int h = 0; h < HEAD_COUNT; h++)
        if (g->heads[h].logits == index)
            last = backward_time(g, 0);
    for (int i = index + 1; i < g->count; i++) {
        const node *n = &g->nodes[i];
        if (n->input != index && n->second != index)
            continue;
        int used = forward_time(i);
        if ((n->input == index && reads_input_backward(n)) ||
            (n->second == index && reads_second_backward(n)))
            used = backward_time(g, i);
        last = used > last ? used : last;
    }
    if (reads_value_backward(&g->nodes[index])) {
        int used = backward_time(g, index);
        last = used > last ? used : last;
    }
    return last;
}

/* The time when a value's gradient is first written: by its last consumer, or by the loss. */
static int first_gradient_time(const graph *g, int index)
{
    for (int i = g->count - 1; i > index; i--) {
        const node *n = &g->nodes[i];
        if ((n->input == index && graph_feeds_input(g, n)) ||
            (n->second == index && graph_feeds_second(g, n)))
            return backward_time(g, i);
    }
    return g->count;
}

/* Length of each of the two vectors of statistics that a node keeps; 0: none. */
static size_t statistics_of(const node *n, int batch)
{
    if (n->kind == NODE_GROUP_NORM)
        return (size_t)batch * (size_t)n->c;
    return n->kind == NODE_BATCHNORM || n->standardised ? (size_t)n->c : 0;
}

/* Adds what a node's forward pass keeps for its backward pass, besides values. If a convolution
 * applies its batchnorm, it uses the two vectors of that batchnorm, so they live from the
 * convolution on. */
static void add_saved(plan *p, device *dev, const graph *g, int index)
{
    const node *n = &g->nodes[index];
    int first = forward_time(n->kind == NODE_BATCHNORM ? n->input : index);
    int last = n->has_gradient ? backward_time(g, index) : forward_time(index);
    uint64_t bytes = statistics_of(n, p->batch) * sizeof(float);
    add_piece(p, dev, offsetof(node, mean), index, bytes, first, last);
    add_piece(p, dev, offsetof(node, inverse_deviation), index, bytes, first, last);
    if (n->kind == NODE_MAX_POOL)
        add_piece(p, dev, offsetof(node, maxima), index,
                  max_pool_index_bytes(shape_of(n, p->batch)), first, last);
}

static void raise(size_t *most, size_t bytes)
{
    *most = bytes > *most ? bytes : *most;
}

/* For each workspace, the most bytes that any operation needs. */
typedef struct workspace_bytes {
    convolution_bytes convolution;
    size_t standardised, standardised_gradient;
} workspace_bytes;

static void standardise_workspace(const graph *g, const node *n, workspace_bytes *most)
{
    int rows = n->shape.kernel * n->shape.kernel * n->shape.cin, c = n->shape.cout;
    size_t bytes = (size_t)rows * (size_t)c * sizeof(float);
    raise(&most->convolution.scratch, weight_standardise_workspace(rows, c));
    raise(&most->standardised, bytes);
    if (graph_convolves(g, n, CONVOLUTION_BACKWARD_WEIGHTS))
        raise(&most->standardised_gradient, bytes);
}

/* Raises `all` to what the operations of a node need, and adds the node's prepared weights, which
 * are kept from step to step. */
static status node_workspace(plan *p, device *dev, const graph *g, int index, workspace_bytes *all,
                             error *err)
{
    const node *n = &g->nodes[index];
    convolution_bytes *most = &all->convolution;
    int batch = p->batch;
    if (n->kind == NODE_BATCHNORM)
        raise(&most->scratch, batchnorm_workspace(dev, shape_of(n, batch)));
    if (n->kind == NODE_BATCHNORM && p->sync)
        raise(&most->scratch, shared_statistics_workspace(p->sync, n->c));
    if (n->kind == NODE_GROUP_NORM)
        raise(&most->scratch, group_norm_workspace(dev, shape_of(n, batch)));
    if (n->standardised)
        standardise_workspace(g, n, all);
    for (int i = 0; i < CONVOLUTION_DIRECTIONS; i++) {
        convolution_bytes bytes;
        if (!graph_convolves(g, n, (enum convolution_direction)i))
            continue;
        const convolution_call call = convolutions_call(g, n, batch, (enum convolution_direction)i);
        const convolution_algorithm *chosen = call.by.algorithm;
        TRY(chosen->measure(dev, &call, &bytes, err));
        raise(&most->columns, bytes.columns);
        raise(&most->weights, bytes.weights);
        raise(&most->scratch, bytes.scratch);
        add_piece(p, dev, offsetof(node, prepared) + (size_t)i * sizeof(cl_mem), index,
                  bytes.prepared, 0, backward_time(g, 0));
        if (g->training && n->norm != GRAPH_NONE && chosen->sum_runs)
            raise(&most->sums, bytes.sums);
    }
    return STATUS_OK;
}

static void add_value(plan *p, device *dev, const graph *g, int index)
{
    const node *n = &g->nodes[index];
    int first = forward_time(index);
    if (!g->training && graph_takes_norm(n))
        return; /* it writes the batchnorm's value instead */
    if (n->kind == NODE_BATCHNORM && graph_takes_norm(&g->nodes[n->input]))
        first = forward_time(n->input);
    add_piece(p, dev, offsetof(node, value.buffer), index, tensor_bytes(dev, shape_of(n, p->batch)),
              first, last_use_of_value(g, index));
}

static status list_pieces(plan *p, device *dev, const graph *g, error *err)
{
    workspace_bytes shared = {0};
    int end = backward_time(g, 0);
    for (int i = 0; i < g->count; i++) {
        const node *n = &g->nodes[i];
        uint64_t bytes = tensor_bytes(dev, shape_of(n, p->batch));
        add_value(p, dev, g, i);
        if (n->has_gradient)
            add_piece(p, dev, offsetof(node, gradient.buffer), i, bytes, first_gradient_time(g, i),
                      backward_time(g, i));
        add_saved(p, dev, g, i);
        TRY(node_workspace(p, dev, g, i, &shared, err));
    }
    const struct {
        size_t member, bytes;
    } workspaces[PIECES_SHARED] = {
        {offsetof(plan_workspace, convolution.columns), shared.convolution.columns},
        {offsetof(plan_workspace, convolution.weights), shared.convolution.weights},
        {offsetof(plan_workspace, convolution.scratch), shared.convolution.scratch},
        {offsetof(plan_workspace, convolution.sums), shared.convolution.sums},
        {offsetof(plan_workspace, standardised), shared.standardised},
        {offsetof(plan_workspace, standardised_gradient), shared.standardised_gradient},
    };
    for (int i = 0; i < PIECES_SHARED; i++)
        add_piece(p, dev, workspaces[i].member, GRAPH_NONE, workspaces[i].bytes, 0, end);
    return STATUS_OK;
}

static int larger_first(const void *a, const void *b)
{
    const piece *one = a, *two = b;
    if (one->bytes != two->bytes)
        return one->bytes < two->bytes ? 1 : -1;
    return one->first != two->first ? one->first - two->first : one->node - two->node;
}

static bool live_together(const piece *a, const piece *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* The lowest offset in the chunk where piece `index` meets none of those placed before it. */
static uint64_t lowest_offset(const plan *p, int index, int chunk)
{
    const piece *wanted = &p->pieces[index];
    uint64_t offset = 0;
    for (int i = 0; i < index; i++) {
        const piece *other = &p->pieces[i];
        if (other->chunk == chunk && live_together(wanted, other) &&
            offset < other->offset + other->bytes && other->offset < offset + wanted->bytes) {
            offset = other->offset + other->bytes;
            i = -1; /* moved up: check all of them again */
        }
    }
    return offset;
}

static status place_pieces(plan *p, device *dev, error *err)
{
    uint64_t limit = dev->info.max_allocation_bytes;
    qsort(p->pieces, (size_t)p->piece_count, sizeof *p->pieces, larger_first);
    p->chunk_bytes = calloc((size_t)p->piece_count, sizeof *p->chunk_bytes);
    TRY(got_memory(p->chunk_bytes, err, "the memory plan"));
    for (int i = 0; i < p->piece_count; i++) {
        piece *placed = &p->pieces[i];
        for (placed->chunk = 0;; placed->chunk++) {
            placed->offset = lowest_offset(p, i, placed->chunk);
            /* An empty chunk accepts any piece, so that this loop ends even if the batch is too
             * large. */
            if (placed->offset + placed->bytes <= limit || p->chunk_bytes[placed->chunk] == 0)
                break;
        }
        uint64_t end = placed->offset + placed->bytes;
        if (end > p->chunk_bytes[placed->chunk])
            p->chunk_bytes[placed->chunk] = end;
        if (placed->chunk >= p->chunk_count)
            p->chunk_count = placed->chunk + 1;
    }
    return STATUS_OK;
}

status plan_create(device *dev, const graph *g, int batch, const statistics_gather *sync,
                   plan **created, error *err)
{
    *created = NULL;
    plan *p = calloc(1, sizeof *p);
    TRY(got_memory(p, err, "the memory plan"));
    p->batch = batch;
    p->sync = sync;
    size_t most = (size_t)g->count * PIECES_PER_NODE + PIECES_SHARED;
    p->pieces = calloc(most, sizeof *p->pieces);
    status result;
    TRY_OR_DONE(got_memory(p->pieces, err, "the memory plan"));
    TRY_OR_DONE(list_pieces(p, dev, g, err));
    TRY_OR_DONE(place_pieces(p, dev, err));
    *created = p;
    return STATUS_OK;
done:
    plan_free(p);
    return result;
}

uint64_t plan_bytes(const plan *p)
{
    uint64_t bytes = 0;
    for (int i = 0; i < p->chunk_count; i++)
        bytes += p->chunk_bytes[i];
    return bytes;
}

uint64_t plan_largest(const plan *p)
{
    return p->largest;
}

status plan_allocate(device *dev, plan *p, graph *g, error *err)
{
    p->chunks = calloc((size_t)p->chunk_count, sizeof *p->chunks);
    p->views = calloc((size_t)p->piece_count, sizeof *p->views);
    TRY(got_memory(p->chunks && p->views, err, "the memory plan"));
    for (int i = 0; i < g->count; i++)
        g->nodes[i].value = g->nodes[i].gradient = shape_of(&g->nodes[i], p->batch);
    for (int i = 0; i < p->chunk_count; i++)
        TRY(buffer_create(dev, p->chunk_bytes[i], &p->chunks[i], err));
    for (int i = 0; i < p->piece_count; i++) {
        const piece *placed = &p->pieces[i];
        TRY(buffer_view(dev, p->chunks[placed->chunk], placed->offset, placed->bytes, &p->views[i],
                        err));
        void *owner = placed->node == GRAPH_NONE ? (void *)&p->shared : &g->nodes[placed->node];
        memcpy((char *)owner + placed->member, &p->views[i], sizeof p->views[i]);
    }
    return STATUS_OK;
}

void plan_free(plan *p)
{
    if (!p)
        return;
    for (int i = 0; p->views && i < p->piece_count; i++)
        buffer_release(&p->views[i]);
    for (int i = 0; p->chunks && i < p->chunk_count; i++)
        buffer_release(&p->chunks[i]);
    free(p->views);
    free(p->chunks);
    free(p->chunk_bytes);
    free(p->pieces);
    free(p);
}

plan_workspace plan_memory(const plan *p)
{
    return p->shared;
}
