/* SPDX-License-Identifier: Apache-2.0 */
/* The network against PyTorch: input, logits, every gradient, running statistics and three steps of
 * each optimizer, from golden files that tests/golden/make-golden.py computed in double precision.
 * Also its size, its memory check and freezing. */
#include "base/tensor_file.h"
#include "check.h"
#include "model/network.h"
#include "ops/optimizer.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 5, COARSE = 3, FINE = 7, STEPS = 3 };

/* fp32 against double precision through about 20 layers: errors grow to a few 1e-6 of a tensor's
 * largest value in the forward pass, and to a few 1e-5 in the gradients of the first layers. */
static const double forward_tolerance = 2e-5, gradient_tolerance = 1e-4, weight_tolerance = 2e-5;

typedef struct golden {
    tensor_file *file;
    network_options options;
    const char *optimizer;
    int size;
} golden;

static tensor_file *open_file(const char *name)
{
    const char *source = getenv("srcdir");
    char path[512];
    error err;
    tensor_file *file;
    snprintf(path, sizeof path, "%s/tests/golden/network-%s.safetensors", source ? source : ".",
             name);
    assert_ok(tensor_file_open(path, &file, &err), &err);
    return file;
}

static void open_golden(const char *name, golden *g)
{
    g->file = open_file(name);
    g->size = atoi(tensor_file_metadata(g->file, "size"));
    g->optimizer = tensor_file_metadata(g->file, "optimizer");
    const char *fusion = tensor_file_metadata(g->file, "fusion");
    bool cifar = strcmp(tensor_file_metadata(g->file, "stem"), "cifar") == 0;
    g->options = (network_options){
        .backbone = tensor_file_metadata(g->file, "backbone"),
        .stem = cifar ? STEM_CIFAR : STEM_IMAGENET,
        .only_fine = atoi(tensor_file_metadata(g->file, "only_fine")),
        .shared_trunk = atoi(tensor_file_metadata(g->file, "shared_trunk")),
        .fusion = *fusion ? fusion : NULL,
        .coarse_stages = atoi(tensor_file_metadata(g->file, "coarse_stages")),
        .coarse_classes = COARSE,
        .fine_classes = FINE,
        .image_size = g->size,
        .batch_size = BATCH + 2, /* larger than the batch, so that short batches are tested */
        .training = true,
        .pixel_capacity = (size_t)(BATCH + 2) * 3 * (size_t)(g->size * g->size),
    };
}

/* Reads the tensor "PREFIX" "NAME" as floats, which the caller frees. Fails if the golden file
 * lacks it. */
static float *read_golden(const golden *g, const char *prefix, const char *name, size_t *count)
{
    char full[256];
    error err;
    snprintf(full, sizeof full, "%s%s", prefix, name);
    const tensor_entry *entry = tensor_file_find(g->file, full);
    if (!entry)
        print_error("the golden file has no tensor %s\n", full);
    assert_non_null(entry);
    *count = tensor_elements(entry);
    float *values = support_memory(*count, sizeof *values);
    assert_ok(tensor_file_read_f32(g->file, entry, values, &err), &err);
    return values;
}

static int64_t *read_integers(const golden *g, const char *name)
{
    error err;
    const tensor_entry *entry = tensor_file_find(g->file, name);
    assert_non_null(entry);
    int64_t *values = support_memory(tensor_elements(entry), sizeof *values);
    assert_ok(tensor_file_read_i64(g->file, entry, values, &err), &err);
    return values;
}

/* Compares within the tolerance times the tensor's largest value. */
static void compare(const golden *g, const char *prefix, const char *name, const float *got,
                    double tolerance)
{
    size_t count;
    float *want = read_golden(g, prefix, name, &count);
    double largest = 1e-3, worst = 0; /* for gradients that are zero except for rounding */
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs((double)want[i]));
    for (size_t i = 0; i < count; i++) {
        double difference = fabs((double)want[i] - got[i]);
        worst = difference <= worst ? worst : difference; /* a NaN counts as the worst */
    }
    if (!(worst <= tolerance * largest))
        fail_msg("%s%s: off by %g; the largest value is %g", prefix, name, worst, largest);
    free(want);
}

