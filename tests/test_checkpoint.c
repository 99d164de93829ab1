/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint.c: a saved checkpoint is read back bit-identical; a file that was cut, changed or
 * written by another program is refused by name, or read without harm. */
#include "base/file.h"
#include "base/tensor_file.h"
#include "base/text.h"
#include "check.h"
#include "model/weights.h"
#include "support.h"
#include "train/checkpoint.h"

#include <math.h>

static const network_options options = {.backbone = "tiny",
                                        .stem = STEM_CIFAR,
                                        .coarse_classes = 2,
                                        .fine_classes = 3,
                                        .image_size = 8,
                                        .batch_size = 2,
                                        .training = true,
                                        .pixel_capacity = 2 * 3 * 8 * 8,
                                        .solver_slots = 1,
                                        .freeze = "none"};

typedef struct fixture {
    device *dev;
    network *net;
    solver *optimizer;
    hierarchy classes;
    char *run, *last;
    training_state state;
} fixture;

static int set_up(void **state)
{
    static const char *const coarse[] = {"a", "b \"quoted\""}, *const fine[] = {"x", "y", "z"};
    fixture *f = support_memory(1, sizeof *f);
    train_options o = train_defaults();
    error err;
    void *dev;
    if (support_open_device(&dev) != 0)
        return -1;
    f->dev = dev;
    f->run = check_directory();
    f->last = text_format("%s/last.safetensors", f->run);
    o.momentum = 0.9;
    CHECK_OK(hierarchy_create(&f->classes, 2, coarse, 3, fine, (const int[]){0, 1, 0}, &err));
    CHECK_OK(network_create(f->dev, &options, &f->net, &err));
    CHECK_OK(network_initialize(f->net, 1, true, &err));
    CHECK_OK(solver_create(f->net, &o, &f->optimizer, &err));
    f->state = (training_state){.step = 12345678901,
                                .epoch = 7,
                                .batch = 3,
                                .scaling = {0.1, 1234, {false, true}},
                                .best_loss = 0.1,
                                .best_epoch = 2,
                                .logged = {JOURNAL_FILE, 99, UINT32_MAX},
                                .terms = {UINT64_MAX, {0.1, 3}, true}};
    f->state.sums = (metrics){.count = 64, .fine_loss = 1.0 / 3, .marginal_loss = 0.7, .agree = 5};
    const schedule_terms terms = {.law = SCHEDULE_DEFAULT, .lr = 0.3, .milestones = "7,13"};
    CHECK_OK(schedule_start(&f->state.rate, &terms, &err));
    CHECK_OK(checkpoint_save(f->run, f->net, &f->classes, f->optimizer, &f->state, true, &err));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    error err;
    void *dev = f->dev;
    file_remove_tree(f->run, &err);
    solver_free(f->optimizer);
    network_free(f->net);
    hierarchy_free(&f->classes);
    free(f->run);
    free(f->last);
    free(f);
    return support_close_device(&dev);
}

static void test_round_trip(void **state)
{
    const fixture *f = *state;
    error err;
    checkpoint info;
    CHECK_OK(checkpoint_open(f->last, &info, &err));
    CHECK_OK(hierarchy_compare(&info.model.classes, "file", &f->classes, "memory", &err));
    assert_string_equal(info.model.options.backbone, "tiny");
    assert_int_equal(info.model.options.stem, STEM_CIFAR);
    assert_int_equal(info.model.options.image_size, 8);
    assert_true(info.state.step == f->state.step);
    assert_int_equal(info.state.epoch, 7);
    assert_int_equal(info.state.batch, 3);
    assert_true(info.state.best_loss == 0.1);
    assert_true(info.state.sums.fine_loss == 1.0 / 3);
    assert_true(info.state.sums.marginal_loss == 0.7);
    assert_null(info.model.options.marginal_parents);
    assert_int_equal(info.state.sums.agree, 5);
    assert_int_equal(info.state.logged.kind, JOURNAL_FILE);
    assert_int_equal(info.state.logged.bytes, 99);
    assert_int_equal(info.state.logged.crc32c, UINT32_MAX);
    assert_true(info.state.rate.lr == 0.3);
    assert_true(isinf(info.state.rate.best));
    assert_true(info.state.scaling.scale == 0.1);
    assert_int_equal(info.state.scaling.good_steps, 1234);
    assert_false(info.state.scaling.overflowed[0]);
    assert_true(info.state.scaling.overflowed[1]);
    assert_int_equal(info.state.rate.milestones[1], 13);
    assert_string_equal(info.optimizer_file, "optimizer-12345678901.safetensors");
    CHECK_OK(model_file_load(&info.model, f->net, &err));
    checkpoint_close(&info);
}

