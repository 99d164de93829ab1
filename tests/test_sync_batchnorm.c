/* SPDX-License-Identifier: Apache-2.0 */
/* Networks in several ranks, with batch normalisation over the images of all ranks, against one
 * network with the whole batch. */
#include "model/network.h"
#include "support.h"
#include "thread_ranks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WHOLE = 7, SIDE = 32, COARSE = 3, FINE = 7, PIXELS = 3 * SIDE * SIDE, STEPS = 2 };
enum { MOST_RANKS = 3 };

static const float coarse_weight = 1, fine_weight = 2;

/* The last maps have one pixel, so that a rank with one image has one value per channel there. */
static const network_options shape = {.backbone = "tiny",
                                      .fusion = "concat-bn-relu",
                                      .coarse_classes = COARSE,
                                      .fine_classes = FINE,
                                      .image_size = SIDE,
                                      .batch_size = WHOLE,
                                      .training = true,
                                      .pixel_capacity = WHOLE * PIXELS};

/* The whole batch. */
typedef struct images {
    unsigned char pixels[WHOLE * PIXELS];
    int32_t coarse[WHOLE], fine[WHOLE];
} images;

/* A network and its part of the batch. */
typedef struct member {
    device *dev;
    network *net;
    int first, count;
    pixel_source sources[WHOLE];
} member;

typedef struct team {
    images batch;
    member members[MOST_RANKS];
} team;

static void make_images(images *made)
{
    for (int i = 0; i < WHOLE * PIXELS; i++)
        made->pixels[i] = (unsigned char)support_pick(21, (uint64_t)i, 0, 255);
    for (int i = 0; i < WHOLE; i++) {
        made->coarse[i] = i % COARSE;
        made->fine[i] = (3 * i + 1) % FINE;
    }
}

static void member_open(member *m, device *dev, const network_options *o, int first, int count)
{
    error err;
    *m = (member){.dev = dev, .first = first, .count = count};
    for (int i = 0; i < count; i++)
        m->sources[i] =
            (pixel_source){.offset = i * PIXELS, .width = SIDE, .height = SIDE, .cosine = 1};
    assert_ok(network_create(dev, o, &m->net, &err), &err);
    assert_ok(network_initialize(m->net, 5, false, &err), &err);
}

/* Takes steps that change only the running statistics. The losses are weighted by the share of the
 * batch. */
static status take_steps(const member *m, const images *from, error *err)
{
    const network_batch batch = {.count = m->count,
                                 .pixels = from->pixels + m->first * PIXELS,
                                 .pixel_bytes = (size_t)(m->count * PIXELS),
                                 .images = m->sources,
                                 .coarse = from->coarse + m->first,
                                 .fine = from->fine + m->first};
    float share = (float)m->count / WHOLE;
    for (int i = 0; i < STEPS; i++) {
        int ticket;
        const step_results *results;
        TRY(network_forward(m->net, &batch, STEP_TRAIN, share * coarse_weight, share * fine_weight,
                            err));
        TRY(network_backward(m->net, (gradient_terms){1, 0}, err));
        TRY(network_fetch(m->net, &ticket, err));
        TRY(network_wait(m->net, ticket, &results, err));
    }
    return STATUS_OK;
}

static status run_member(void *context, int rank, error *err)
{
    const team *t = context;
    return take_steps(&t->members[rank], &t->batch, err);
}

/* The gradient, summed over the ranks. For a parameter that is not trained, its value. */
static float *read_parameter(const member members[], int count, size_t index)
{
    error err;
    const parameter *p = network_parameter(members[0].net, index);
    float *own = support_memory(p->count, sizeof *own),
          *sum = support_memory(p->count, sizeof *sum);
    for (int r = 0; r < count; r++) {
        const parameter *of = network_parameter(members[r].net, index);
        if (p->gradient)
            assert_ok(network_gradient_read(members[r].net, of, own, &err), &err);
        else
            assert_ok(network_parameter_read(members[r].net, of, own, &err), &err);
        /* Statistics are the same in all ranks. */
        if (r > 0 && !p->gradient)
            assert_same_bits(own, sum, p->count);
        for (size_t i = 0; i < p->count; i++)
            sum[i] = p->gradient ? sum[i] + own[i] : own[i];
    }
    free(own);
    return sum;
}

/* The norm of the difference between the ranks and the one network, relative to the tensor's norm.
 * If that is below 1e-3, the gradient is only rounding, and 1e-3 is used. A single value that
 * rounds the other way on one driver does not decide. */
static double compare_parameter(const member *one, const team *t, int ranks, size_t index)
{
    size_t count = network_parameter(one->net, index)->count;
    float *want = read_parameter(one, 1, index), *got = read_parameter(t->members, ranks, index);
    double size = 0, apart = 0;
    for (size_t i = 0; i < count; i++) {
        double off = (double)got[i] - want[i];
        size += (double)want[i] * want[i];
        apart += off * off;
    }
    free(want);
    free(got);
    return sqrt(apart) / fmax(sqrt(size), 1e-3);
}

static void compare(const member *one, const team *t, int ranks, double gradients,
                    double statistics)
{
    for (size_t i = 0; i < network_parameter_count(one->net); i++) {
        const parameter *p = network_parameter(one->net, i);
        if (p->kind == PARAMETER_COUNTER) {
            assert_int_equal(network_parameter(t->members[0].net, i)->counter, p->counter);
            continue;
        }
        double off = compare_parameter(one, t, ranks, i);
        if (!(off <= (p->gradient ? gradients : statistics)))
            fail_msg("%s: off by %g of its norm", p->name, off);
    }
}

