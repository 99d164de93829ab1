/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients of several ranks (threads with a device each): their sums in fp32 and in halves, with
 * any bucket size, overlapped with the backward pass or not. */
#include "check.h"
#include "ranks/exchange.h"
#include "support.h"
#include "thread_ranks.h"

#include <float.h>
#include <math.h>

enum {
    MOST_RANKS = 3,
    BATCH = 3,
    SIDE = 8,
    COARSE = 3,
    FINE = 5,
    PIXELS = 3 * SIDE * SIDE,
    MOST_BYTES = 1 << 20
};

/* Settings of an exchange. */
typedef struct manner {
    int ranks;
    bool halves, overlapped;
    size_t bucket_bytes;
    float loss; /* weight of the loss */
} manner;

/* A rank: a network with the same weights as those of the other ranks, and images of its own. */
typedef struct member {
    manner how;
    device *dev;
    network *net;
    unsigned char pixels[BATCH * PIXELS];
    pixel_source images[BATCH];
    int32_t coarse[BATCH], fine[BATCH];
    float *alone, *together; /* [count] */
    size_t count;
    exchange_costs costs;
} member;

static member *open_member(const manner *how, int rank)
{
    error err;
    void *state;
    member *m = support_memory(1, sizeof *m);
    const network_options n = {.backbone = "tiny",
                               .stem = STEM_CIFAR,
                               .coarse_classes = COARSE,
                               .fine_classes = FINE,
                               .image_size = SIDE,
                               .batch_size = BATCH,
                               .training = true,
                               .pixel_capacity = BATCH * PIXELS,
                               .freeze = "coarse_backbone.layer1"};
    assert_int_equal(support_open_device(&state), 0);
    m->how = *how;
    m->dev = state;
    CHECK_OK(network_create(m->dev, &n, &m->net, &err));
    CHECK_OK(network_initialize(m->net, 5, false, &err));
    for (int i = 0; i < BATCH * PIXELS; i++)
        m->pixels[i] = (unsigned char)support_pick(11 + (uint64_t)rank, (uint64_t)i, 0, 255);
    for (int i = 0; i < BATCH; i++) {
        m->images[i] =
            (pixel_source){.offset = i * PIXELS, .width = SIDE, .height = SIDE, .cosine = 1};
        m->coarse[i] = (i + rank) % COARSE;
        m->fine[i] = (3 * i + rank) % FINE;
    }
    for (size_t i = 0; i < network_parameter_count(m->net); i++)
        m->count +=
            network_parameter(m->net, i)->gradient ? network_parameter(m->net, i)->count : 0;
    m->alone = support_memory(m->count, sizeof *m->alone);
    m->together = support_memory(m->count, sizeof *m->together);
    return m;
}

static void close_member(member *m)
{
    network_free(m->net);
    device_close(m->dev);
    free(m->alone);
    free(m->together);
    free(m);
}

static status take_step(member *m, int count, error *err)
{
    int ticket;
    const step_results *results;
    const network_batch batch = {.count = count,
                                 .pixels = m->pixels,
                                 .pixel_bytes = sizeof m->pixels,
                                 .images = m->images,
                                 .coarse = m->coarse,
                                 .fine = m->fine};
    TRY(network_forward(m->net, &batch, STEP_TRAIN, m->how.loss, 2 * m->how.loss, err));
    TRY(network_backward(m->net, (gradient_terms){1, 0}, err));
    TRY(network_fetch(m->net, &ticket, err));
    return network_wait(m->net, ticket, &results, err);
}

static status read_gradients(member *m, float *values, error *err)
{
    for (size_t i = 0; i < network_parameter_count(m->net); i++) {
        const parameter *p = network_parameter(m->net, i);
        if (!p->gradient)
            continue;
        TRY(network_gradient_read(m->net, p, values, err));
        values += p->count;
    }
    return STATUS_OK;
}

/* Takes two steps, because an exchange starts anew in each step. */
static status exchange_steps(member *m, exchange *x, error *err)
{
    for (int step = 0; step < 2; step++) {
        if (m->how.overlapped)
            exchange_begin(x);
        TRY(take_step(m, BATCH, err));
        TRY(exchange_finish(x, err));
    }
    return read_gradients(m, m->together, err);
}

/* The ranks and their members. */
typedef struct team {
    thread_ranks *all;
    member *members[MOST_RANKS];
} team;

static status work(void *context, int rank, error *err)
{
    const team *t = context;
    const ranks *r = thread_ranks_of(t->all, rank);
    member *m = t->members[rank];
    exchange *x;
    TRY(take_step(m, BATCH, err));
    TRY(read_gradients(m, m->alone, err));
    TRY(exchange_create(r, m->net, m->how.halves, m->how.bucket_bytes, &x, err));
    status result = exchange_steps(m, x, err);
    m->costs = exchange_so_far(x);
    exchange_free(x);
    /* Without the exchange, the gradients are those of the rank alone. */
    return result == STATUS_OK ? take_step(m, BATCH, err) : result;
}