/* A new checkpoint replaces the last one; the best one stays. */
static void test_best_stays(void **state)
{
    fixture *f = *state;
    error err;
    checkpoint info;
    char *best = text_format("%s/best.safetensors", f->run);
    char *old = text_format("%s/optimizer-12345678901.safetensors", f->run);
    assert_true(file_exists(old));
    f->state.step++;
    CHECK_OK(checkpoint_save(f->run, f->net, &f->classes, f->optimizer, &f->state, false, &err));
    CHECK_OK(checkpoint_open(best, &info, &err));
    assert_true(info.state.step == f->state.step - 1);
    checkpoint_close(&info);
    CHECK_OK(checkpoint_open(f->last, &info, &err));
    assert_true(info.state.step == f->state.step);
    checkpoint_close(&info);
    assert_false(file_exists(old));
    free(best);
    free(old);
}

/* Reads data[0..size) as a checkpoint, which must neither crash nor leak. Returns whether it was
 * refused; the error must name the file. */
static bool refused(const fixture *f, const unsigned char *data, size_t size)
{
    error err;
    checkpoint info;
    char *path = text_format("%s/changed.safetensors", f->run);
    CHECK_OK(file_write(path, data, size, &err));
    status result = checkpoint_open(path, &info, &err);
    if (result == STATUS_OK)
        checkpoint_close(&info);
    else
        assert_non_null(strstr(err.message, path));
    free(path);
    return result != STATUS_OK;
}

static void test_damaged(void **state)
{
    const fixture *f = *state;
    error err;
    unsigned char *data;
    size_t size;
    CHECK_OK(file_read(f->last, 1 << 26, &data, &size, &err));
    for (size_t cut = 0; cut < size; cut += cut < 64 ? 1 : size / 50)
        assert_true(refused(f, data, cut));
    char *info = strstr((char *)data + 8, "hcnn.");
    assert_non_null(info);
    size_t key = (size_t)(strstr((char *)data + 8, "crc32c") - (char *)data);
    for (size_t i = 0; i < 1200; i += 3) {
        size_t at = i < 64 ? i : (size_t)(info - (char *)data) + i - 64;
        data[at] ^= 0x11;
        /* If the checksum's key is renamed, the file has no checksum and is otherwise right. */
        assert_true(refused(f, data, size) || (at >= key && at < key + strlen("crc32c")));
        data[at] ^= 0x11;
    }
    for (size_t at = size - 1; at > size / 2; at -= size / 50) {
        data[at] ^= 0x01;
        assert_true(refused(f, data, size));
        data[at] ^= 0x01;
    }
    assert_false(refused(f, data, size));
    free(data);
}

/* One bit of the data is flipped. Opening the checkpoint, loading weights from it and loading the
 * optimizer's state each report it before they change anything. */
static void test_changed_data(void **state)
{
    static const char says[] = "its checksum does not match: it was changed or damaged";
    const fixture *f = *state;
    error err;
    unsigned char *data;
    size_t size;
    char *optimizer = text_format("%s/optimizer-12345678901.safetensors", f->run);
    const char *const files[] = {f->last, optimizer};
    for (int i = 0; i < 2; i++) {
        CHECK_OK(file_read(files[i], 1 << 26, &data, &size, &err));
        data[size - 5] ^= 0x40;
        CHECK_OK(file_write(files[i], data, size, &err));
        free(data);
    }
    const parameter *p = network_parameter(f->net, 0);
    float *before = support_memory(p->count, sizeof *before), *after;
    CHECK_OK(network_parameter_read(f->net, p, before, &err));
    checkpoint info;
    CHECK_FAILS(STATUS_FAILED, says, checkpoint_open(f->last, &info, &err));
    CHECK_FAILS(STATUS_FAILED, says, weights_load(f->net, f->last, false, NULL, &err));
    CHECK_FAILS(
        STATUS_FAILED, says,
        state_file_load(solver_state(f->optimizer), network_device(f->net), optimizer, &err));
    assert_non_null(strstr(err.message, optimizer));
    after = support_memory(p->count, sizeof *after);
    CHECK_OK(network_parameter_read(f->net, p, after, &err));
    assert_same_bits(before, after, p->count);
    free(before);
    free(after);
    free(optimizer);
}

