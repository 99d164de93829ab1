/* See ranks.h. */
#include "ranks.h"
#include "support.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* One thread, and what it needs to reach the others. */
typedef struct seat {
    ranks *all;
    batchnorm_exchange exchange;
    pthread_t thread;
    status (*work)(void *context, int rank, error *err);
    void *context;
    status result;
    error err;
} seat;

struct ranks {
    int count;
    seat *seats; /* [count] */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    float *table; /* [count][floats] of the exchange that goes on */
    size_t floats;
    int inside;   /* ranks that have put their row down and not left yet */
    bool leaving; /* all rows are there, not all have left */
    bool broken;  /* a rank has failed: */
    int culprit;  /* the first that did */
    int exchanges;
};

/* With the mutex held: waits until `leaving` is as wanted, or a rank has failed. */
static status wait_for(ranks *r, bool leaving, error *err)
{
    while (r->leaving != leaving && !r->broken)
        pthread_cond_wait(&r->changed, &r->mutex);
    return r->broken ? error_set(err, STATUS_FAILED, "another rank has failed") : STATUS_OK;
}

static status put_row(ranks *r, int rank, const float *mine, size_t count, error *err)
{
    if (r->inside == 0) {
        free(r->table);
        r->table = malloc((size_t)r->count * count * sizeof *mine);
        r->floats = count;
    }
    if (!r->table)
        return error_memory(err, "an exchange");
    if (r->floats != count)
        return error_set(err, STATUS_FAILED, "rank %d exchanges %zu floats, others %zu", rank,
                         count, r->floats);
    memcpy(r->table + (size_t)rank * count, mine, count * sizeof *mine);
    r->leaving = ++r->inside == r->count;
    r->exchanges += r->leaving;
    return STATUS_OK;
}

static status exchange_rows(ranks *r, int rank, const float *mine, size_t count, float *all,
                            error *err)
{
    TRY(wait_for(r, false, err));
    TRY(put_row(r, rank, mine, count, err));
    pthread_cond_broadcast(&r->changed);
    TRY(wait_for(r, true, err));
    memcpy(all, r->table, (size_t)r->count * count * sizeof *mine);
    r->leaving = --r->inside > 0;
    pthread_cond_broadcast(&r->changed);
    return STATUS_OK;
}

static status gather(void *context, const float *mine, size_t count, float *all, error *err)
{
    seat *s = context;
    pthread_mutex_lock(&s->all->mutex);
    status result = exchange_rows(s->all, s->exchange.rank, mine, count, all, err);
    pthread_mutex_unlock(&s->all->mutex);
    return result;
}

ranks *ranks_open(int count)
{
    ranks *r = support_memory(1, sizeof *r);
    r->count = count;
    r->seats = support_memory((size_t)count, sizeof *r->seats);
    assert_int_equal(pthread_mutex_init(&r->mutex, NULL), 0);
    assert_int_equal(pthread_cond_init(&r->changed, NULL), 0);
    for (int i = 0; i < count; i++) {
        r->seats[i].all = r;
        r->seats[i].exchange = (batchnorm_exchange){&r->seats[i], count, i, gather};
    }
    return r;
}

void ranks_close(ranks *r)
{
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->mutex);
    free(r->table);
    free(r->seats);
    free(r);
}

const batchnorm_exchange *ranks_exchange(const ranks *r, int rank)
{
    return &r->seats[rank].exchange;
}

int ranks_exchanges(const ranks *r)
{
    return r->exchanges;
}

static void *sit(void *argument)
{
    seat *s = argument;
    s->result = s->work(s->context, s->exchange.rank, &s->err);
    if (s->result != STATUS_OK) {
        pthread_mutex_lock(&s->all->mutex);
        if (!s->all->broken)
            s->all->culprit = s->exchange.rank;
        s->all->broken = true;
        pthread_cond_broadcast(&s->all->changed);
        pthread_mutex_unlock(&s->all->mutex);
    }
    return NULL;
}

void ranks_run(ranks *r, status (*work)(void *context, int rank, error *err), void *context)
{
    for (int i = 0; i < r->count; i++) {
        seat *s = &r->seats[i];
        s->work = work;
        s->context = context;
        assert_int_equal(pthread_create(&s->thread, NULL, sit, s), 0);
    }
    for (int i = 0; i < r->count; i++)
        pthread_join(r->seats[i].thread, NULL);
    const seat *worst = &r->seats[r->culprit];
    assert_ok(worst->result, &worst->err);
}