/* Both sides round in fp32 like the networks of tests/test_network.c, which have the same
 * tolerances. In fp16, a statistic that differs in its last bit makes some values round the other
 * way, by 2^-11 each; over some 20 layers this grows to at most a hundredth of a gradient. */
static double gradient_tolerance(const device *dev)
{
    return 1e-4 + 60 * support_rounding(dev);
}

static double statistics_tolerance(const device *dev)
{
    return 2e-5 + 2 * support_rounding(dev);
}

/* Runs the parts of the batch. The first rank has the device of the one network, which is idle
 * then. Returns the number of exchanges. */
static int check_team(device *dev, network_options o, const int *shares, int count)
{
    error err;
    static team t;
    member one;
    int first = 0;
    thread_ranks *r = thread_ranks_open(count);
    make_images(&t.batch);
    member_open(&one, dev, &o, 0, WHOLE);
    assert_ok(take_steps(&one, &t.batch, &err), &err);
    for (int i = 0; i < count; i++) {
        o.sync = thread_ranks_statistics(r, i);
        member_open(&t.members[i], i == 0 ? dev : support_open_another(dev), &o, first, shares[i]);
        first += shares[i];
    }
    assert_int_equal(first, WHOLE);
    thread_ranks_run(r, run_member, &t);
    compare(&one, &t, count, gradient_tolerance(dev), statistics_tolerance(dev));
    for (int i = 0; i < count; i++) {
        network_free(t.members[i].net);
        if (i > 0)
            device_close(t.members[i].dev);
    }
    network_free(one.net);
    int exchanges = thread_ranks_exchanges(r);
    thread_ranks_close(r);
    return exchanges;
}

static int norms_of(device *dev, const network_options *o)
{
    error err;
    network *net;
    int norms = 0;
    assert_ok(network_create(dev, o, &net, &err), &err);
    for (size_t i = 0; i < network_parameter_count(net); i++)
        norms += network_parameter(net, i)->kind == PARAMETER_COUNTER;
    network_free(net);
    return norms;
}

static void test_two_ranks(void **state)
{
    const int shares[] = {3, 4};
    int exchanges = check_team(*state, shape, shares, 2);
    assert_int_equal(exchanges, 2 * STEPS * norms_of(*state, &shape));
}

static void test_one_image_in_a_rank(void **state)
{
    const int shares[] = {1, 4, 2};
    check_team(*state, shape, shares, 3);
}

static void check_with(device *dev, const char *family, const int *shares, int count)
{
    const char *set = getenv("HCNN_CONV");
    char *before = set ? strdup(set) : NULL;
    setenv("HCNN_CONV", family, true);
    check_team(dev, shape, shares, count);
    if (before)
        setenv("HCNN_CONV", before, true);
    else
        unsetenv("HCNN_CONV");
    free(before);
}

/* Convolutions that compute the sums, and some that do not. */
static void test_other_convolutions(void **state)
{
    const int shares[] = {2, 5};
    check_with(*state, "direct", shares, 2);
    check_with(*state, "gemm", shares, 2);
}

/* In bf16, a statistic that differs in its last bit makes some values round the other way, by 2^-8
 * each, and this network makes as much of that as of bf16's own rounding. Sums of results that are
 * already rounded to 8 bits are nearly exact, whatever their order. So the convolutions are of the
 * kind that leaves the sums to the normalisation. */
static void test_sums_of_rounded_results(void **state)
{
    const int two[] = {3, 4}, three[] = {1, 4, 2};
    check_with(*state, "direct", two, 2);
    check_with(*state, "direct", three, 3);
}

/* Frozen batch normalisations still normalise with the statistics of the batch over all ranks, but
 * exchange nothing in the backward pass. */
static void test_frozen(void **state)
{
    const int shares[] = {4, 3};
    network_options o = shape;
    o.freeze = "coarse_backbone,fine_backbone,fine_11conv,fine_bn";
    assert_int_equal(check_team(*state, o, shares, 2), STEPS * norms_of(*state, &o));
}

/* Weights whose gradients are still to be summed over the ranks are not updated in the backward
 * pass. */
static void test_no_descent(void **state)
{
    error err;
    network *net;
    network_options o = shape;
    thread_ranks *r = thread_ranks_open(2);
    o.steps_in_backward = true;
    o.sync = thread_ranks_statistics(r, 0);
    assert_ok(network_create(*state, &o, &net, &err), &err);
    assert_false(network_get_options(net)->steps_in_backward);
    for (size_t i = 0; i < network_parameter_count(net); i++) {
        const parameter *p = network_parameter(net, i);
        assert_true(p->gradient || p->kind == PARAMETER_STATISTIC || p->kind == PARAMETER_COUNTER);
    }
    network_free(net);
    thread_ranks_close(r);
}

/* With very many ranks, their sums need more memory than the batch itself. */
static void test_memory_is_counted(void **state)
{
    uint64_t alone, together;
    int largest;
    network_options o = shape;
    const statistics_gather sync = {.ranks = 100000};
    support_measure(*state, &o, &alone, &largest);
    o.sync = &sync;
    support_measure(*state, &o, &together, &largest);
    /* Normalisations have up to 64 channels. */
    assert_true(together > alone);
    assert_true(together >= 100000ull * (2 * 64 + 1) * sizeof(float));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_ranks),
        cmocka_unit_test(test_one_image_in_a_rank),
        cmocka_unit_test(test_other_convolutions),
        cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_no_descent),
        cmocka_unit_test(test_memory_is_counted),
        support_fp16_test(test_two_ranks),
        support_fp16_test(test_one_image_in_a_rank),
        support_bf16_test(test_sums_of_rounded_results),
    };
    return cmocka_run_group_tests_name("sync_batchnorm", tests, support_open_device,
                                       support_close_device);
}