static void load_before(network *net, const golden *g)
{
    error err;
    assert_ok(network_initialize(net, 1, false, &err), &err);
    for (size_t i = 0; i < network_parameter_count(net); i++) {
        parameter *p = network_parameter(net, i);
        size_t count;
        if (p->kind == PARAMETER_COUNTER) {
            char full[256];
            snprintf(full, sizeof full, "before.%s", p->name);
            int64_t *counter = read_integers(g, full);
            p->counter = *counter;
            free(counter);
            continue;
        }
        float *values = read_golden(g, "before.", p->name, &count);
        assert_int_equal(count, p->count);
        assert_ok(network_parameter_write(net, p, values, &err), &err);
        free(values);
    }
}

typedef struct host_batch {
    network_batch batch;
    unsigned char *pixels;
    pixel_source images[BATCH];
    int32_t coarse[BATCH], fine[BATCH];
} host_batch;

static void make_batch(const golden *g, host_batch *b)
{
    size_t count;
    float *images = read_golden(g, "", "images", &count);
    int64_t *coarse = read_integers(g, "coarse"), *fine = read_integers(g, "fine");
    b->pixels = support_memory(count, 1);
    for (size_t i = 0; i < count; i++)
        b->pixels[i] = (unsigned char)images[i];
    for (int i = 0; i < BATCH; i++) {
        b->images[i] = (pixel_source){.offset = i * (int)(count / BATCH),
                                      .width = g->size,
                                      .height = g->size,
                                      .layout = PIXELS_PLANAR,
                                      .cosine = 1};
        b->coarse[i] = (int32_t)coarse[i];
        b->fine[i] = (int32_t)fine[i];
    }
    b->batch = (network_batch){.count = BATCH,
                               .pixels = b->pixels,
                               .pixel_bytes = count,
                               .images = b->images,
                               .coarse = b->coarse,
                               .fine = b->fine};
    free(images);
    free(coarse);
    free(fine);
}

static const step_results *run_step_by(network *net, const host_batch *b, enum step_mode mode,
                                       gradient_terms terms)
{
    error err;
    int ticket;
    const step_results *results;
    assert_ok(network_forward(net, &b->batch, mode, 1, 2, &err), &err);
    if (mode == STEP_TRAIN)
        assert_ok(network_backward(net, terms, &err), &err);
    assert_ok(network_fetch(net, &ticket, &err), &err);
    assert_ok(network_wait(net, ticket, &results, &err), &err);
    return results;
}

static const step_results *run_step(network *net, const host_batch *b, enum step_mode mode)
{
    return run_step_by(net, b, mode, (gradient_terms){1, 0});
}

static void compare_logits(network *net, const golden *g, const char *prefix)
{
    error err;
    float coarse[BATCH * COARSE], fine[BATCH * FINE];
    bool both = !g->options.only_fine;
    assert_ok(network_read_logits(net, both ? coarse : NULL, fine, &err), &err);
    compare(g, prefix, "fine", fine, forward_tolerance);
    if (both)
        compare(g, prefix, "coarse", coarse, forward_tolerance);
}

/* Input is NHWC on the device and NCHW in PyTorch. */
static void compare_input(network *net, const golden *g, const golden *from, const char *prefix)
{
    error err;
    size_t area = (size_t)(g->size * g->size), count = BATCH * 3 * area;
    float *nhwc = support_memory(count, sizeof *nhwc), *nchw = support_memory(count, sizeof *nchw);
    assert_ok(network_read_input(net, nhwc, &err), &err);
    for (size_t i = 0; i < count; i++)
        nchw[(i / (3 * area) * 3 + i % 3) * area + i % (3 * area) / 3] = nhwc[i];
    compare(from, prefix, "input", nchw, 1e-6 + support_rounding(network_device(net)));
    free(nhwc);
    free(nchw);
}

