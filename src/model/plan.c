/* SPDX-License-Identifier: Apache-2.0 */
/* The memory plan; see plan.h.
 *
 * Time is the place in a step: node i runs forward at i, the losses at `count`, node i backward at
 * 2 * count - i. A piece lives from its first writing to its last reading. Pieces are placed
 * largest first, each at the lowest offset where nothing that lives at the same time lies. */
#include "model/plan.h"
#include "model/convolutions.h"
#include "model/shared_statistics.h"
#include "ops/group_norm.h"
#include "ops/max_pool.h"
#include "ops/weight_standardise.h"

#include <stdlib.h>

enum piece_kind {
    PIECE_VALUE,
    PIECE_GRADIENT,
    PIECE_MEAN,
    PIECE_DEVIATION,
    PIECE_MAXIMA,
    PIECE_COLUMNS,
    PIECE_WEIGHTS,
    PIECE_SCRATCH,
    PIECE_SUMS,
    PIECE_STANDARDISED,
    PIECE_STANDARDISED_GRADIENT,
};

typedef struct piece {
    enum piece_kind kind;
    int node;
    uint64_t bytes;
    int first, last; /* both inclusive */
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

enum { PIECES_PER_NODE = 4, PIECES_SHARED = 6 };

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

static void add_piece(plan *p, device *dev, enum piece_kind kind, int node, uint64_t bytes,
                      int first, int last)
{
    if (bytes == 0)
        return;
    bytes = align_up(bytes, dev->info.align_bytes);
    p->largest = bytes > p->largest ? bytes : p->largest;
    p->pieces[p->piece_count++] = (piece){kind, node, bytes, first, last, 0, 0};
}

/* Whether consumer n reads its input's value again when it runs backward; its second's. */
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

/* Whether its gradient is masked by its own value: the ReLU's mask is read off its result. */
static bool reads_value_backward(const node *n)
{
    return n->has_gradient && n->relu;
}

static int last_use_of_value(const graph *g, int index)
{
    /* The input of a training is read after the step, as logits are. */
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

/* The time of the first writing of a value's gradient: its last consumer, or the loss. */
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

/* Channels of the two vectors of statistics that a node keeps; 0: none. */
static size_t statistics_of(const node *n, int batch)
{
    if (n->kind == NODE_GROUP_NORM)
        return (size_t)batch * (size_t)n->c;
    return n->kind == NODE_BATCHNORM || n->standardised ? (size_t)n->c : 0;
}

/* What a node's forward keeps for its backward beside values. A batchnorm's two vectors also hold
 * what its convolution applies in its stead, so they live from there on. */
static void add_saved(plan *p, device *dev, const graph *g, int index)
{
    const node *n = &g->nodes[index];
    int first = forward_time(n->kind == NODE_BATCHNORM ? n->input : index);
    int last = n->has_gradient ? backward_time(g, index) : forward_time(index);
    uint64_t bytes = statistics_of(n, p->batch) * sizeof(float);
    add_piece(p, dev, PIECE_MEAN, index, bytes, first, last);
    add_piece(p, dev, PIECE_DEVIATION, index, bytes, first, last);
    if (n->kind == NODE_MAX_POOL)
        add_piece(p, dev, PIECE_MAXIMA, index, max_pool_index_bytes(shape_of(n, p->batch)), first,
                  last);
}

static void raise(size_t *most, size_t bytes)
{
    *most = bytes > *most ? bytes : *most;
}

/* The most bytes that a node's operations need of each workspace. */
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

/* Raises `all` to what the node's operations need. */
static status node_workspace(const plan *p, device *dev, const graph *g, const node *n,
                             workspace_bytes *all, error *err)
{
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
        return; /* it has none of its own */
    if (n->kind == NODE_BATCHNORM && graph_takes_norm(&g->nodes[n->input]))
        first = forward_time(n->input);
    add_piece(p, dev, PIECE_VALUE, index, tensor_bytes(dev, shape_of(n, p->batch)), first,
              last_use_of_value(g, index));
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
            add_piece(p, dev, PIECE_GRADIENT, i, bytes, first_gradient_time(g, i),
                      backward_time(g, i));
        add_saved(p, dev, g, i);
        TRY(node_workspace(p, dev, g, n, &shared, err));
    }
    add_piece(p, dev, PIECE_COLUMNS, GRAPH_NONE, shared.convolution.columns, 0, end);
    add_piece(p, dev, PIECE_WEIGHTS, GRAPH_NONE, shared.convolution.weights, 0, end);
    add_piece(p, dev, PIECE_SCRATCH, GRAPH_NONE, shared.convolution.scratch, 0, end);
    add_piece(p, dev, PIECE_SUMS, GRAPH_NONE, shared.convolution.sums, 0, end);
    add_piece(p, dev, PIECE_STANDARDISED, GRAPH_NONE, shared.standardised, 0, end);
    add_piece(p, dev, PIECE_STANDARDISED_GRADIENT, GRAPH_NONE, shared.standardised_gradient, 0,
              end);
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
            i = -1; /* moved up: look at all of them again */
        }
    }
    return offset;
}

