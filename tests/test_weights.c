/* SPDX-License-Identifier: Apache-2.0 */
/* weights.c: saved weights are read back bit-identical; torchvision's names set both backbones;
 * tensors that do not fit are listed, or refused if a checkpoint is expected. */
#include "base/file.h"
#include "base/text.h"
#include "check.h"
#include "model/weights.h"
#include "support.h"

static const network_options options = {.backbone = "tiny",
                                        .stem = STEM_IMAGENET,
                                        .coarse_classes = 3,
                                        .fine_classes = 7,
                                        .image_size = 16,
                                        .batch_size = 2,
                                        .pixel_capacity = 2 * 3 * 16 * 16};

typedef struct fixture {
    device *dev;
    char *directory, *path;
} fixture;

static int set_up(void **state)
{
    fixture *f = support_memory(1, sizeof *f);
    void *dev;
    if (support_open_device(&dev) != 0)
        return -1;
    f->dev = dev;
    f->directory = check_directory();
    f->path = text_format("%s/w.safetensors", f->directory);
    *state = f;
    return f->path ? 0 : -1;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    error err;
    void *dev = f->dev;
    file_remove_tree(f->directory, &err);
    free(f->directory);
    free(f->path);
    free(f);
    return support_close_device(&dev);
}

static network *make_network(const fixture *f, const network_options *o, uint64_t seed)
{
    error err;
    network *net;
    CHECK_OK(network_create(f->dev, o, &net, &err));
    CHECK_OK(network_initialize(net, seed, true, &err));
    for (size_t i = 0; i < network_parameter_count(net); i++)
        if (network_parameter(net, i)->kind == PARAMETER_COUNTER)
            network_parameter(net, i)->counter = (int64_t)(seed << 32 | i);
    return net;
}

static float *read_parameter(network *net, const char *name, size_t *count)
{
    error err;
    parameter *p = network_find(net, name);
    assert_non_null(p);
    float *values = support_memory(p->count, sizeof *values);
    CHECK_OK(network_parameter_read(net, p, values, &err));
    *count = p->count;
    return values;
}

static void save(const fixture *f, network *net)
{
    error err;
    tensor_writer *w;
    CHECK_OK(tensor_writer_create(f->path, &w, &err));
    CHECK_OK(weights_write(net, w, &err));
    CHECK_OK(tensor_writer_commit(w, &err));
}

static void assert_same_network(network *a, network *b)
{
    for (size_t i = 0; i < network_parameter_count(a); i++) {
        const parameter *p = network_parameter(a, i);
        size_t count;
        if (p->kind == PARAMETER_COUNTER) {
            assert_true(p->counter == network_parameter(b, i)->counter);
            continue;
        }
        float *one = read_parameter(a, p->name, &count), *two = read_parameter(b, p->name, &count);
        assert_same_bits(one, two, count);
        free(one);
        free(two);
    }
}

static void weights_come_back_bit_identical(void **state)
{
    const fixture *f = *state;
    error err;
    weights_report report;
    bool backbones = false;
    network *from = make_network(f, &options, 1), *to = make_network(f, &options, 2);
    save(f, from);
    CHECK_OK(weights_load(to, f->path, true, &report, &err));
    assert_same_network(from, to);
    assert_true(report.whole && report.backbones);
    assert_int_equal(report.loaded, network_parameter_count(to));
    assert_int_equal(report.skipped, 0);
    assert_string_equal(report.text, "");
    weights_report_free(&report);
    CHECK_OK(weights_peek(f->path, &backbones, &err));
    assert_true(backbones);
    network_free(from);
    network_free(to);
}

