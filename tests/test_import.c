/* SPDX-License-Identifier: Apache-2.0 */
/* import.c recognises networks and backbones from the files in tests/golden, and lists skipped and
 * missing tensors. */
#include "base/text.h"
#include "check.h"
#include "model/import.h"
#include "support.h"

typedef support_files fixture;

static int set_up(void **state)
{
    return support_files_set_up(state, "w.safetensors");
}

static char *golden_path(const char *name)
{
    const char *source = getenv("srcdir");
    char *path = text_format("%s/tests/golden/network-%s.safetensors", source ? source : ".", name);
    assert_non_null(path);
    return path;
}

typedef struct golden {
    const char *name, *backbone, *fusion;
    enum stem stem;
    bool only_fine, shared_trunk;
    int coarse_stages;
} golden;

static void check_network(const golden *g)
{
    const import_options options = {NULL, "before."};
    import_plan plan;
    error err;
    char *path = golden_path(g->name);
    CHECK_OK(import_open(path, &options, &plan, &err));
    assert_true(plan.whole);
    assert_string_equal(plan.options.backbone, g->backbone);
    assert_int_equal(plan.options.stem, g->stem);
    assert_int_equal(plan.options.only_fine, g->only_fine);
    assert_int_equal(plan.options.shared_trunk, g->shared_trunk);
    assert_int_equal(plan.options.coarse_stages, g->coarse_stages);
    assert_int_equal(plan.options.fine_classes, 7);
    if (g->fusion)
        assert_string_equal(plan.options.fusion, g->fusion);
    else
        assert_null(plan.options.fusion);
    assert_int_equal(plan.missing, 0);
    assert_string_equal(plan.text, ""); /* names without "before." are not listed ... */
    assert_true(plan.skipped > 0);      /* ... but are counted */
    import_close(&plan);
    free(path);
}

