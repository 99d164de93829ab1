/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges buckets of gradients; see exchange.h. */
#include "ranks/exchange.h"
#include "base/clock.h"
#include "base/half.h"
#include "device/buffer.h"
#include "device/wait.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How long the host sleeps when neither the device nor the other ranks are ready: short compared
 * with a step, long compared with checking both. The device may be the CPU and need the cores. */
static const struct timespec nap = {.tv_nsec = 50000};

static const float half_most = 32768; /* binary16's largest power of two: room for rounding */

/* A bucket goes through these states in this order. */
enum bucket_state {
    BUCKET_READING,   /* the device is sending the gradients */
    BUCKET_MEASURING, /* the ranks find the largest gradient, for halves */
    BUCKET_SUMMING,
    BUCKET_DONE, /* the sums are being sent to the device */
};

/* Gradients that are contiguous on the host. */
typedef struct bucket {
    enum bucket_state state;
    size_t first, count;        /* floats */
    size_t first_piece, pieces; /* of exchange.pieces */
    cl_event read;
    void *request;
    float largest; /* its largest gradient, after the exchange that of all ranks */
    float scale;
} bucket;

/* The gradients of one parameter. */
typedef struct piece {
    parameter *p;
    size_t offset; /* floats */
} piece;

struct exchange {
    const ranks *r;
    network *net;
    device *dev;
    bool halves, begun;
    size_t bucket_floats;
    float *values;    /* [total], bucket after bucket */
    uint16_t *packed; /* [total]; NULL without halves */
    size_t total;
    bool *taken;   /* [parameters], whether its gradients are in a bucket of this step */
    piece *pieces; /* [parameters], those of this step first */
    size_t piece_count, filled;
    bucket *buckets;                 /* [parameters], those of this step first */
    size_t bucket_count, first_open; /* buckets before first_open are done */
    bool filling;                    /* whether the last bucket is still being filled */
    double first_begun, all_read;    /* seconds */
    exchange_costs costs;
};

static status take(void *context, size_t index, error *err);

static status allocate(exchange *x, error *err)
{
    size_t count = network_parameter_count(x->net);
    for (const parameter *p = NULL; (p = network_next(x->net, p));)
        x->total += p->gradient ? p->count : 0;
    size_t room = x->total ? x->total : 1;
    x->values = malloc(room * sizeof *x->values);
    x->packed = x->halves ? malloc(room * sizeof *x->packed) : NULL;
    x->taken = calloc(count, sizeof *x->taken);
    x->pieces = calloc(count, sizeof *x->pieces);
    x->buckets = calloc(count, sizeof *x->buckets);
    bool whole = x->values && (x->packed || !x->halves) && x->taken && x->pieces && x->buckets;
    return got_memory(whole, err, "the exchange of gradients");
}

status exchange_create(const ranks *r, network *net, bool halves, size_t bucket_bytes,
                       exchange **created, error *err)
{
    *created = NULL;
    exchange *x = calloc(1, sizeof *x);
    TRY(got_memory(x, err, "the exchange of gradients"));
    *x = (exchange){.r = r,
                    .net = net,
                    .dev = network_device(net),
                    .halves = halves,
                    .bucket_floats = bucket_bytes / sizeof(float)};
    status result = allocate(x, err);
    if (result != STATUS_OK) {
        exchange_free(x);
        return result;
    }
    x->costs.bytes = x->total * (halves ? sizeof *x->packed : sizeof *x->values);
    network_watch_gradients(net, (gradient_watch){x, take});
    *created = x;
    return STATUS_OK;
}

void exchange_free(exchange *x)
{
    if (!x)
        return;
    exchange_abandon(x);
    if (device_is_stuck(x->dev))
        return; /* the device may still use the values */
    network_watch_gradients(x->net, (gradient_watch){0});
    free(x->values);
    free(x->packed);
    free(x->taken);
    free(x->pieces);
    free(x->buckets);
    free(x);
}

static void start_anew(exchange *x)
{
    memset(x->taken, 0, network_parameter_count(x->net) * sizeof *x->taken);
    x->piece_count = x->filled = x->bucket_count = x->first_open = 0;
    x->begun = x->filling = false;
}

void exchange_abandon(exchange *x)
{
    error ignored;
    for (size_t i = x->first_open; i < x->bucket_count; i++)
        buffer_wait(x->dev, &x->buckets[i].read, &ignored);
    start_anew(x);
}

void exchange_begin(exchange *x)
{
    x->begun = true;
}

/* ---- From the device, over the ranks, and back ---- */

/* The largest magnitude. Bits have the order of the magnitudes and compare faster; NaN counts as
 * the largest. */
static float largest_of(const float *values, size_t count)
{
    uint32_t largest = 0, bits;
    float value;
    for (size_t i = 0; i < count; i++) {
        memcpy(&bits, &values[i], sizeof bits);
        bits &= 0x7fffffffu;
        largest = bits > largest ? bits : largest;
    }
    memcpy(&value, &largest, sizeof value);
    return value;
}

/* The power of two that halves are scaled by. It is 1 for gradients that are not finite, so that
 * they stay not finite. */
static float scale_for(float largest, int rank_count)
{
    int exponent;
    float most = largest * (float)rank_count;
    if (!(most > 0) || !isfinite(most))
        return 1;
    frexpf(half_most / most, &exponent);
    return ldexpf(1, exponent - 1);
}