/* The files have PyTorch's layouts and the order of its state dict. */
static void files_are_like_pytorchs(void **state)
{
    const fixture *f = *state;
    error err;
    tensor_file *file;
    network *net = make_network(f, &options, 3);
    save(f, net);
    CHECK_OK(tensor_file_open(f->path, &file, &err));
    assert_string_equal(tensor_file_at(file, 0)->name, network_parameter(net, 0)->name);
    const tensor_entry *e = tensor_file_find(file, "fine_backbone.conv1.weight");
    assert_int_equal(e->rank, 4);
    assert_int_equal(e->shape[0], 4);
    assert_int_equal(e->shape[1], 3);
    assert_int_equal(e->shape[2], 7);
    e = tensor_file_find(file, "fine_backbone.bn1.num_batches_tracked");
    assert_int_equal(e->type, SAFETENSORS_I64);
    assert_int_equal(e->rank, 0);
    tensor_file_close(file);
    network_free(net);
}

/* How write_plain changes what it copies. */
typedef struct changes {
    const char *prefix; /* put before each name */
    const char *only;   /* only names that start with this; "": all */
    const char *type;   /* "F16", or NULL: F32 */
    bool counters, classifier;
} changes;

/* 1.0, -2.0, 1.0, -2.0 ... in either type. */
static void append_pattern(tensor_writer *w, size_t count, bool half)
{
    error err;
    float *wide = support_memory(count, sizeof *wide);
    uint16_t *narrow = support_memory(count, sizeof *narrow);
    for (size_t i = 0; i < count; i++) {
        wide[i] = i % 2 ? -2.0f : 1.0f;
        narrow[i] = i % 2 ? 0xc000 : 0x3c00;
    }
    CHECK_OK(
        tensor_writer_append(w, half ? (const void *)narrow : wide, count * (half ? 2 : 4), &err));
    free(wide);
    free(narrow);
}

/* The parameter's name in write_plain's file, or NULL if the file leaves it out. */
static const char *plain_name(const parameter *p, const changes *c)
{
    static const char fine[] = "fine_backbone.";
    if (strncmp(p->name, fine, strlen(fine)) != 0)
        return NULL;
    const char *name = p->name + strlen(fine);
    if ((p->kind == PARAMETER_COUNTER && !c->counters) ||
        strncmp(name, c->only, strlen(c->only)) != 0)
        return NULL;
    return name;
}

/* Writes the fine backbone under torchvision's names, with the values of append_pattern, counters
 * of 5, and torchvision's classifier if requested. */
static void write_plain(const fixture *f, network *net, changes c)
{
    static const int64_t five = 5, fc[] = {10, 64};
    error err;
    tensor_writer *w;
    bool half = c.type != NULL;
    CHECK_OK(tensor_writer_create(f->path, &w, &err));
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < network_parameter_count(net); i++) {
            const parameter *p = network_parameter(net, i);
            const char *name = plain_name(p, &c);
            bool counter = p->kind == PARAMETER_COUNTER;
            if (!name)
                continue;
            char *full = text_format("%s%s", c.prefix, name);
            safetensors_type type = counter ? SAFETENSORS_I64
                                    : half  ? SAFETENSORS_F16
                                            : SAFETENSORS_F32;
            if (pass == 0)
                CHECK_OK(tensor_writer_describe(w, full, type, p->rank, p->shape, &err));
            else if (counter)
                CHECK_OK(tensor_writer_append(w, &five, sizeof five, &err));
            else
                append_pattern(w, p->count, half);
            free(full);
        }
        if (c.classifier && pass == 0)
            CHECK_OK(tensor_writer_describe(w, "fc.weight", SAFETENSORS_F32, 2, fc, &err));
        else if (c.classifier)
            append_pattern(w, 640, false);
    }
    CHECK_OK(tensor_writer_commit(w, &err));
}

static void assert_pattern(network *net, const char *name)
{
    size_t count;
    float *values = read_parameter(net, name, &count);
    for (size_t i = 0; i < count; i++)
        assert_true(values[i] == (i % 2 ? -2.0f : 1.0f));
    free(values);
}

