/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the ranks of a run in agreement; see replicas.h. */
#include "ranks/replicas.h"
#include "base/crc32c.h"
#include "device/buffer.h"

#include <stdlib.h>

status replicas_sum_metrics(const ranks *r, metrics *sums, bool *flag, error *err)
{
    double packed[METRICS_PACKED + 1];
    if (!r)
        return STATUS_OK;
    metrics_pack(sums, packed);
    packed[METRICS_PACKED] = flag && *flag;
    TRY(ranks_sum(r, packed, METRICS_PACKED + 1, err));
    *sums = metrics_unpack(packed);
    if (flag)
        *flag = packed[METRICS_PACKED] > 0;
    return STATUS_OK;
}

/* ---- Evaluations ---- */

static status sum_matrix(const ranks *r, uint32_t *counts, int classes, error *err)
{
    size_t count = (size_t)classes * (size_t)classes;
    double *sums = malloc((count ? count : 1) * sizeof *sums);
    TRY(got_memory(sums, err, "the confusion matrices"));
    for (size_t i = 0; i < count; i++)
        sums[i] = counts[i];
    status result = ranks_sum(r, sums, count, err);
    for (size_t i = 0; result == STATUS_OK && i < count; i++)
        counts[i] = (uint32_t)sums[i];
    free(sums);
    return result;
}

/* A mistake as doubles, which represent each of its members exactly. */
enum { IMAGE, LABEL, ANSWER, LOSS, FIELDS };

/* In the sum, each rank has its own place for its mistakes. */
static status merge_mistakes(const ranks *r, evaluation *seen, error *err)
{
    size_t block = 1 + EVALUATION_MISTAKES * FIELDS, all = block * (size_t)r->count;
    double *values = calloc(all, sizeof *values);
    TRY(got_memory(values, err, "the worst mistakes"));
    double *mine = values + block * (size_t)r->rank;
    *mine++ = seen->worst_count;
    for (int i = 0; i < seen->worst_count; i++, mine += FIELDS) {
        mine[IMAGE] = (double)seen->worst[i].image;
        mine[LABEL] = seen->worst[i].label;
        mine[ANSWER] = seen->worst[i].answer;
        mine[LOSS] = seen->worst[i].loss;
    }
    status result = ranks_sum(r, values, all, err);
    seen->worst_count = 0;
    for (int rank = 0; result == STATUS_OK && rank < r->count; rank++) {
        const double *from = values + block * (size_t)rank;
        int count = (int)*from++;
        for (int i = 0; i < count; i++, from += FIELDS)
            evaluation_add_mistake(seen, (mistake){(size_t)from[IMAGE], (int)from[LABEL],
                                                   (int)from[ANSWER], (float)from[LOSS]});
    }
    free(values);
    return result;
}

status replicas_merge_evaluation(const ranks *r, evaluation *seen, error *err)
{
    if (!r || !seen)
        return STATUS_OK;
    double counts[] = {(double)seen->images, (double)seen->undecided};
    TRY(ranks_sum(r, counts, 2, err));
    seen->images = (uint64_t)counts[0];
    seen->undecided = (uint64_t)counts[1];
    TRY(sum_matrix(r, seen->fine, seen->classes->fine_count, err));
    if (seen->has_coarse)
        TRY(sum_matrix(r, seen->coarse, seen->classes->coarse_count, err));
    return merge_mistakes(r, seen, err);
}

/* ---- Statistics ---- */

static size_t count_statistics(network *net)
{
    size_t count = 0;
    for (const parameter *p = NULL; (p = network_next(net, p));)
        count += p->kind == PARAMETER_STATISTIC ? p->count : 0;
    return count;
}

/* Copies all statistics from the network to the values, or with `write` from the values to the
 * network. */
