/* See thread_ranks.h. What all wait for goes through a barrier; combinations are made by the last
 * rank that begins them. */
#include "thread_ranks.h"
#include "base/half.h"
#include "check.h"

#include <math.h>
#include <pthread.h>

enum { KINDS = RANKS_MAX_FLOATS + 1, UNDER_WAY = 256 };

/* The n-th of a kind, in place n % UNDER_WAY. */
typedef struct combination {
    void *values[THREAD_RANKS_MOST];
    size_t counts[THREAD_RANKS_MOST];
    int begun, finished;
    bool ready;
} combination;

typedef struct meeting {
    int count;
    pthread_barrier_t barrier;
    const void *handed[THREAD_RANKS_MOST]; /* between two barriers */
    pthread_mutex_t lock;
    combination all[KINDS][UNDER_WAY];
    unsigned next[KINDS][THREAD_RANKS_MOST];
} meeting;

/* ---- What all wait for ---- */

static const void *const *hand_in(const ranks *r, const void *mine)
{
    meeting *m = r->context;
    m->handed[r->rank] = mine;
    pthread_barrier_wait(&m->barrier);
    return m->handed;
}

static void leave(const ranks *r)
{
    meeting *m = r->context;
    pthread_barrier_wait(&m->barrier);
}

static status sum(const ranks *r, double *values, size_t count, error *err)
{
    double *sums = calloc(count ? count : 1, sizeof *sums);
    if (!sums)
        return error_memory(err, "a sum");
    const void *const *all = hand_in(r, values);
    for (int rank = 0; rank < r->count; rank++)
        for (size_t i = 0; i < count; i++)
            sums[i] += ((const double *)all[rank])[i];
    leave(r);
    memcpy(values, sums, count * sizeof *sums);
    free(sums);
    return STATUS_OK;
}

static status gather(const ranks *r, const float *mine, size_t count, float *all, error *err)
{
    (void)err;
    const void *const *from = hand_in(r, mine);
    for (int rank = 0; rank < r->count; rank++)
        memcpy(all + (size_t)rank * count, from[rank], count * sizeof *all);
    leave(r);
    return STATUS_OK;
}

static status broadcast(const ranks *r, void *data, size_t bytes, error *err)
{
    (void)err;
    const void *const *from = hand_in(r, data);
    if (r->rank != 0)
        memcpy(data, from[0], bytes);
    leave(r);
    return STATUS_OK;
}

/* ---- Combinations ---- */

static void combine_floats(enum ranks_combination how, float *into, const float *more, size_t count)
{
    for (size_t i = 0; i < count; i++)
        into[i] = how == RANKS_MAX_FLOATS ? fmaxf(into[i], more[i]) : into[i] + more[i];
}

static void combine_halves(uint16_t *into, const uint16_t *more, size_t count)
{
    for (size_t i = 0; i < count; i++)
        into[i] = half_from_float(half_to_float(into[i]) + half_to_float(more[i]));
}

static void combine(enum ranks_combination how, combination *c, int ranks_in_all)
{
    size_t count = c->counts[0];
    size_t bytes = count * (how == RANKS_SUM_HALVES ? sizeof(uint16_t) : sizeof(float));
    for (int rank = 1; rank < ranks_in_all; rank++)
        if (how == RANKS_SUM_HALVES)
            combine_halves(c->values[0], c->values[rank], count);
        else
            combine_floats(how, c->values[0], c->values[rank], count);
    for (int rank = 1; rank < ranks_in_all; rank++)
        memcpy(c->values[rank], c->values[0], bytes);
    c->ready = true;
}

static status begin(const ranks *r, enum ranks_combination how, void *values, size_t count,
                    void **request, error *err)
{
    meeting *m = r->context;
    status result = STATUS_OK;
    pthread_mutex_lock(&m->lock);
    combination *c = &m->all[how][m->next[how][r->rank]++ % UNDER_WAY];
    if (c->begun == m->count)
        result = error_set(err, STATUS_FAILED, "more than %d combinations at once", UNDER_WAY);
    c->values[r->rank] = values;
    c->counts[r->rank] = count;
    for (int rank = 0; rank < m->count; rank++)
        if (c->begun > 0 && c->values[rank] && c->counts[rank] != count)
            result = error_set(err, STATUS_FAILED, "the ranks combine different numbers of values");
    c->begun++;
    if (c->begun == m->count && result == STATUS_OK)
        combine(how, c, m->count);
    *request = c;
    pthread_mutex_unlock(&m->lock);
    return result;
}

static status poll(const ranks *r, void **request, bool *done, error *err)
{
    (void)err;
    meeting *m = r->context;
    pthread_mutex_lock(&m->lock);
    combination *c = *request;
    *done = c->ready;
    if (*done) {
        *request = NULL;
        if (++c->finished == m->count)
            *c = (combination){0};
    }
    pthread_mutex_unlock(&m->lock);
    return STATUS_OK;
}

/* ---- Threads ---- */

typedef struct member {
    ranks r;
    status (*work)(const ranks *r, void *context, error *err);
    void *context;
    status result;
    error err;
} member;

static void *run(void *argument)
{
    member *m = argument;
    m->result = m->work(&m->r, m->context, &m->err);
    return NULL;
}

void thread_ranks_run(int count, status (*work)(const ranks *r, void *context, error *err),
                      void *const *contexts)
{
    static meeting shared;
    member members[THREAD_RANKS_MOST];
    pthread_t threads[THREAD_RANKS_MOST];
    shared = (meeting){.count = count};
    pthread_barrier_init(&shared.barrier, NULL, (unsigned)count);
    pthread_mutex_init(&shared.lock, NULL);
    for (int i = 0; i < count; i++) {
        members[i] = (member){{i, count, i, &shared, sum, gather, broadcast, begin, poll},
                              work,
                              contexts[i],
                              STATUS_OK,
                              {""}};
        assert_int_equal(pthread_create(&threads[i], NULL, run, &members[i]), 0);
    }
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&shared.barrier);
    pthread_mutex_destroy(&shared.lock);
    for (int i = 0; i < count; i++)
        if (members[i].result != STATUS_OK)
            fail_msg("rank %d: %s", i, members[i].err.message);
}