static void compare_parameters(network *net, const golden *g, const char *prefix, bool gradients,
                               bool statistics, double tolerance)
{
    error err;
    for (size_t i = 0; i < network_parameter_count(net); i++) {
        parameter *p = network_parameter(net, i);
        if (p->kind == PARAMETER_COUNTER || (gradients && !p->gradient) ||
            (statistics && p->kind != PARAMETER_STATISTIC))
            continue;
        float *values = support_memory(p->count, sizeof *values);
        assert_ok(gradients ? network_gradient_read(net, p, values, &err)
                            : network_parameter_read(net, p, values, &err),
                  &err);
        compare(g, prefix, p->name, values, tolerance);
        free(values);
    }
}

static const unscaling unscaled = {.factor = 1};
static const float sgd_lr = 0.008f;

static void optimize(device *dev, network *net, const char *name, int step, cl_mem (*state)[2])
{
    error err;
    bool nesterov = strcmp(name, "nesterov") == 0, adam = strcmp(name, "adam") == 0;
    for (size_t i = 0; i < network_parameter_count(net); i++) {
        parameter *p = network_parameter(net, i);
        if (!p->gradient)
            continue;
        for (int s = 0; s < 2 && step == 1; s++) {
            assert_ok(buffer_create(dev, p->count * sizeof(float), &state[i][s], &err), &err);
            assert_ok(buffer_zero(dev, state[i][s], 0, p->count * sizeof(float), &err), &err);
        }
        if (adam)
            assert_ok(adam_step(dev, p->count, p->value, p->gradient, state[i][0], state[i][1],
                                unscaled, 1e-3f, 0.9f, 0.999f, 1e-8f, 0, false, step, &err),
                      &err);
        else
            assert_ok(sgd_step(dev, p->count, p->value, p->gradient, state[i][0], unscaled,
                               nesterov ? 0.01f : sgd_lr, nesterov ? 0.9f : 0, nesterov ? 1e-3f : 0,
                               nesterov, step == 1, &err),
                      &err);
    }
}

/* If in_backward, the golden file's optimizer must be "sgd". */
static void check_golden_steps(device *dev, const char *name, bool in_backward)
{
    golden g;
    error err;
    network *net;
    host_batch b;
    const gradient_terms terms = {in_backward ? -sgd_lr : 1, in_backward};
    open_golden(name, &g);
    g.options.steps_in_backward = in_backward;
    assert_ok(network_create(dev, &g.options, &net, &err), &err);
    load_before(net, &g);
    make_batch(&g, &b);
    run_step(net, &b, STEP_EVALUATE);
    compare_logits(net, &g, "evaluate.");

    size_t count = network_parameter_count(net);
    cl_mem(*state)[2] = support_memory(count, sizeof *state);
    for (int step = 1; step <= STEPS; step++) {
        run_step_by(net, &b, STEP_TRAIN, terms);
        if (step == 1) {
            compare_input(net, &g, &g, "");
            compare_logits(net, &g, "train.");
            compare_parameters(net, &g, "gradient.", true, false, gradient_tolerance);
            compare_parameters(net, &g, "running.", false, true, forward_tolerance);
        }
        optimize(dev, net, g.optimizer, step, state);
    }
    /* Adam divides by the root of the squared gradient. If a gradient is only rounding, the step is
     * +lr or -lr, depending on the sign of the rounding. */
    bool adam = strcmp(g.optimizer, "adam") == 0;
    compare_parameters(net, &g, "after.", false, false, adam ? 5e-3 : weight_tolerance);
    for (size_t i = 0; i < count; i++) {
        const parameter *p = network_parameter(net, i);
        assert_true(p->kind != PARAMETER_COUNTER || p->counter == 4 + STEPS);
    }

    for (size_t i = 0; i < count; i++)
        for (int s = 0; s < 2; s++)
            buffer_release(&state[i][s]);
    free(state);
    free(b.pixels);
    network_free(net);
    tensor_file_close(g.file);
}

