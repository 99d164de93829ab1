/* SPDX-License-Identifier: Apache-2.0 */
/* See thread_ranks.h. */
#include "thread_ranks.h"
#include "base/half.h"
#include "support.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { KINDS = RANKS_MAX_FLOATS + 1, UNDER_WAY = 256 };

/* A thread, and what it needs to reach the others. */
typedef struct seat {
    thread_ranks *all;
    ranks r;
    statistics_gather statistics;
    unsigned begun[KINDS]; /* combinations begun, by kind */
    pthread_t thread;
    status (*work)(void *context, int rank, error *err);
    void *context;
    status result;
    error err;
} seat;

/* The n-th combination of a kind is in place n % UNDER_WAY. */
typedef struct combination {
    size_t count;
    void *sum; /* [count] */
    int begun, taken;
} combination;

/* What ranks_begin returns. */
typedef struct request {
    combination *of;
    void *values;
    size_t bytes;
} request;

struct thread_ranks {
    int count;
    seat *seats; /* [count] */
    bool take_turns;
    pthread_mutex_t turn; /* if they take turns, held by the rank that runs; locked before mutex */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    char *table; /* [count][bytes] of the current exchange */
    size_t bytes;
    int inside;   /* ranks that have written their row and not left yet */
    bool leaving; /* all rows are written, but not all ranks have left */
    bool broken;  /* a rank has failed */
    int culprit;  /* the first rank that failed */
    int exchanges;
    combination combinations[KINDS][UNDER_WAY];
};

/* ---- Exchanges, for which all ranks wait ---- */

static void begin_turn(thread_ranks *all)
{
    if (all->take_turns)
        pthread_mutex_lock(&all->turn);
}

static void end_turn(thread_ranks *all)
{
    if (all->take_turns)
        pthread_mutex_unlock(&all->turn);
}

/* With the mutex held, lets other ranks run until one changes something. */
static void wait_for_change(thread_ranks *all)
{
    end_turn(all);
    pthread_cond_wait(&all->changed, &all->mutex);
    if (all->take_turns) {
        pthread_mutex_unlock(&all->mutex);
        begin_turn(all);
        pthread_mutex_lock(&all->mutex);
    }
}

/* With the mutex held, waits until all->leaving equals `leaving` or a rank has failed. */
static status wait_for(thread_ranks *all, bool leaving, error *err)
{
    while (all->leaving != leaving && !all->broken)
        wait_for_change(all);
    return all->broken ? error_set(err, STATUS_FAILED, "another rank has failed") : STATUS_OK;
}

static status put_row(thread_ranks *all, int rank, const void *mine, size_t bytes, error *err)
{
    if (all->inside == 0) {
        free(all->table);
        all->table = malloc((size_t)all->count * bytes + 1);
        all->bytes = bytes;
    }
    if (!all->table)
        return error_memory(err, "an exchange");
    if (all->bytes != bytes)
        return error_set(err, STATUS_FAILED, "rank %d exchanges %zu bytes, others %zu", rank, bytes,
                         all->bytes);
    memcpy(all->table + (size_t)rank * bytes, mine, bytes);
    all->leaving = ++all->inside == all->count;
    all->exchanges += all->leaving;
    return STATUS_OK;
}

static status exchange_rows(thread_ranks *all, int rank, const void *mine, size_t bytes, void *rows,
                            error *err)
{
    TRY(wait_for(all, false, err));
    TRY(put_row(all, rank, mine, bytes, err));
    pthread_cond_broadcast(&all->changed);
    TRY(wait_for(all, true, err));
    memcpy(rows, all->table, (size_t)all->count * bytes);
    all->leaving = --all->inside > 0;
    pthread_cond_broadcast(&all->changed);
    return STATUS_OK;
}

static status exchange(const ranks *r, const void *mine, size_t bytes, void *rows, error *err)
{
    thread_ranks *all = ((seat *)r->context)->all;
    pthread_mutex_lock(&all->mutex);
    status result = exchange_rows(all, r->rank, mine, bytes, rows, err);
    pthread_mutex_unlock(&all->mutex);
    return result;
}

static status gather(const ranks *r, const float *mine, size_t count, float *all, error *err)
{
    return exchange(r, mine, count * sizeof *mine, all, err);
}

static status sum(const ranks *r, double *values, size_t count, error *err)
{
    double *rows = malloc(((size_t)r->count * count + 1) * sizeof *rows);
    status result =
        rows ? exchange(r, values, count * sizeof *values, rows, err) : error_memory(err, "a sum");
    for (size_t i = 0; result == STATUS_OK && i < count; i++) {
        values[i] = 0;
        for (int rank = 0; rank < r->count; rank++)
            values[i] += rows[(size_t)rank * count + i];
    }
    free(rows);
    return result;
}

static status broadcast(const ranks *r, void *data, size_t bytes, error *err)
{
    char *rows = malloc((size_t)r->count * bytes + 1);
    status result = rows ? exchange(r, data, bytes, rows, err) : error_memory(err, "a message");
    if (result == STATUS_OK)
        memcpy(data, rows, bytes);
    free(rows);
    return result;
}

/* ---- Sums in the background ---- */