/* The metadata of a valid checkpoint, by piece. */
enum { CLASSES, NETWORK, STATE, RUN, PIECES };
static const char *const names[PIECES] = {"hcnn.classes", "hcnn.network", "hcnn.state", "hcnn.run"};
static const char *const good[PIECES] = {
    "{\"coarse\":[\"a\"],\"fine\":[\"x\"],\"parents\":[0]}",
    "{\"backbone\":\"tiny\",\"stem\":\"cifar\",\"only_fine\":false,\"image_size\":8,"
    "\"freeze\":\"none\"}",
    "{\"step\":7,\"epoch\":1,\"batch\":2,\"sums\":{\"count\":4,\"coarse_loss\":\"0x1p+0\","
    "\"fine_loss\":\"0x1p+1\",\"coarse_top1\":1,\"coarse_top5\":2,\"fine_top1\":3,"
    "\"fine_top5\":4,\"agree\":0},\"schedule\":{\"lr\":\"0x1p-7\",\"best\":\"inf\","
    "\"bad_epochs\":0,\"epoch\":1,\"milestones\":[7,13]},\"best_loss\":\"inf\","
    "\"best_epoch\":0,\"metrics_bytes\":99,\"optimizer_file\":null}",
    "{\"seed\":\"18446744073709551615\",\"coarse_weight\":\"0x1p-1\","
    "\"fine_weight\":\"0x1.8p+1\"}",
};

/* Writes and opens a file with these pieces of metadata; NULL pieces are left out. */
static status read_pieces(const fixture *f, const char *format, const char *const pieces[PIECES],
                          checkpoint *info, error *err)
{
    tensor_writer *writer;
    char *path = text_format("%s/foreign.safetensors", f->run);
    assert_ok(tensor_writer_create(path, &writer, err), err);
    if (format)
        assert_ok(tensor_writer_set_metadata(writer, "hcnn.format", format, err), err);
    for (int i = 0; i < PIECES; i++)
        if (pieces[i])
            assert_ok(tensor_writer_set_metadata(writer, names[i], pieces[i], err), err);
    assert_ok(tensor_writer_commit(writer, err), err);
    status result = checkpoint_open(path, info, err);
    if (result != STATUS_OK)
        assert_non_null(strstr(err->message, path));
    free(path);
    return result;
}

/* The valid file with one piece replaced, or left out if `text` is NULL. */
static status read_with(const fixture *f, int piece, const char *text, checkpoint *info, error *err)
{
    const char *pieces[PIECES];
    memcpy(pieces, good, sizeof pieces);
    pieces[piece] = text;
    return read_pieces(f, "1", pieces, info, err);
}

static void test_terms(void **state)
{
    const fixture *f = *state;
    error err;
    checkpoint info;
    CHECK_OK(checkpoint_open(f->last, &info, &err));
    assert_true(info.state.terms.seed == UINT64_MAX);
    assert_true(info.state.terms.weights.coarse == 0.1);
    assert_true(info.state.terms.weights.fine == 3);
    checkpoint_close(&info);
    CHECK_OK(read_with(f, NETWORK,
                       "{\"backbone\":\"tiny\",\"stem\":\"cifar\",\"only_fine\":true,"
                       "\"image_size\":8,\"freeze\":\"none\",\"coarse_loss\":\"marginal\"}",
                       &info, &err));
    assert_ptr_equal(info.model.options.marginal_parents, info.model.classes.parents);
    checkpoint_close(&info);
    CHECK_OK(read_with(f, RUN, good[RUN], &info, &err));
    assert_null(info.model.options.marginal_parents);
    assert_true(info.state.terms.seed == UINT64_MAX);
    assert_true(info.state.terms.weights.coarse == 0.5 && info.state.terms.weights.fine == 3);
    checkpoint_close(&info);
    /* Written by a version that did not store them. */
    CHECK_OK(read_with(f, RUN, NULL, &info, &err));
    assert_true(info.state.terms.seed == 0);
    assert_true(info.state.terms.weights.coarse == 1 && info.state.terms.weights.fine == 2);
    assert_int_equal(info.state.step, 7);
    assert_int_equal(info.state.rate.milestones[1], 13);
    assert_int_equal(info.state.logged.kind, JOURNAL_UNKNOWN);
    assert_int_equal(info.state.logged.bytes, 99);
    checkpoint_close(&info);
}