/* Tests plain descent both with the optimizer and in the backward pass. */
static void check_golden(device *dev, const char *name)
{
    golden g;
    open_golden(name, &g);
    bool plain = strcmp(g.optimizer, "sgd") == 0;
    tensor_file_close(g.file);
    check_golden_steps(dev, name, false);
    if (plain)
        check_golden_steps(dev, name, true);
}

static void test_imagenet_sgd(void **state)
{
    check_golden(*state, "imagenet-sgd");
}

static void test_cifar_adam(void **state)
{
    check_golden(*state, "cifar-adam");
}

static void test_only_fine_nesterov(void **state)
{
    check_golden(*state, "only-fine-nesterov");
}

/* Each backbone, fusion and depth, and the shared trunk, is tested at least once. */
static void test_basic_add(void **state)
{
    check_golden(*state, "basic-add");
}

static void test_basic_shared(void **state)
{
    check_golden(*state, "basic-shared");
}

static void test_basic_concat_bn_relu(void **state)
{
    check_golden(*state, "basic-concat-bn-relu");
}

static void test_basic_layer4(void **state)
{
    check_golden(*state, "basic-layer4");
}

static void test_basic_layer4_concat_bn_relu(void **state)
{
    check_golden(*state, "basic-layer4-concat-bn-relu");
}

static void test_bit_gate(void **state)
{
    check_golden(*state, "bit-gate");
}

static void test_bit_concat(void **state)
{
    check_golden(*state, "bit-concat");
}

static void test_bit_shared_layer4(void **state)
{
    check_golden(*state, "bit-shared-layer4");
}

/* ---- Smoothed and mixed targets, and the marginal loss: make-mixed.py ---- */

typedef struct mixed_case {
    const char *name, *network; /* prefix in network-mixed; golden file of the network */
    float smoothing;
    batch_mix mix;
    bool marginal;
} mixed_case;

static void set_labels(const golden *mixed, const mixed_case *c, host_batch *b)
{
    char name[64];
    int32_t *const labels[] = {b->coarse, b->fine};
    static const char *const heads[] = {"coarse", "fine"};
    for (int h = 0; h < 2; h++) {
        snprintf(name, sizeof name, "%s.%s", c->name, heads[h]);
        int64_t *read = read_integers(mixed, name);
        for (int i = 0; i < BATCH; i++)
            labels[h][i] = (int32_t)read[i];
        free(read);
    }
    b->batch.mix = c->mix;
}

static void compare_losses(const golden *mixed, const mixed_case *c, const step_results *r)
{
    size_t count;
    float *want = read_golden(mixed, c->name, ".losses", &count);
    double got[3] = {0};
    for (int i = 0; i < BATCH; i++) {
        got[0] += r->coarse ? (double)r->coarse[i].loss / BATCH : 0;
        got[1] += (double)r->fine[i].loss / BATCH;
        got[2] += (double)r->fine[i].marginal_loss / BATCH;
    }
    assert_int_equal(count, 3);
    assert_true((got[2] > 0) == c->marginal);
    assert_close(want, got, 3, forward_tolerance, forward_tolerance);
    free(want);
}

static int compare_kept_gradients(network *net, const golden *mixed, const mixed_case *c)
{
    error err;
    char prefix[64], full[256];
    int compared = 0;
    snprintf(prefix, sizeof prefix, "%s.gradient.", c->name);
    for (size_t i = 0; i < network_parameter_count(net); i++) {
        parameter *p = network_parameter(net, i);
        snprintf(full, sizeof full, "%s%s", prefix, p->name);
        if (!tensor_file_find(mixed->file, full))
            continue;
        float *values = support_memory(p->count, sizeof *values);
        assert_ok(network_gradient_read(net, p, values, &err), &err);
        compare(mixed, prefix, p->name, values, gradient_tolerance);
        free(values);
        compared++;
    }
    return compared;
}