static void torchvision_goes_into_both(void **state)
{
    const fixture *f = *state;
    static const char *const prefixes[] = {"", "module."}, *const types[] = {NULL, "F16"};
    error err;
    for (int i = 0; i < 2; i++) {
        weights_report report;
        bool backbones = false;
        network *net = make_network(f, &options, 1);
        write_plain(f, net, (changes){prefixes[i], "", types[i], true, true});
        CHECK_OK(weights_peek(f->path, &backbones, &err));
        assert_true(backbones);
        CHECK_OK(weights_load(net, f->path, false, &report, &err));
        assert_pattern(net, "coarse_backbone.conv1.weight");
        assert_pattern(net, "coarse_backbone.layer3.0.conv2.weight");
        assert_pattern(net, "fine_backbone.layer3.0.conv2.weight");
        assert_pattern(net, "fine_backbone.layer4.0.downsample.1.running_var");
        assert_true(network_find(net, "coarse_backbone.bn1.num_batches_tracked")->counter == 5);
        assert_true(report.backbones && !report.whole);
        assert_int_equal(report.skipped, 1);
        assert_non_null(strstr(report.text, "fc.weight: "));
        assert_non_null(strstr(report.text, "[10, 64]"));
        assert_non_null(strstr(report.text, "\nfine_classifier.weight: "));
        weights_report_free(&report);
        CHECK_FAILS(STATUS_FAILED, "fc.weight", weights_load(net, f->path, true, NULL, &err));
        network_free(net);
    }
}

/* The tensors of one backbone or trunk, under torchvision's or timm's names, set both backbones or
 * the shared trunk. In a BiT this includes the last norm, which only a backbone without its last
 * stage lacks. */
static void a_backbone_goes_into_every_shape(void **state)
{
    const fixture *f = *state;
    static const char *const builds[] = {"tiny_basic", "tiny_bit"};
    static const char *const first[] = {"layer3.0.conv1.weight", "stages.2.blocks.0.conv1.weight"};
    static const char *const prefixes[] = {"", "backbone."};
    error err;
    for (int j = 0; j < 4; j++) {
        int i = j % 2;
        network_options o = options;
        o.backbone = builds[i];
        network *from = make_network(f, &o, 1);
        write_plain(f, from, (changes){prefixes[j / 2], "", NULL, true, false});
        network_free(from);
        for (int shared = 0; shared < 2; shared++) {
            weights_report report;
            bool backbones = false;
            o.shared_trunk = shared;
            network *net = make_network(f, &o, 1);
            CHECK_OK(weights_peek(f->path, &backbones, &err));
            assert_true(backbones);
            CHECK_OK(weights_load(net, f->path, false, &report, &err));
            assert_true(report.backbones && !report.whole);
            assert_int_equal(report.skipped, 0);
            weights_report_free(&report);
            char *name = text_format("%s%s", shared ? "backbone." : "coarse_backbone.", first[i]);
            assert_pattern(net, name);
            free(name);
            network_free(net);
        }
    }
}

/* As written before PyTorch 0.4.1. */
static void counters_may_be_missing(void **state)
{
    const fixture *f = *state;
    error err;
    weights_report report;
    network *net = make_network(f, &options, 1);
    write_plain(f, net, (changes){"", "", NULL, false, false});
    CHECK_OK(weights_load(net, f->path, false, &report, &err));
    assert_true(report.backbones && !report.whole);
    assert_int_equal(report.skipped, 0);
    assert_non_null(strstr(report.text, "fine_backbone.bn1.num_batches_tracked: "));
    weights_report_free(&report);
    network_free(net);
}

static void other_shapes_are_skipped(void **state)
{
    const fixture *f = *state;
    error err;
    weights_report report;
    size_t count;
    network_options o = options;
    network *net = make_network(f, &o, 1);
    save(f, net);
    network_free(net);
    o.stem = STEM_CIFAR;
    o.fine_classes = 9;
    net = make_network(f, &o, 2);
    float *before = read_parameter(net, "fine_backbone.conv1.weight", &count);
    CHECK_OK(weights_load(net, f->path, false, &report, &err));
    float *after = read_parameter(net, "fine_backbone.conv1.weight", &count);
    assert_same_bits(before, after, count);
    assert_false(report.backbones || report.whole);
    assert_int_equal(report.skipped, 4);
    assert_non_null(strstr(report.text,
                           "fine_backbone.conv1.weight: has shape [4, 3, 7, 7] in the file, but "
                           "fine_backbone.conv1.weight has shape [4, 3, 3, 3] in the network"));
    assert_non_null(strstr(report.text, "fine_classifier.bias: has shape [7] in the file"));
    weights_report_free(&report);
    CHECK_FAILS(STATUS_FAILED, "[4, 3, 3, 3]", weights_load(net, f->path, true, &report, &err));
    weights_report_free(&report);
    free(before);
    free(after);
    network_free(net);
}