static void golden_networks(void **state)
{
    (void)state;
    static const golden all[] = {
        {"imagenet-sgd", "tiny", "concat", STEM_IMAGENET, false, false, 3},
        {"cifar-adam", "tiny", "concat", STEM_CIFAR, false, false, 3},
        {"only-fine-nesterov", "tiny", NULL, STEM_CIFAR, true, false, 0},
        {"basic-add", "tiny_basic", "add", STEM_IMAGENET, false, false, 3},
        {"basic-layer4-concat-bn-relu", "tiny_basic", "concat-bn-relu", STEM_CIFAR, false, false,
         4},
        {"basic-shared", "tiny_basic", NULL, STEM_CIFAR, false, true, 3},
        {"bit-gate", "tiny_bit", "gate", STEM_IMAGENET, false, false, 3},
        {"bit-shared-layer4", "tiny_bit", NULL, STEM_CIFAR, false, true, 4},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        check_network(&all[i]);
}

/* Writes a file with a backbone of a golden network and some other tensors. */
static void write_backbone(const fixture *f, const char *golden, const char *from,
                           const char *prefix, bool head_as_convolution)
{
    const int64_t head[] = {9, 2, 1, 1};
    static const float numbers[18] = {1, 2, 3};
    error err;
    char *path = golden_path(golden);
    tensor_file *file;
    tensor_writer *w;
    CHECK_OK(tensor_file_open(path, &file, &err));
    CHECK_OK(tensor_writer_create(f->path, &w, &err));
    tensor_copy *copies = calloc(tensor_file_count(file), sizeof *copies);
    size_t count = 0, length = strlen(from);
    for (size_t i = 0; i < tensor_file_count(file); i++) {
        const tensor_entry *e = tensor_file_at(file, i);
        if (strncmp(e->name, from, length) == 0)
            copies[count++] =
                (tensor_copy){e, text_format("%s%s", prefix, e->name + length), e->rank};
    }
    char *names[] = {
        text_format("%s%s", prefix, head_as_convolution ? "head.fc.weight" : "fc.weight"),
        text_format("%s%s", prefix, head_as_convolution ? "head.fc.bias" : "fc.bias"),
        text_format("%sodd", prefix)};
    /* Every tensor is described before the first one is appended; these come first. */
    CHECK_OK(tensor_writer_describe(w, names[0], SAFETENSORS_F32, head_as_convolution ? 4 : 2, head,
                                    &err));
    CHECK_OK(tensor_writer_describe(w, names[1], SAFETENSORS_F32, 1, head, &err));
    CHECK_OK(tensor_writer_describe(w, names[2], SAFETENSORS_F32, 1, head, &err));
    for (size_t i = 0; i < count; i++)
        CHECK_OK(tensor_writer_describe(w, copies[i].name,
                                        copies[i].from->type == SAFETENSORS_I64 ? SAFETENSORS_I64
                                                                                : SAFETENSORS_F32,
                                        copies[i].rank, copies[i].from->shape, &err));
    CHECK_OK(tensor_writer_append(w, numbers, 18 * sizeof *numbers, &err));
    CHECK_OK(tensor_writer_append(w, numbers, 9 * sizeof *numbers, &err));
    CHECK_OK(tensor_writer_append(w, numbers, 9 * sizeof *numbers, &err));
    for (size_t i = 0; i < count; i++) {
        size_t bytes = tensor_elements(copies[i].from) *
                       (copies[i].from->type == SAFETENSORS_I64 ? sizeof(int64_t) : sizeof(float));
        void *zeros = calloc(1, bytes + 1);
        CHECK_OK(tensor_writer_append(w, zeros, bytes, &err));
        free(zeros);
        free(copies[i].name);
    }
    CHECK_OK(tensor_writer_commit(w, &err));
    for (int i = 0; i < 3; i++)
        free(names[i]);
    free(copies);
    tensor_file_close(file);
    free(path);
}

static const tensor_copy *find_copy(const import_plan *plan, const char *name)
{
    for (int i = 0; i < plan->taken; i++)
        if (strcmp(plan->copies[i].name, name) == 0)
            return &plan->copies[i];
    return NULL;
}

static void backbones_and_their_heads(void **state)
{
    const fixture *f = *state;
    static const char *const prefixes[] = {"", "module.", "module.model."};
    const import_options options = {NULL, NULL};
    error err;
    for (int i = 0; i < 6; i++) {
        import_plan plan;
        bool bit = i >= 3;
        write_backbone(f, bit ? "bit-gate" : "imagenet-sgd", "before.fine_backbone.",
                       prefixes[i % 3], bit);
        CHECK_OK(import_open(f->path, &options, &plan, &err));
        assert_false(plan.whole);
        assert_string_equal(plan.options.backbone, bit ? "tiny_bit" : "tiny");
        assert_int_equal(plan.skipped, 1);
        assert_int_equal(plan.missing, 0);
        assert_non_null(strstr(plan.text, "odd: skipped; tiny"));
        assert_non_null(strstr(plan.text, "[9]"));
        assert_non_null(find_copy(&plan, bit ? "stem.conv.weight" : "conv1.weight"));
        const tensor_copy *head = find_copy(&plan, "fc.weight");
        assert_non_null(head);
        assert_int_equal(head->rank, 2);
        assert_non_null(find_copy(&plan, "fc.bias"));
        import_close(&plan);
    }
}

/* A name may consist of any number of wrappers. */
static void many_wrappers(void **state)
{
    enum { WRAPPERS = 1 << 20, SIZE = 7 };
    const fixture *f = *state;
    const import_options tiny = {"tiny", NULL};
    static const int64_t shape[] = {4, 3, 3, 3};
    static const float values[4 * 3 * 3 * 3];
    import_plan plan;
    error err;
    tensor_writer *w;
    char *name = calloc(WRAPPERS + 2, SIZE);
    assert_non_null(name);
    for (size_t i = 0; i < WRAPPERS; i++)
        memcpy(name + i * SIZE, "module.", SIZE);
    strcpy(name + WRAPPERS * (size_t)SIZE, "conv1.weight");
    CHECK_OK(tensor_writer_create(f->path, &w, &err));
    CHECK_OK(tensor_writer_describe(w, name, SAFETENSORS_F32, 4, shape, &err));
    CHECK_OK(tensor_writer_append(w, values, sizeof values, &err));
    CHECK_OK(tensor_writer_commit(w, &err));
    CHECK_OK(import_open(f->path, &tiny, &plan, &err));
    assert_non_null(find_copy(&plan, "conv1.weight"));
    import_close(&plan);
    free(name);
}

/* The coarse backbone lacks the last stage: it is accepted only if a backbone is named. */
static void a_partial_backbone_must_be_named(void **state)
{
    const fixture *f = *state;
    const import_options plain = {NULL, NULL}, named = {"tiny", NULL}, other = {"resnet18", NULL},
                         wrong = {"resnet99", NULL};
    import_plan plan;
    error err;
    write_backbone(f, "imagenet-sgd", "before.coarse_backbone.", "", false);
    CHECK_FAILS(STATUS_FAILED, "the closest is tiny", import_open(f->path, &plain, &plan, &err));
    assert_non_null(strstr(
        err.message, "layer4.0.conv1.weight: missing; tiny expects it with shape [32, 32, 1, 1]"));
    CHECK_OK(import_open(f->path, &named, &plan, &err));
    assert_int_equal(plan.missing, 20); /* 4 convolutions, and 4 norms of 4 tensors each */
    assert_non_null(find_copy(&plan, "layer3.0.conv3.weight"));
    import_close(&plan);
    CHECK_FAILS(STATUS_FAILED, "the closest is resnet18",
                import_open(f->path, &other, &plan, &err));
    CHECK_FAILS(STATUS_USAGE, "resnet99", import_open(f->path, &wrong, &plan, &err));
    CHECK_FAILS(STATUS_FAILED, "cannot be opened", import_open("/nowhere", &plain, &plan, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_networks),
        cmocka_unit_test(backbones_and_their_heads),
        cmocka_unit_test(many_wrappers),
        cmocka_unit_test(a_partial_backbone_must_be_named),
    };
    return cmocka_run_group_tests_name("import", tests, set_up, support_files_tear_down);
}