static void check_mixed(device *dev, const golden *mixed, const mixed_case *c)
{
    static const int parents[FINE] = {0, 1, 2, 0, 1, 2, 1};
    golden g;
    error err;
    network *net;
    host_batch b;
    char prefix[64];
    open_golden(c->network, &g);
    g.options.marginal_parents = c->marginal ? parents : NULL;
    assert_ok(network_create(dev, &g.options, &net, &err), &err);
    load_before(net, &g);
    make_batch(&g, &b);
    set_labels(mixed, c, &b);
    network_set_smoothing(net, c->smoothing);
    compare_losses(mixed, c, run_step(net, &b, STEP_TRAIN));
    snprintf(prefix, sizeof prefix, "%s.", c->name);
    compare_input(net, &g, mixed, prefix);
    assert_int_equal(compare_kept_gradients(net, mixed, c), g.options.only_fine ? 5 : 9);
    free(b.pixels);
    network_free(net);
    tensor_file_close(g.file);
}

static void test_mixed(void **state)
{
    static const mixed_case cases[] = {
        {"mixup", "cifar-adam", 0.1f, {.partner_share = 0.3f}, true},
        {"cutmix", "cifar-adam", 0, {56.0f / 121, 2, 3, 9, 11}, false},
        {"alone", "only-fine-nesterov", 0.2f, {.partner_share = 0.6f}, true},
        {"smooth", "cifar-adam", 0.25f, {.partner_share = 0}, false},
    };
    const golden mixed = {.file = open_file("mixed")};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_mixed(*state, &mixed, &cases[i]);
    tensor_file_close(mixed.file);
}

/* An evaluation uses the labels without smoothing. */
static void test_evaluation_is_not_smoothed(void **state)
{
    golden g;
    error err;
    network *net;
    host_batch b;
    double losses[2] = {0};
    open_golden("only-fine-nesterov", &g);
    assert_ok(network_create(*state, &g.options, &net, &err), &err);
    load_before(net, &g);
    make_batch(&g, &b);
    for (int i = 0; i < 2; i++) {
        network_set_smoothing(net, (float)i * 0.5f);
        const step_results *r = run_step(net, &b, STEP_EVALUATE);
        for (int j = 0; j < BATCH; j++)
            losses[i] += (double)r->fine[j].loss;
    }
    assert_true(losses[0] > 0 && losses[0] == losses[1]);
    free(b.pixels);
    network_free(net);
    tensor_file_close(g.file);
}

/* Results are not overwritten before they were waited for, and waiting for results that were never
 * requested is an error. */
static void test_tickets(void **state)
{
    golden g;
    error err;
    network *net;
    host_batch b;
    const step_results *results;
    int tickets[2], third;
    open_golden("only-fine-nesterov", &g);
    assert_ok(network_create(*state, &g.options, &net, &err), &err);
    load_before(net, &g);
    make_batch(&g, &b);
    assert_ok(network_forward(net, &b.batch, STEP_EVALUATE, 1, 2, &err), &err);
    CHECK_FAILS(STATUS_FAILED, "ticket is not open", network_wait(net, 0, &results, &err));
    for (int i = 0; i < 2; i++)
        assert_ok(network_fetch(net, &tickets[i], &err), &err);
    CHECK_FAILS(STATUS_FAILED, "more than 2 steps are open", network_fetch(net, &third, &err));
    for (int i = 0; i < 2; i++)
        assert_ok(network_wait(net, tickets[i], &results, &err), &err);
    CHECK_FAILS(STATUS_FAILED, "ticket is not open", network_wait(net, tickets[0], &results, &err));
    free(b.pixels);
    network_free(net);
    tensor_file_close(g.file);
}

