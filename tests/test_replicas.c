/* SPDX-License-Identifier: Apache-2.0 */
/* What the ranks, which are threads here, combine apart from gradients. */
#include "check.h"
#include "device/buffer.h"
#include "ranks/replicas.h"
#include "support.h"
#include "thread_ranks.h"
#include "train/solver.h"

enum { RANKS = 3, COARSE = 2, FINE = 4 };

/* The ranks, and the data that each of them works on. */
typedef struct team {
    thread_ranks *all;
    void *parts[RANKS];
} team;

static void run(status (*work)(void *context, int rank, error *err), void *a, void *b, void *c)
{
    team t = {thread_ranks_open(RANKS), {a, b, c}};
    thread_ranks_run(t.all, work, &t);
    thread_ranks_close(t.all);
}

/* ---- Sums of metrics ---- */

static metrics made_up(int rank)
{
    uint64_t n = (uint64_t)rank + 1;
    double packed[METRICS_PACKED];
    for (uint64_t i = 0; i < METRICS_PACKED; i++)
        packed[i] = (double)((i + 1) * n);
    metrics made = metrics_unpack(packed);
    made.coarse_loss = 1.5 * rank;
    made.fine_loss = 2.5 * rank;
    made.marginal_loss = 0.25 * rank;
    return made;
}

static status sum_metrics(void *context, int rank, error *err)
{
    const team *t = context;
    const ranks *r = thread_ranks_of(t->all, rank);
    metrics *m = t->parts[rank];
    for (int flagged = RANKS; flagged >= 0; flagged--) {
        bool flag = rank == flagged;
        *m = made_up(r->rank);
        TRY(replicas_sum_metrics(r, m, &flag, err));
        if (flag != (flagged < RANKS))
            return error_set(err, STATUS_FAILED, "rank %d: wrong flag", rank);
    }
    return STATUS_OK;
}

static void test_metrics(void **state)
{
    (void)state;
    metrics sums[RANKS], want = {0};
    for (int rank = 0; rank < RANKS; rank++) {
        const metrics one = made_up(rank);
        metrics_merge(&want, &one);
    }
    run(sum_metrics, &sums[0], &sums[1], &sums[2]);
    for (int rank = 0; rank < RANKS; rank++)
        assert_memory_equal(&sums[rank], &want, sizeof want);
    error err;
    bool flag = true;
    metrics alone = made_up(2), same = made_up(2);
    CHECK_OK(replicas_sum_metrics(NULL, &alone, &flag, &err));
    assert_memory_equal(&alone, &same, sizeof same);
    assert_true(flag);
}

/* ---- Evaluations ---- */

static int parents[FINE] = {0, 0, 1, 1};
static const hierarchy classes = {.coarse_count = COARSE, .fine_count = FINE, .parents = parents};

/* Adds `count` images from `first` on; the results of an image are a function of its number in the
 * set. */
static void add_images(evaluation *e, size_t first, int count)
{
    for (int i = 0; i < count; i++) {
        size_t image = first + (size_t)i;
        int label = (int)(image % FINE), guess = (int)(image / 3 % FINE);
        head_result fine = {.label = label, .guess = guess, .loss = (float)(image * 7 % 31)};
        head_result coarse = {.label = parents[label], .guess = parents[guess]};
        const batch b = {.count = 1, .indices = &image};
        const step_results results = {1, &coarse, &fine};
        evaluation_add(e, &b, &results);
    }
}

enum { EACH = 40 };

static status merge(void *context, int rank, error *err)
{
    const team *t = context;
    const ranks *r = thread_ranks_of(t->all, rank);
    evaluation *e = t->parts[rank];
    TRY(evaluation_create(e, &classes, true, err));
    add_images(e, (size_t)r->rank * EACH, EACH);
    return replicas_merge_evaluation(r, e, err);
}

static void test_evaluations(void **state)
{
    (void)state;
    error err;
    evaluation merged[RANKS], whole;
    CHECK_OK(evaluation_create(&whole, &classes, true, &err));
    add_images(&whole, 0, RANKS * EACH);
    run(merge, &merged[0], &merged[1], &merged[2]);
    for (int rank = 0; rank < RANKS; rank++) {
        evaluation *e = &merged[rank];
        assert_int_equal(e->images, whole.images);
        assert_memory_equal(e->fine, whole.fine, FINE * FINE * sizeof *whole.fine);
        assert_memory_equal(e->coarse, whole.coarse, COARSE * COARSE * sizeof *whole.coarse);
        assert_int_equal(e->worst_count, EVALUATION_MISTAKES);
        for (int i = 0; i < e->worst_count; i++) {
            assert_int_equal(e->worst[i].image, whole.worst[i].image);
            assert_int_equal(e->worst[i].label, whole.worst[i].label);
            assert_int_equal(e->worst[i].answer, whole.worst[i].answer);
            assert_true(e->worst[i].loss == whole.worst[i].loss);
        }
        evaluation_free(e);
    }
    evaluation_free(&whole);
}

/* ---- Networks ---- */

typedef struct member {
    device *dev;
    network *net;
    solver *solve;
    bool differed;
} member;

static member *open_member(int seed, double ema)
{
    error err;
    void *state;
    member *m = support_memory(1, sizeof *m);
    train_options o = train_defaults();
    o.ema = ema;
    const network_options n = {.backbone = "tiny",
                               .stem = STEM_CIFAR,
                               .coarse_classes = COARSE,
                               .fine_classes = FINE,
                               .image_size = 8,
                               .batch_size = 1,
                               .training = true,
                               .averaged = ema > 0,
                               .pixel_capacity = 192};
    assert_int_equal(support_open_device(&state), 0);
    m->dev = state;
    CHECK_OK(network_create(m->dev, &n, &m->net, &err));
    CHECK_OK(network_initialize(m->net, (uint64_t)seed, false, &err));
    CHECK_OK(solver_create(m->net, &o, &m->solve, &err));
    return m;
}