static status place_pieces(plan *p, device *dev, error *err)
{
    uint64_t limit = dev->info.max_allocation_bytes;
    qsort(p->pieces, (size_t)p->piece_count, sizeof *p->pieces, larger_first);
    p->chunk_bytes = calloc((size_t)p->piece_count, sizeof *p->chunk_bytes);
    if (!p->chunk_bytes)
        return error_memory(err, "the memory plan");
    for (int i = 0; i < p->piece_count; i++) {
        piece *placed = &p->pieces[i];
        for (placed->chunk = 0;; placed->chunk++) {
            placed->offset = lowest_offset(p, i, placed->chunk);
            /* An empty chunk takes anything, so that measuring a batch that is too large ends. */
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
    if (!p)
        return error_memory(err, "the memory plan");
    p->batch = batch;
    p->sync = sync;
    size_t most = (size_t)g->count * PIECES_PER_NODE + PIECES_SHARED;
    p->pieces = calloc(most, sizeof *p->pieces);
    status result = p->pieces ? STATUS_OK : error_memory(err, "the memory plan");
    if (result == STATUS_OK)
        result = list_pieces(p, dev, g, err);
    if (result == STATUS_OK)
        result = place_pieces(p, dev, err);
    if (result == STATUS_OK)
        *created = p;
    else
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

static void point_node(plan *p, graph *g, const piece *placed, cl_mem view)
{
    node *n = placed->node == GRAPH_NONE ? NULL : &g->nodes[placed->node];
    tensor t = n ? shape_of(n, p->batch) : (tensor){0};
    t.buffer = view;
    switch (placed->kind) {
    /* NOLINTBEGIN(clang-analyzer-core.NullDereference): these are pieces of a node. */
    case PIECE_VALUE:
        n->value = t;
        break;
    case PIECE_GRADIENT:
        n->gradient = t;
        break;
    case PIECE_MEAN:
        n->mean = view;
        break;
    case PIECE_DEVIATION:
        n->inverse_deviation = view;
        break;
    case PIECE_MAXIMA:
        n->maxima = view;
        /* NOLINTEND(clang-analyzer-core.NullDereference) */
        break;
    case PIECE_COLUMNS:
        p->shared.convolution.columns = view;
        break;
    case PIECE_WEIGHTS:
        p->shared.convolution.weights = view;
        break;
    case PIECE_SCRATCH:
        p->shared.convolution.scratch = view;
        break;
    case PIECE_SUMS:
        p->shared.convolution.sums = view;
        break;
    case PIECE_STANDARDISED:
        p->shared.standardised = view;
        break;
    case PIECE_STANDARDISED_GRADIENT:
        p->shared.standardised_gradient = view;
        break;
    }
}

status plan_allocate(device *dev, plan *p, graph *g, error *err)
{
    p->chunks = calloc((size_t)p->chunk_count, sizeof *p->chunks);
    p->views = calloc((size_t)p->piece_count, sizeof *p->views);
    if (!p->chunks || !p->views)
        return error_memory(err, "the memory plan");
    for (int i = 0; i < p->chunk_count; i++)
        TRY(buffer_create(dev, p->chunk_bytes[i], &p->chunks[i], err));
    for (int i = 0; i < p->piece_count; i++) {
        const piece *placed = &p->pieces[i];
        TRY(buffer_view(dev, p->chunks[placed->chunk], placed->offset, placed->bytes, &p->views[i],
                        err));
        point_node(p, g, placed, p->views[i]);
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