/* Rounding of a sum of a few floats. With halves: twice the rounding of binary16 for each rank's
 * gradient and for the sums, plus the underflow of small gradients if the scale fits the largest
 * gradient, which may be in another bucket. */
static void expect_sums(member *const *members, const manner *how)
{
    size_t count = members[0]->count;
    float largest = 0;
    for (int rank = 0; rank < how->ranks; rank++)
        for (size_t i = 0; i < count; i++)
            largest = fmaxf(largest, fabsf(members[rank]->alone[i]));
    double relative = how->halves ? 2 * ldexp(1, -11) : FLT_EPSILON;
    double absolute = how->halves ? 2.0 * how->ranks * largest * ldexp(1, -24 - 13) : 0;
    for (size_t i = 0; i < count; i++) {
        double want = 0, size = 0;
        for (int rank = 0; rank < how->ranks; rank++) {
            want += members[rank]->alone[i];
            size += fabs(members[rank]->alone[i]);
        }
        double off = fabs(members[0]->together[i] - want);
        if (!(off <= how->ranks * (relative * size + absolute)))
            fail_msg("gradient %zu is %g, expected %g", i, members[0]->together[i], want);
    }
    for (int rank = 1; rank < how->ranks; rank++)
        assert_same_bits(members[rank]->together, members[0]->together, count);
}

static team open_team(const manner *how)
{
    team t = {.all = thread_ranks_open(how->ranks)};
    for (int rank = 0; rank < how->ranks; rank++)
        t.members[rank] = open_member(how, rank);
    return t;
}

static void close_team(team *t, int ranks_in_all)
{
    for (int rank = 0; rank < ranks_in_all; rank++)
        close_member(t->members[rank]);
    thread_ranks_close(t->all);
}

static void run(const manner *how)
{
    team t = open_team(how);
    thread_ranks_run(t.all, work, &t);
    expect_sums(t.members, how);
    const exchange_costs c = t.members[0]->costs;
    assert_int_equal(c.steps, 2);
    assert_int_equal(c.bytes, t.members[0]->count * (how->halves ? 2 : 4));
    assert_true(c.seconds >= c.exposed_seconds && c.exposed_seconds >= 0);
    close_team(&t, how->ranks);
}

static void test_sums(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 4096, MOST_BYTES};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int ranks = 1; ranks <= 3; ranks++) {
            run(&(manner){ranks, false, true, sizes[i], 1});
            run(&(manner){ranks, false, false, sizes[i], 1});
        }
}

static void test_halves(void **state)
{
    (void)state;
    static const float losses[] = {1, 1e-12f, 1e12f}; /* far outside the range of a half */
    for (size_t i = 0; i < sizeof losses / sizeof losses[0]; i++)
        run(&(manner){3, true, i == 0, 4096, losses[i]});
}

/* If a gradient is not finite, it is not finite in every rank. */
static void test_not_finite(void **state)
{
    (void)state;
    for (int halves = 0; halves < 2; halves++) {
        const manner how = {2, halves, true, 4096, 1};
        team t = open_team(&how);
        t.members[1]->how.loss = INFINITY;
        thread_ranks_run(t.all, work, &t);
        for (int rank = 0; rank < 2; rank++) {
            bool found = false;
            for (size_t i = 0; i < t.members[rank]->count; i++)
                found |= !isfinite(t.members[rank]->together[i]);
            assert_true(found);
        }
        close_team(&t, 2);
    }
}

static status give_up(void *context, int rank, error *err)
{
    const team *t = context;
    const ranks *r = thread_ranks_of(t->all, rank);
    member *m = t->members[rank];
    exchange *x;
    TRY(exchange_create(r, m->net, false, MOST_BYTES, &x, err));
    exchange_begin(x);
    TRY(take_step(m, BATCH, err));
    exchange_abandon(x);
    status result = exchange_steps(m, x, err);
    exchange_free(x);
    return result;
}

/* After a failed step, its unfinished exchange is dropped. */
static void test_abandon(void **state)
{
    (void)state;
    const manner how = {1, false, true, MOST_BYTES, 1};
    team t = open_team(&how);
    error err;
    CHECK_OK(take_step(t.members[0], BATCH, &err));
    CHECK_OK(read_gradients(t.members[0], t.members[0]->alone, &err));
    thread_ranks_run(t.all, give_up, &t);
    expect_sums(t.members, &how);
    close_team(&t, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_halves),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_abandon),
    };
    return cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
}