static const network_options small = {.backbone = "tiny",
                                      .coarse_classes = COARSE,
                                      .fine_classes = FINE,
                                      .image_size = 16,
                                      .batch_size = 4,
                                      .training = true,
                                      .pixel_capacity = 4 * 3 * 16 * 16};

static void test_freeze(void **state)
{
    error err;
    network *net;
    network_options o = small;
    o.freeze = "default";
    assert_ok(network_create(*state, &o, &net, &err), &err);
    assert_null(network_find(net, "coarse_backbone.layer2.0.conv1.weight")->gradient);
    assert_non_null(network_find(net, "coarse_backbone.layer3.0.conv1.weight")->gradient);
    assert_non_null(network_find(net, "fine_backbone.conv1.weight")->gradient);
    network_free(net);
    o.freeze = "fine_backbone,fine_11conv";
    assert_ok(network_create(*state, &o, &net, &err), &err);
    assert_null(network_find(net, "fine_backbone.layer4.0.conv1.weight")->gradient);
    assert_non_null(network_find(net, "fine_classifier.weight")->gradient);
    network_free(net);
    o.freeze = "fine_backbone.layer9";
    assert_int_equal(network_create(*state, &o, &net, &err), STATUS_USAGE);
    assert_non_null(strstr(err.message, "fine_backbone.layer9"));
}

/* The input remains readable after a step, even if no weight gradient needs it until the end. */
static void check_frozen_input(device *dev, const char *freeze, enum step_mode mode)
{
    golden g;
    error err;
    network *net;
    host_batch b;
    open_golden("cifar-adam", &g);
    g.options.freeze = freeze;
    assert_ok(network_create(dev, &g.options, &net, &err), &err);
    load_before(net, &g);
    make_batch(&g, &b);
    run_step(net, &b, mode);
    compare_input(net, &g, &g, "");
    free(b.pixels);
    network_free(net);
    tensor_file_close(g.file);
}

static void test_input_outlives_the_step(void **state)
{
    check_frozen_input(*state, "default", STEP_TRAIN);
    check_frozen_input(*state, "coarse_backbone.conv1,fine_backbone.conv1", STEP_TRAIN);
    check_frozen_input(*state, "coarse_backbone,fine_backbone", STEP_TRAIN);
    check_frozen_input(*state, "coarse_backbone,fine_backbone", STEP_EVALUATE);
}

/* The network of the paper, which is measured but never built, because measuring needs no device
 * memory. */
static void test_measure(void **state)
{
    error err;
    uint64_t bytes, eight;
    int largest;
    network_options o = {.backbone = "wide_resnet_50",
                         .coarse_classes = 20,
                         .fine_classes = 100,
                         .image_size = 32,
                         .batch_size = 8,
                         .training = true,
                         .pixel_capacity = 8 * 3072};
    support_measure(*state, &o, &eight, &largest);
    assert_true(eight > 2 * 4 * 98215672ull);
    o.batch_size = 64;
    o.pixel_capacity = 64 * 3072;
    support_measure(*state, &o, &bytes, &largest);
    assert_true(bytes > eight);
    const device *dev = *state;
    o.batch_size = 60000;
    o.pixel_capacity = 60000ull * 3072;
    support_measure(*state, &o, &bytes, &largest);
    if (bytes > dev->info.memory_bytes) {
        network *net;
        char number[32];
        assert_true(largest < 60000);
        assert_int_equal(network_create(*state, &o, &net, &err), STATUS_FAILED);
        snprintf(number, sizeof number, "--batch-size %d", largest);
        assert_non_null(strstr(err.message, number));
    }
}

static void test_seed_determines_bits(void **state)
{
    error err;
    float *draws[2];
    for (int i = 0; i < 2; i++) {
        network *net;
        assert_ok(network_create(*state, &small, &net, &err), &err);
        assert_ok(network_initialize(net, 9, false, &err), &err);
        parameter *p = network_find(net, "fine_backbone.layer2.0.conv2.weight");
        draws[i] = support_memory(p->count, sizeof(float));
        assert_ok(network_parameter_read(net, p, draws[i], &err), &err);
        if (i == 1)
            assert_same_bits(draws[0], draws[1], p->count);
        network_free(net);
    }
    free(draws[0]);
    free(draws[1]);
}

