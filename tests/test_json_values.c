/* SPDX-License-Identifier: Apache-2.0 */
/* json_values.c where it matters: each allocation of Jansson fails once while a file is written or
 * read. Either there is an error and the old file stays, or the file is whole. */
#include "base/file.h"
#include "base/json_values.h"
#include "check.h"
#include "support.h"
#include "track/journal.h"
#include "train/train_options.h"
#include "train/training_state.h"

static long left; /* allocations up to and including the one that fails; 0: none fails */

/* Its blocks are not malloc's, so that a free() of one is noticed. */
enum { HEAD = 16 };

static void *allocate(size_t size)
{
    char *block = left > 0 && --left == 0 ? NULL : malloc(HEAD + size);
    return block ? block + HEAD : NULL;
}

static void release(void *block)
{
    free(block ? (char *)block - HEAD : NULL);
}

/* Before the constructor of json_values.c, like a program that has its own functions. */
__attribute__((constructor(101))) static void install(void)
{
    json_set_alloc_funcs(allocate, release);
}

static const char *path;
static hierarchy classes;

static int set_up(void **state)
{
    static const char *const coarse[] = {"aquatic_mammals", "fruit_and_vegetables"};
    static const char *const fine[] = {"a beaver of the river", "whale", "apple", "sweet_pepper"};
    static const int parents[] = {0, 0, 1, 1};
    error err;
    int result = support_files_set_up(state, "file.safetensors");
    const support_files *files = *state;
    path = files->path;
    CHECK_OK(hierarchy_create(&classes, 2, coarse, 4, fine, parents, &err));
    return result;
}

static int tear_down(void **state)
{
    hierarchy_free(&classes);
    return support_files_tear_down(state);
}

/* ---- Writing ---- */

static status write_tensors(tensor_writer *w, error *err)
{
    static const int64_t shape[] = {2, 1, 3};
    static const float values[6] = {1, 2, 3, 4, 5, 6};
    const network_options network = {.backbone = "wide_resnet_50", .image_size = 32};
    const training_state state = {
        .step = 7, .best_loss = 0.25, .rate = {.lr = 0.1}, .scaling = loss_scale_start()};
    TRY(model_file_describe(w, &network, &classes, err));
    TRY(training_state_write(w, &state, "optimizer.safetensors", err));
    TRY(tensor_writer_describe(w, "coarse_backbone.conv1.weight", SAFETENSORS_F32, 3, shape, err));
    return tensor_writer_append(w, values, sizeof values, err);
}

static status write_checkpoint(error *err)
{
    tensor_writer *w;
    TRY(tensor_writer_create(path, &w, err));
    status result = write_tensors(w, err);
    if (result == STATUS_OK)
        return tensor_writer_commit(w, err);
    tensor_writer_abort(w);
    return result;
}

static status write_config(error *err)
{
    train_options options = train_defaults();
    options.run = "a run";
    options.data = "a directory with a name of some length";
    return config_write(path, &options, err);
}

static status write_map(error *err)
{
    char *text;
    TRY(hierarchy_map_text(&classes, path, &text, err));
    status result = file_write(path, text, strlen(text), err);
    free(text);
    return result;
}

static status write_line(error *err)
{
    journal j;
    metric_line line = {0};
    metric_line_add(&line, NULL, "epoch", METRIC_WHOLE, 1);
    metric_line_add(&line, "train", "fine_top1", METRIC_REAL, 0.5);
    metric_line_add(&line, "validation", "fine_top1", METRIC_REAL, 0.25);
    const journal_mark none = {0};
    TRY(journal_resume(&j, path, &none, 0, err));
    status result = journal_put(&j, &line, err);
    journal_close(&j);
    return result;
}

/* Members that json_pack leaves out if they are NULL, and a copy of which Jansson checks nothing.
 */
static status write_optional(error *err)
{
    json_watch();
    json_t *value = json_pack("{s:s*, s:o*, s:o}", "first", "a text", "second", json_real(0.5),
                              "third", texts_to_json(classes.fine_names, classes.fine_count));
    json_t *copy = json_deep_copy(value);
    json_decref(value);
    return json_write(path, copy, JSON_COMPACT, err);
}

static status (*const writers[])(error *) = {write_checkpoint, write_config, write_map, write_line,
                                             write_optional};