static void add(enum ranks_combination how, void *into, const void *more, size_t count)
{
    float *floats = into;
    if (how == RANKS_SUM_HALVES) {
        half_add(more, count, into);
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (how == RANKS_MAX_FLOATS)
            floats[i] = fmaxf(floats[i], ((const float *)more)[i]);
        else
            floats[i] += ((const float *)more)[i];
}

static status join(combination *c, enum ranks_combination how, const request *mine, size_t count,
                   error *err)
{
    if (c->begun == 0) {
        *c = (combination){.count = count, .sum = malloc(mine->bytes + 1)};
        if (!c->sum)
            return error_memory(err, "a combination");
        memcpy(c->sum, mine->values, mine->bytes);
    } else if (c->count != count) {
        return error_set(err, STATUS_FAILED, "the ranks combine %zu and %zu values", c->count,
                         count);
    } else {
        add(how, c->sum, mine->values, count);
    }
    c->begun++;
    return STATUS_OK;
}

static status begin(const ranks *r, enum ranks_combination how, void *values, size_t count,
                    void **begun, error *err)
{
    seat *s = r->context;
    size_t size = how == RANKS_SUM_HALVES ? sizeof(uint16_t) : sizeof(float);
    request *mine = malloc(sizeof *mine);
    if (!mine)
        return error_memory(err, "a combination");
    combination *c = &s->all->combinations[how][s->begun[how]++ % UNDER_WAY];
    *mine = (request){c, values, count * size};
    pthread_mutex_lock(&s->all->mutex);
    status result = c->begun == s->all->count
                        ? error_set(err, STATUS_FAILED, "more than %d at once", UNDER_WAY)
                        : join(c, how, mine, count, err);
    pthread_cond_broadcast(&s->all->changed);
    pthread_mutex_unlock(&s->all->mutex);
    *begun = mine;
    return result;
}

static status poll(const ranks *r, void **begun, bool *done, error *err)
{
    thread_ranks *all = ((seat *)r->context)->all;
    request *mine = *begun;
    combination *c = mine->of;
    pthread_mutex_lock(&all->mutex);
    if (all->take_turns && c->begun < all->count && !all->broken)
        wait_for_change(all);
    bool broken = all->broken;
    *done = c->begun == all->count;
    if (*done) {
        memcpy(mine->values, c->sum, mine->bytes);
        if (++c->taken == all->count) {
            free(c->sum);
            *c = (combination){0};
        }
        free(mine);
        *begun = NULL;
    }
    pthread_mutex_unlock(&all->mutex);
    return broken ? error_set(err, STATUS_FAILED, "another rank has failed") : STATUS_OK;
}

/* ---- Threads ---- */

thread_ranks *thread_ranks_open(int count)
{
    thread_ranks *all = support_memory(1, sizeof *all);
    all->count = count;
    all->seats = support_memory((size_t)count, sizeof *all->seats);
    const char *turns = getenv("HCNN_TEST_TURNS");
    all->take_turns = turns && strcmp(turns, "1") == 0;
    assert_int_equal(pthread_mutex_init(&all->turn, NULL), 0);
    assert_int_equal(pthread_mutex_init(&all->mutex, NULL), 0);
    assert_int_equal(pthread_cond_init(&all->changed, NULL), 0);
    for (int i = 0; i < count; i++) {
        seat *s = &all->seats[i];
        s->all = all;
        s->r = (ranks){i, count, i, s, sum, gather, broadcast, begin, poll};
        s->statistics = ranks_statistics(&s->r);
    }
    return all;
}

void thread_ranks_close(thread_ranks *all)
{
    pthread_cond_destroy(&all->changed);
    pthread_mutex_destroy(&all->mutex);
    pthread_mutex_destroy(&all->turn);
    free(all->table);
    free(all->seats);
    free(all);
}

const ranks *thread_ranks_of(const thread_ranks *all, int rank)
{
    return &all->seats[rank].r;
}

const statistics_gather *thread_ranks_statistics(const thread_ranks *all, int rank)
{
    return &all->seats[rank].statistics;
}

int thread_ranks_exchanges(const thread_ranks *all)
{
    return all->exchanges;
}

static void *sit(void *argument)
{
    seat *s = argument;
    begin_turn(s->all);
    s->result = s->work(s->context, s->r.rank, &s->err);
    if (s->result != STATUS_OK) {
        pthread_mutex_lock(&s->all->mutex);
        if (!s->all->broken)
            s->all->culprit = s->r.rank;
        s->all->broken = true;
        pthread_cond_broadcast(&s->all->changed);
        pthread_mutex_unlock(&s->all->mutex);
    }
    end_turn(s->all);
    return NULL;
}

void thread_ranks_run(thread_ranks *all, status (*work)(void *context, int rank, error *err),
                      void *context)
{
    for (int i = 0; i < all->count; i++) {
        seat *s = &all->seats[i];
        s->work = work;
        s->context = context;
        assert_int_equal(pthread_create(&s->thread, NULL, sit, s), 0);
    }
    for (int i = 0; i < all->count; i++)
        pthread_join(all->seats[i].thread, NULL);
    const seat *worst = &all->seats[all->culprit];
    assert_ok(worst->result, &worst->err);
}