static void close_member(member *m)
{
    solver_free(m->solve);
    network_free(m->net);
    device_close(m->dev);
    free(m);
}

/* Sets element i of every statistic to scale * (i + 1). */
static void write_statistics(member *m, float scale)
{
    error err;
    for (size_t i = 0; i < network_parameter_count(m->net); i++) {
        parameter *p = network_parameter(m->net, i);
        if (p->kind != PARAMETER_STATISTIC)
            continue;
        float *values = support_memory(p->count, sizeof *values);
        for (size_t j = 0; j < p->count; j++)
            values[j] = scale * (float)(j + 1);
        CHECK_OK(network_parameter_write(m->net, p, values, &err));
        free(values);
    }
}

static void expect_statistics(member *m, float scale)
{
    error err;
    int seen = 0;
    for (size_t i = 0; i < network_parameter_count(m->net); i++) {
        const parameter *p = network_parameter(m->net, i);
        if (p->kind != PARAMETER_STATISTIC)
            continue;
        float *values = support_memory(p->count, sizeof *values);
        CHECK_OK(network_parameter_read(m->net, p, values, &err));
        for (size_t j = 0; j < p->count; j++, seen++)
            assert_true(values[j] == scale * (float)(j + 1));
        free(values);
    }
    assert_true(seen > 0);
}

static status average(void *context, int rank, error *err)
{
    const team *t = context;
    const ranks *r = thread_ranks_of(t->all, rank);
    member *m = t->parts[rank];
    TRY(replicas_average_statistics(r, m->net, err));
    solver_swap_average(m->solve);
    status result = replicas_average_statistics(r, m->net, err);
    solver_swap_average(m->solve);
    return result;
}

/* The statistics of the ranks are 1, 2 and 6 times a common value, those of the averages 10, 20 and
 * 60 times. */
static void test_statistics(void **state)
{
    (void)state;
    static const float scales[RANKS] = {1, 2, 6};
    member *members[RANKS];
    for (int rank = 0; rank < RANKS; rank++) {
        member *m = members[rank] = open_member(1, 0.9);
        write_statistics(m, scales[rank]);
        solver_swap_average(m->solve);
        write_statistics(m, 10 * scales[rank]);
        solver_swap_average(m->solve);
    }
    run(average, members[0], members[1], members[2]);
    for (int rank = 0; rank < RANKS; rank++) {
        member *m = members[rank];
        expect_statistics(m, 3);
        solver_swap_average(m->solve);
        expect_statistics(m, 30);
        solver_swap_average(m->solve);
        close_member(m);
    }
}

static status align(void *context, int rank, error *err)
{
    const team *t = context;
    const ranks *r = thread_ranks_of(t->all, rank);
    member *m = t->parts[rank];
    return replicas_align(r, m->net, solver_state(m->solve), &m->differed, err);
}

static void expect_same_weights(member *a, member *b)
{
    error err;
    for (size_t i = 0; i < network_parameter_count(a->net); i++) {
        const parameter *p = network_parameter(a->net, i), *q = network_parameter(b->net, i);
        if (!p->value)
            continue;
        float *x = support_memory(p->count, sizeof *x), *y = support_memory(p->count, sizeof *y);
        CHECK_OK(network_parameter_read(a->net, p, x, &err));
        CHECK_OK(network_parameter_read(b->net, q, y, &err));
        assert_same_bits(x, y, p->count);
        free(x);
        free(y);
    }
}

static void write_state(member *m, float value)
{
    error err;
    const state_list *state = solver_state(m->solve);
    assert_true(state->count > 0);
    for (size_t i = 0; i < state->count; i++) {
        float *values = support_memory(state->buffers[i].count, sizeof *values);
        for (size_t j = 0; j < state->buffers[i].count; j++)
            values[j] = value;
        CHECK_OK(buffer_write(m->dev, state->buffers[i].buffer, 0, values,
                              state->buffers[i].count * sizeof *values, &err));
        free(values);
    }
}

static void expect_state(member *m, float value)
{
    const state_list *state = solver_state(m->solve);
    for (size_t i = 0; i < state->count; i++) {
        float *values =
            support_read_buffer(m->dev, state->buffers[i].buffer, state->buffers[i].count);
        for (size_t j = 0; j < state->buffers[i].count; j++)
            assert_true(values[j] == value);
        free(values);
    }
}

/* Rank 2 starts from another seed if `odd`; each rank has a state of its own. */
static void run_alignment(bool odd)
{
    member *members[RANKS], *first = open_member(1, 0.9);
    for (int rank = 0; rank < RANKS; rank++) {
        members[rank] = open_member(odd && rank == 2 ? 4 : 1, 0.9);
        write_state(members[rank], (float)rank);
    }
    run(align, members[0], members[1], members[2]);
    for (int rank = 0; rank < RANKS; rank++) {
        assert_int_equal(members[rank]->differed, odd);
        expect_same_weights(members[rank], first);
        expect_state(members[rank], odd ? 0 : (float)rank);
        close_member(members[rank]);
    }
    close_member(first);
}

static void test_weights(void **state)
{
    (void)state;
    run_alignment(false);
    run_alignment(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_evaluations),
        cmocka_unit_test(test_statistics),
        cmocka_unit_test(test_weights),
    };
    return cmocka_run_group_tests_name("replicas", tests, NULL, NULL);
}