static void expect_file(const unsigned char *bytes, size_t size)
{
    unsigned char *found;
    size_t found_size;
    error err;
    CHECK_OK(file_read(path, 1 << 20, &found, &found_size, &err));
    assert_int_equal(found_size, size);
    assert_memory_equal(found, bytes, size);
    free(found);
}

/* Every write must fail while allocation number n of it fails, for each n. */
static void check_writer(status (*write)(error *))
{
    static const unsigned char old[] = "old\n";
    unsigned char *whole;
    size_t size;
    error err;
    CHECK_OK(file_write(path, "", 0, &err));
    CHECK_OK(write(&err));
    CHECK_OK(file_read(path, 1 << 20, &whole, &size, &err));
    for (long n = 1;; n++) {
        bool appends = write == write_line;
        CHECK_OK(file_write(path, old, appends ? 0 : sizeof old, &err));
        left = n;
        status result = write(&err);
        bool struck = left == 0;
        left = 0;
        if (!struck) {
            CHECK_OK(result);
            assert_true(n > 10);
            break;
        }
        CHECK_FAILS(STATUS_FAILED, "out of memory", result);
        expect_file(old, appends ? 0 : sizeof old);
    }
    expect_file(whole, size);
    free(whole);
}

static void test_writing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof writers / sizeof writers[0]; i++)
        check_writer(writers[i]);
}

/* ---- Reading ---- */

static status read_checkpoint(error *err)
{
    model_file m;
    hierarchy read;
    training_state state;
    char *optimizer;
    TRY(model_file_open(path, &m, err));
    read = m.classes;
    m.classes = (hierarchy){0};
    status result = training_state_read(&m, &state, &optimizer, err);
    model_file_close(&m);
    if (result == STATUS_OK) {
        result = hierarchy_compare(&read, "the file", &classes, "the original", err);
        assert_string_equal(optimizer, "optimizer.safetensors");
        assert_int_equal(state.step, 7);
        free(optimizer);
    }
    hierarchy_free(&read);
    return result;
}

static void test_reading(void **state)
{
    (void)state;
    error err;
    bool struck = true;
    CHECK_OK(write_checkpoint(&err));
    for (long n = 1; struck; n++) {
        left = n;
        status result = read_checkpoint(&err);
        struck = left == 0;
        left = 0;
        if (struck)
            CHECK_FAILS(STATUS_FAILED, "out of memory", result);
        else
            CHECK_OK(result);
        assert_true(struck || n > 100);
    }
}

/* ---- Texts ---- */

static void test_text_is_checked(void **state)
{
    (void)state;
    bool utf8;
    error err;
    CHECK_OK(json_check_text("name", &utf8, &err));
    assert_true(utf8);
    CHECK_OK(json_check_text("\xff", &utf8, &err));
    assert_false(utf8);
    left = 1;
    CHECK_FAILS(STATUS_FAILED, "out of memory", json_check_text("name", &utf8, &err));
    assert_false(json_lost_memory());
    char *text;
    CHECK_FAILS(STATUS_FAILED, "not UTF-8",
                json_to_text(json_string("\xff"), JSON_ENCODE_ANY, "it", &text, &err));
    assert_null(text);
}

/* A failure in the middle of a value is still reported after something else was read in between. */
static void test_reading_in_between(void **state)
{
    (void)state;
    error err;
    char *text;
    json_t *other;
    json_watch();
    left = 1;
    json_t *value = json_pack("{s:o}", "key", text_to_json("value"));
    CHECK_OK(json_from_text("[1]", 3, 0, "it", &other, NULL, &err));
    json_decref(other);
    CHECK_FAILS(STATUS_FAILED, "out of memory", json_to_text(value, 0, "it", &text, &err));
    value = json_pack("{s:o}", "key", text_to_json("value"));
    CHECK_OK(json_to_text(value, JSON_COMPACT, "it", &text, &err));
    assert_string_equal(text, "{\"key\":\"value\"}");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_writing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reading, set_up, tear_down),
        cmocka_unit_test(test_text_is_checked),
        cmocka_unit_test(test_reading_in_between),
    };
    return cmocka_run_group_tests_name("json_values", tests, NULL, NULL);
}