/* A model written by import, without anything about its training. */
static void test_model_alone(void **state)
{
    const char *const model[PIECES] = {good[CLASSES], good[NETWORK]};
    const fixture *f = *state;
    error err;
    checkpoint c;
    model_file m;
    run_terms terms;
    char *path = text_format("%s/foreign.safetensors", f->run);
    CHECK_FAILS(STATUS_FAILED, "no training to resume", read_pieces(f, "1", model, &c, &err));
    CHECK_OK(model_file_open(path, &m, &err));
    assert_string_equal(m.options.backbone, "tiny");
    assert_string_equal(m.options.freeze, "none");
    assert_string_equal(m.classes.fine_names[0], "x");
    assert_false(model_file_has(&m, "hcnn.state"));
    CHECK_OK(run_terms_read(&m, &terms, &err));
    assert_true(terms.seed == 0 && terms.weights.coarse == 1 && terms.weights.fine == 2);
    assert_false(terms.crop_boxes);
    CHECK_FAILS(STATUS_FAILED, "contains no weight that fits", model_file_load(&m, f->net, &err));
    model_file_close(&m);
    free(path);
}

static void test_missing_pieces(void **state)
{
    const fixture *f = *state;
    error err;
    checkpoint info;
    CHECK_FAILS(STATUS_FAILED, "hcnn.format", read_pieces(f, NULL, good, &info, &err));
    CHECK_FAILS(STATUS_FAILED, "format 2", read_pieces(f, "2", good, &info, &err));
    for (int i = 0; i < PIECES; i++) {
        if (i != RUN)
            CHECK_FAILS(STATUS_FAILED, names[i], read_with(f, i, NULL, &info, &err));
        CHECK_FAILS(STATUS_FAILED, names[i], read_with(f, i, "[", &info, &err));
        CHECK_FAILS(STATUS_FAILED, names[i], read_with(f, i, "[]", &info, &err));
        CHECK_FAILS(STATUS_FAILED, names[i], read_with(f, i, "{}", &info, &err));
    }
}

/* Every key of every piece is renamed in turn; the error names the missing key. */
static void test_missing_keys(void **state)
{
    const fixture *f = *state;
    error err;
    checkpoint info;
    int count = 0;
    for (int i = 0; i < PIECES; i++)
        for (const char *end = good[i]; (end = strstr(end, "\":")); end++, count++) {
            char key[32], *changed = strdup(good[i]), *says;
            const char *start = end;
            while (start[-1] != '"')
                start--;
            snprintf(key, sizeof key, "%.*s", (int)(end - start), start);
            changed[start - good[i]] = '~';
            says = text_format("'%s' is missing", key);
            CHECK_FAILS(STATUS_FAILED, says, read_with(f, i, changed, &info, &err));
            assert_non_null(strstr(err.message, names[i]));
            free(says);
            free(changed);
        }
    assert_int_equal(count, 3 + 5 + 9 + 8 + 5 + 3);
}