/* A whole checkpoint for a network without the coarse half, and a checkpoint with a part
 * missing. */
static void strict_requires_exactly_its_tensors(void **state)
{
    const fixture *f = *state;
    error err;
    weights_report report;
    bool backbones = true;
    network_options o = options;
    o.only_fine = true;
    network *whole = make_network(f, &options, 1), *fine = make_network(f, &o, 2);
    save(f, whole);
    CHECK_FAILS(STATUS_FAILED, "coarse_backbone.", weights_load(fine, f->path, true, NULL, &err));
    CHECK_OK(weights_load(fine, f->path, false, &report, &err));
    assert_true(report.backbones);
    assert_true(report.skipped > 0);
    weights_report_free(&report);
    save(f, fine);
    CHECK_FAILS(STATUS_FAILED, "missing", weights_load(whole, f->path, true, NULL, &err));
    CHECK_OK(weights_peek(f->path, &backbones, &err));
    assert_false(backbones);
    network_free(whole);
    network_free(fine);
}

static void nothing_loaded_is_an_error(void **state)
{
    const fixture *f = *state;
    error err;
    weights_report report;
    bool backbones;
    network *net = make_network(f, &options, 1);
    write_plain(f, net, (changes){"encoder.", "", NULL, true, false});
    CHECK_FAILS(STATUS_FAILED, "contains no weight",
                weights_load(net, f->path, false, &report, &err));
    assert_int_equal(report.loaded, 0);
    assert_non_null(strstr(report.text, "encoder.conv1.weight: "));
    weights_report_free(&report);
    CHECK_OK(weights_peek(f->path, &backbones, &err));
    assert_false(backbones);
    CHECK_OK(file_write(f->path, "no tensors", 10, &err));
    CHECK_FAILS(STATUS_FAILED, f->path, weights_load(net, f->path, false, &report, &err));
    weights_report_free(&report);
    CHECK_FAILS(STATUS_FAILED, f->path, weights_peek(f->path, &backbones, &err));
    network_free(net);
}

/* Every network with batch normalisation has a tensor with this name and shape. */
static void counters_alone_are_not_weights(void **state)
{
    const fixture *f = *state;
    const int64_t steps = 5;
    error err;
    tensor_writer *w;
    network *net = make_network(f, &options, 1);
    CHECK_OK(tensor_writer_create(f->path, &w, &err));
    CHECK_OK(tensor_writer_describe(w, "bn1.num_batches_tracked", SAFETENSORS_I64, 0, NULL, &err));
    CHECK_OK(tensor_writer_append(w, &steps, sizeof steps, &err));
    CHECK_OK(tensor_writer_commit(w, &err));
    CHECK_FAILS(STATUS_FAILED, "contains no weight", weights_load(net, f->path, false, NULL, &err));
    network_free(net);
}

/* Types that do not fit, and two tensors for the same parameter. */
static void odd_tensors_are_skipped(void **state)
{
    const fixture *f = *state;
    static const int64_t shape[] = {4};
    static const float values[] = {1.0f, 2.0f, 3.0f, 4.0f};
    error err;
    weights_report report;
    tensor_writer *w;
    network *net = make_network(f, &options, 1);
    CHECK_OK(tensor_writer_create(f->path, &w, &err));
    CHECK_OK(tensor_writer_describe(w, "bn1.weight", SAFETENSORS_F32, 1, shape, &err));
    CHECK_OK(tensor_writer_describe(w, "module.bn1.weight", SAFETENSORS_F32, 1, shape, &err));
    CHECK_OK(tensor_writer_describe(w, "bn1.num_batches_tracked", SAFETENSORS_F32, 0, NULL, &err));
    for (int i = 0; i < 2; i++)
        CHECK_OK(tensor_writer_append(w, values, sizeof values, &err));
    CHECK_OK(tensor_writer_append(w, values, sizeof values[0], &err));
    CHECK_OK(tensor_writer_commit(w, &err));
    CHECK_OK(weights_load(net, f->path, false, &report, &err));
    assert_int_equal(report.loaded, 1);
    assert_int_equal(report.skipped, 2);
    assert_non_null(strstr(report.text, "bn1.num_batches_tracked: has type F32 in the file"));
    assert_non_null(strstr(report.text, "module.bn1.weight: another tensor"));
    weights_report_free(&report);
    network_free(net);
}