static status move_statistics(network *net, float *values, bool write, error *err)
{
    for (parameter *p = NULL; (p = network_next(net, p));) {
        if (p->kind != PARAMETER_STATISTIC)
            continue;
        TRY(write ? network_parameter_write(net, p, values, err)
                  : network_parameter_read(net, p, values, err));
        values += p->count;
    }
    return STATUS_OK;
}

static status average(const ranks *r, double *sums, float *values, size_t count, error *err)
{
    for (size_t i = 0; i < count; i++)
        /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): they were read. */
        sums[i] = values[i];
    TRY(ranks_sum(r, sums, count, err));
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(sums[i] / r->count);
    return STATUS_OK;
}

status replicas_average_statistics(const ranks *r, network *net, error *err)
{
    if (!r)
        return STATUS_OK;
    size_t count = count_statistics(net);
    float *values = malloc((count ? count : 1) * sizeof *values);
    double *sums = malloc((count ? count : 1) * sizeof *sums);
    status result;
    TRY_OR_DONE(got_memory(values && sums, err, "the running statistics"));
    TRY_OR_DONE(move_statistics(net, values, false, err));
    TRY_OR_DONE(average(r, sums, values, count, err));
    TRY_OR_DONE(move_statistics(net, values, true, err));
done:
    free(values);
    free(sums);
    return result;
}

/* ---- Weights ---- */

static bool is_weight(const parameter *p)
{
    return p->value && p->kind != PARAMETER_STATISTIC;
}

/* The checksum of all weights; values has room for the largest parameter. */
static status checksum(network *net, float *values, uint32_t *sum, error *err)
{
    enum { PRIME = 16777619 }; /* of FNV-1a's step, which makes the order count */
    *sum = 0;
    for (const parameter *p = NULL; (p = network_next(net, p));) {
        if (!is_weight(p))
            continue;
        TRY(network_parameter_read(net, p, values, err));
        *sum = (*sum ^ crc32c(values, p->count * sizeof *values)) * PRIME;
    }
    return STATUS_OK;
}

static status take_leaders(const ranks *r, network *net, float *values, error *err)
{
    for (parameter *p = NULL; (p = network_next(net, p));) {
        if (!is_weight(p))
            continue;
        TRY(network_parameter_read(net, p, values, err));
        TRY(ranks_broadcast(r, values, p->count * sizeof *values, err));
        TRY(network_parameter_write(net, p, values, err));
    }
    return STATUS_OK;
}

static status take_leaders_state(const ranks *r, device *dev, const state_list *state,
                                 float *values, error *err)
{
    for (size_t i = 0; i < state->count; i++) {
        const state_buffer *b = &state->buffers[i];
        size_t bytes = b->count * sizeof *values;
        TRY(buffer_read(dev, b->buffer, 0, values, bytes, err));
        TRY(ranks_broadcast(r, values, bytes, err));
        TRY(buffer_write(dev, b->buffer, 0, values, bytes, err));
    }
    return STATUS_OK;
}

static status align(const ranks *r, network *net, const state_list *state, float *values,
                    bool *differed, error *err)
{
    uint32_t mine;
    TRY(checksum(net, values, &mine, err));
    uint32_t first = mine;
    TRY(ranks_broadcast(r, &first, sizeof first, err));
    *differed = first != mine;
    TRY(ranks_any(r, differed, err));
    if (!*differed)
        return STATUS_OK;
    TRY(take_leaders(r, net, values, err));
    return take_leaders_state(r, network_device(net), state, values, err);
}

status replicas_align(const ranks *r, network *net, const state_list *state, bool *differed,
                      error *err)
{
    size_t most = 1;
    *differed = false;
    if (!r)
        return STATUS_OK;
    for (const parameter *p = NULL; (p = network_next(net, p));)
        most = p->count > most ? p->count : most;
    float *values = malloc(most * sizeof *values);
    TRY(got_memory(values, err, "the comparison of the ranks' weights"));
    status result = align(r, net, state, values, differed, err);
    free(values);
    return result;
}