static void test_foreign(void **state)
{
    static const struct {
        int piece;
        const char *from, *to, *says;
    } cases[] = {
        {CLASSES, "[\"a\"]", "[]", "0 coarse"},
        {CLASSES, "[\"a\"]", "\"a\"", "'coarse' is not"},
        {CLASSES, "[\"x\"]", "[1]", "'fine' is not"},
        {CLASSES, "[0]", "[]", "'parents' is not"},
        {CLASSES, "[0]", "[4294967296]", "'parents' is not"},
        {CLASSES, "[0]", "[\"0\"]", "'parents' is not"},
        {CLASSES, "[0]", "[1]", "coarse class 1"},
        {NETWORK, "\"tiny\"", "\"huge\"", "'backbone' is not"},
        {NETWORK, "\"cifar\"", "\"mnist\"", "'stem' is not"},
        {NETWORK, "false", "0", "'only_fine' is not"},
        {NETWORK, "8", "0", "'image_size' is not"},
        {NETWORK, "8", "8.5", "'image_size' is not"},
        {NETWORK, "8", "3000000000", "'image_size' is not"},
        {NETWORK, "\"none\"", "null", "'freeze' is not"},
        {NETWORK, "\"none\"", "\"none\",\"fusion\":\"sum\"", "'fusion' is not"},
        {NETWORK, "\"none\"", "\"none\",\"shared_trunk\":1", "'shared_trunk' is not"},
        {NETWORK, "\"none\"", "\"none\",\"coarse_stages\":5", "'coarse_stages' is not"},
        {NETWORK, "\"none\"", "\"none\",\"coarse_loss\":\"tail\"", "'coarse_loss' is not"},
        {STATE, "\"agree\":0", "\"agree\":0,\"marginal_loss\":1", "'marginal_loss' is not"},
        {STATE, "7", "-7", "'step' is not"},
        {STATE, "7", "9223372036854775807", "'step' is not"},
        {STATE, "7", "9007199254740993", "'step' is not"},
        {STATE, "\"epoch\":1", "\"epoch\":4294967295", "'epoch' is not"},
        {STATE, "\"epoch\":1,\"milestones", "\"epoch\":2147483647,\"milestones", "'epoch' is not"},
        {STATE, "\"best_epoch\":0", "\"best_epoch\":2147483647", "'best_epoch' is not"},
        {STATE, "\"count\":4", "\"count\":9223372036854775807", "'count' is not"},
        {STATE, "\"batch\":2", "\"batch\":true", "'batch' is not"},
        {STATE, "\"batch\":2", "\"batch\":2,\"batch\":3", "hcnn.state"},
        {STATE, "0x1p+0", "0x1p+0 ", "'coarse_loss' is not"},
        {STATE, "\"0x1p+0\"", "1", "'coarse_loss' is not"},
        {STATE, "0x1p+1", "nan", "'fine_loss' is not"},
        {STATE, "0x1p+1", "inf", "'fine_loss' is not"},
        {STATE, "\"agree\":0", "\"agree\":null", "'agree' is not"},
        {STATE, "0x1p-7", "", "'lr' is not"},
        {STATE, "0x1p-7", "0x0p+0", "'lr' is not"},
        {STATE, "\"best\":\"inf\"", "\"best\":\"-inf\"", "'best' is not"},
        {STATE, "\"bad_epochs\":0", "\"bad_epochs\":-1", "'bad_epochs' is not"},
        {STATE, "\"bad_epochs\":0", "\"bad_epochs\":2147483647", "'bad_epochs' is not"},
        {STATE, "[7,13]", "[7,\"13\"]", "'milestones' is not"},
        {STATE, "[7,13]", "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]", "'milestones' is not"},
        {STATE, "[7,13]", "{}", "'milestones' is not"},
        {STATE, "99", "99,\"metrics_crc32c\":4294967296", "'metrics_crc32c' is not"},
        {STATE, "99", "99,\"metrics_kind\":\"socket\"", "'metrics_kind' is not"},
        {STATE, "null", "1", "'optimizer_file' is not"},
        {STATE, "null", "\"../../secret\"", "outside the run directory"},
        {RUN, "18446744073709551615", "18446744073709551616", "'seed' is not"},
        {RUN, "18446744073709551615", "-1", "'seed' is not"},
        {RUN, "0x1p-1", "-0x1p-1", "'coarse_weight' is not"},
        {RUN, "0x1.8p+1", "much", "'fine_weight' is not"},
    };
    const fixture *f = *state;
    error err;
    checkpoint info;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *text = good[cases[i].piece], *at = strstr(text, cases[i].from);
        assert_non_null(at);
        char *changed = text_format("%.*s%s%s", (int)(at - text), text, cases[i].to,
                                    at + strlen(cases[i].from));
        CHECK_FAILS(STATUS_FAILED, cases[i].says,
                    read_with(f, cases[i].piece, changed, &info, &err));
        assert_non_null(strstr(err.message, names[cases[i].piece]));
        free(changed);
    }
}

/* A class name that JSON cannot represent is an error; no checkpoint is written without it. */
static void test_unwritable_name(void **state)
{
    fixture *f = *state;
    error err;
    /* hierarchy_create refuses names like this one. */
    free(f->classes.fine_names[0]);
    f->classes.fine_names[0] = text_format("caf\xe9");
    CHECK_FAILS(STATUS_FAILED, "not UTF-8",
                checkpoint_save(f->run, f->net, &f->classes, f->optimizer, &f->state, false, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_best_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_changed_data, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_terms, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_model_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_missing_pieces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_missing_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unwritable_name, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("checkpoint", tests, NULL, NULL);
}