/* A classifier with the same number of classes sets the fine classifier, if that is directly on the
 * backbone. */
static void a_head_that_fits_is_loaded(void **state)
{
    const fixture *f = *state;
    error err;
    for (int kind = 0; kind < 3; kind++) {
        weights_report report;
        size_t count;
        network_options o = options;
        o.fine_classes = 10; /* as in write_plain */
        o.only_fine = kind == 0;
        o.shared_trunk = kind == 1;
        network *from = make_network(f, &options, 1), *net = make_network(f, &o, 2);
        write_plain(f, from, (changes){"", "", NULL, true, true});
        float *before = read_parameter(net, "fine_classifier.weight", &count);
        CHECK_OK(weights_load(net, f->path, false, &report, &err));
        if (kind < 2) {
            assert_pattern(net, "fine_classifier.weight");
            assert_non_null(strstr(report.text, "fine_classifier.bias: not set"));
        } else {
            float *after = read_parameter(net, "fine_classifier.weight", &count);
            assert_same_bits(before, after, count);
            assert_non_null(strstr(report.text, "fc.weight: the network has no"));
            free(after);
        }
        weights_report_free(&report);
        free(before);
        network_free(from);
        network_free(net);
    }
}

/* A file in PyTorch's own container, which is recognised by its content. */
static void pytorchs_files_are_read(void **state)
{
    const fixture *f = *state;
    error err;
    weights_report report;
    bool backbones = false;
    tensor_file *file;
    tensor_writer *w;
    network *from = make_network(f, &options, 1), *to = make_network(f, &options, 2);
    char *path = text_format("%s/w.pth", f->directory);
    save(f, from);
    CHECK_OK(tensor_file_open(f->path, &file, &err));
    CHECK_OK(tensor_writer_create(path, &w, &err));
    tensor_copy *copies = support_memory(tensor_file_count(file), sizeof *copies);
    for (size_t i = 0; i < tensor_file_count(file); i++) {
        const tensor_entry *e = tensor_file_at(file, i);
        copies[i] = (tensor_copy){e, (char *)e->name, e->rank};
    }
    CHECK_OK(tensor_writer_copy(w, file, copies, tensor_file_count(file), &err));
    CHECK_OK(tensor_writer_commit(w, &err));
    CHECK_OK(weights_peek(path, &backbones, &err));
    assert_true(backbones);
    CHECK_OK(weights_load(to, path, true, &report, &err));
    assert_true(report.whole);
    assert_same_network(from, to);
    weights_report_free(&report);
    tensor_file_close(file);
    free(copies);
    free(path);
    network_free(from);
    network_free(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_come_back_bit_identical),
        cmocka_unit_test(files_are_like_pytorchs),
        cmocka_unit_test(torchvision_goes_into_both),
        cmocka_unit_test(a_backbone_goes_into_every_shape),
        cmocka_unit_test(counters_may_be_missing),
        cmocka_unit_test(other_shapes_are_skipped),
        cmocka_unit_test(strict_requires_exactly_its_tensors),
        cmocka_unit_test(nothing_loaded_is_an_error),
        cmocka_unit_test(counters_alone_are_not_weights),
        cmocka_unit_test(odd_tensors_are_skipped),
        cmocka_unit_test(a_head_that_fits_is_loaded),
        cmocka_unit_test(pytorchs_files_are_read),
    };
    return cmocka_run_group_tests_name("weights", tests, set_up, tear_down);
}