static void test_bad_options(void **state)
{
    error err;
    network *net;
    network_options o = small;
    o.backbone = "alexnet";
    assert_int_equal(network_create(*state, &o, &net, &err), STATUS_USAGE);
    assert_non_null(strstr(err.message, "alexnet"));
    o = small;
    o.fine_classes = 1;
    assert_int_equal(network_create(*state, &o, &net, &err), STATUS_FAILED);
}

/* A network that updates its weights in the backward pass reaches the same weights as one with an
 * optimizer. */
static void test_descent_in_the_backward_pass(void **state)
{
    golden g;
    error err;
    network *nets[2];
    host_batch b;
    open_golden("imagenet-sgd", &g);
    make_batch(&g, &b);
    for (int i = 0; i < 2; i++) {
        network_options o = g.options;
        o.steps_in_backward = i;
        assert_ok(network_create(*state, &o, &nets[i], &err), &err);
        load_before(nets[i], &g);
        cl_mem(*slots)[2] = support_memory(network_parameter_count(nets[i]), sizeof *slots);
        run_step_by(nets[i], &b, STEP_TRAIN, (gradient_terms){i ? -sgd_lr : 1, i});
        optimize(*state, nets[i], "sgd", 1, slots);
        for (size_t j = 0; j < network_parameter_count(nets[i]); j++)
            for (int slot = 0; slot < 2; slot++)
                buffer_release(&slots[j][slot]);
        free(slots);
    }
    for (size_t j = 0; j < network_parameter_count(nets[0]); j++) {
        parameter *a = network_parameter(nets[0], j), *p = network_parameter(nets[1], j);
        if (a->kind == PARAMETER_COUNTER)
            continue;
        assert_null(p->gradient);
        float *want = support_memory(a->count, sizeof *want), *got = support_memory(a->count, 4);
        assert_ok(network_parameter_read(nets[0], a, want, &err), &err);
        assert_ok(network_parameter_read(nets[1], p, got, &err), &err);
        double *wide = support_widen(want, a->count);
        assert_close(got, wide, a->count, 1e-6, 1e-8);
        free(wide);
        free(want);
        free(got);
    }
    assert_true(network_memory_bytes(nets[1]) < network_memory_bytes(nets[0]));
    network_free(nets[0]);
    network_free(nets[1]);
    free(b.pixels);
    tensor_file_close(g.file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_descent_in_the_backward_pass),
        cmocka_unit_test(test_imagenet_sgd),
        cmocka_unit_test(test_cifar_adam),
        cmocka_unit_test(test_only_fine_nesterov),
        cmocka_unit_test(test_basic_add),
        cmocka_unit_test(test_basic_shared),
        cmocka_unit_test(test_basic_concat_bn_relu),
        cmocka_unit_test(test_basic_layer4),
        cmocka_unit_test(test_basic_layer4_concat_bn_relu),
        cmocka_unit_test(test_bit_gate),
        cmocka_unit_test(test_bit_concat),
        cmocka_unit_test(test_bit_shared_layer4),
        cmocka_unit_test(test_mixed),
        cmocka_unit_test(test_evaluation_is_not_smoothed),
        cmocka_unit_test(test_tickets),
        cmocka_unit_test(test_freeze),
        cmocka_unit_test(test_input_outlives_the_step),
        support_small_tests(test_input_outlives_the_step),
        cmocka_unit_test(test_measure),
        cmocka_unit_test(test_seed_determines_bits),
        cmocka_unit_test(test_bad_options),
    };
    return cmocka_run_group_tests_name("network", tests, support_open_device, support_close_device);
}