static status begin_sum(exchange *x, bucket *b, error *err)
{
    float *values = x->values + b->first;
    b->state = BUCKET_SUMMING;
    if (!x->halves)
        return ranks_begin(x->r, RANKS_SUM_FLOATS, values, b->count, &b->request, err);
    uint16_t *packed = x->packed + b->first;
    b->scale = scale_for(b->largest, ranks_count(x->r));
    half_pack(values, b->count, b->scale, packed);
    return ranks_begin(x->r, RANKS_SUM_HALVES, packed, b->count, &b->request, err);
}

static status begin(exchange *x, bucket *b, error *err)
{
    if (!x->halves)
        return begin_sum(x, b, err);
    b->state = BUCKET_MEASURING;
    b->largest = largest_of(x->values + b->first, b->count);
    return ranks_begin(x->r, RANKS_MAX_FLOATS, &b->largest, 1, &b->request, err);
}

static status hand_back(exchange *x, bucket *b, error *err)
{
    b->state = BUCKET_DONE;
    if (x->halves)
        half_unpack(x->packed + b->first, b->count, 1 / b->scale, x->values + b->first);
    for (size_t i = b->first_piece; i < b->first_piece + b->pieces; i++) {
        const piece *one = &x->pieces[i];
        TRY(buffer_write_later(x->dev, one->p->gradient, 0, x->values + one->offset,
                               one->p->count * sizeof(float), NULL, err));
    }
    return STATUS_OK;
}

/* Moves a bucket to its next state if it can. */
static status advance(exchange *x, bucket *b, bool *moved, error *err)
{
    if (b->state == BUCKET_READING) {
        TRY(buffer_poll(x->dev, &b->read, moved, err));
        if (!*moved)
            return STATUS_OK;
        x->all_read = clock_now(); /* overwritten until the last bucket is read */
        if (b == x->buckets)
            x->first_begun = x->all_read;
        return begin(x, b, err);
    }
    TRY(ranks_poll(x->r, &b->request, moved, err));
    if (!*moved)
        return STATUS_OK;
    return b->state == BUCKET_MEASURING ? begin_sum(x, b, err) : hand_back(x, b, err);
}

/* No bucket overtakes another: each waits until the one before it is in a later state. So all ranks
 * begin sums, and searches for the largest gradient, in the same order. */
static status advance_all(exchange *x, bool *moved, error *err)
{
    enum bucket_state before = BUCKET_DONE;
    *moved = false;
    size_t closed = x->bucket_count - (x->filling ? 1 : 0);
    for (size_t i = x->first_open; i < closed; i++) {
        bucket *b = &x->buckets[i];
        bool one = false;
        if (b->state < before)
            TRY(advance(x, b, &one, err));
        *moved |= one;
        before = b->state;
        if (before == BUCKET_DONE && i == x->first_open)
            x->first_open++;
    }
    return STATUS_OK;
}

/* ---- Filling ---- */

static status close_bucket(exchange *x, error *err)
{
    bool moved;
    x->filling = false;
    TRY(buffer_flush(x->dev, err));
    return advance_all(x, &moved, err);
}

static bucket *open_bucket(exchange *x)
{
    bucket *b = &x->buckets[x->filling ? x->bucket_count - 1 : x->bucket_count];
    if (x->filling)
        return b;
    *b = (bucket){.first = x->filled, .first_piece = x->piece_count};
    x->bucket_count++;
    x->filling = true;
    return b;
}

static status add(exchange *x, size_t index, error *err)
{
    parameter *p = network_parameter(x->net, index);
    bucket *b = open_bucket(x);
    cl_event read;
    TRY(buffer_read_later(x->dev, p->gradient, 0, x->values + x->filled, p->count * sizeof(float),
                          &read, err));
    buffer_forget(&b->read); /* the queue is in order, so waiting for the last read is enough */
    b->read = read;
    x->taken[index] = true;
    x->pieces[x->piece_count++] = (piece){p, x->filled};
    x->filled += p->count;
    b->count += p->count;
    b->pieces++;
    return b->count >= x->bucket_floats ? close_bucket(x, err) : STATUS_OK;
}

/* Called as gradient_watch.ready. */
static status take(void *context, size_t index, error *err)
{
    exchange *x = context;
    return x->begun && !x->taken[index] ? add(x, index, err) : STATUS_OK;
}

static status take_rest(exchange *x, error *err)
{
    for (size_t i = 0; i < network_parameter_count(x->net); i++)
        if (network_parameter(x->net, i)->gradient && !x->taken[i])
            TRY(add(x, i, err));
    return x->filling ? close_bucket(x, err) : STATUS_OK;
}

static status wait_for_all(exchange *x, error *err)
{
    double last = clock_now(); /* time of the device's last progress */
    while (x->first_open < x->bucket_count) {
        bool moved;
        TRY(advance_all(x, &moved, err));
        if (moved || x->buckets[x->first_open].state != BUCKET_READING)
            last = clock_now();
        if (moved)
            continue;
        TRY(wait_watch(x->dev, &last, err));
        nanosleep(&nap, NULL);
    }
    return STATUS_OK;
}

status exchange_finish(exchange *x, error *err)
{
    status result;
    TRY_OR_DONE(take_rest(x, err));
    TRY_OR_DONE(wait_for_all(x, err));
    if (x->bucket_count > 0) {
        double now = clock_now();
        x->costs.steps++;
        x->costs.seconds += now - x->first_begun;
        x->costs.exposed_seconds += now - x->all_read;
    }
done:
    exchange_abandon(x);
    return result;
}

exchange_costs exchange_so_far(const exchange *x)
{
    return x->costs;
}
