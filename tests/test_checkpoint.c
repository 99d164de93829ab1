/* checkpoint.c: what was saved comes back to the bit, and a file that was cut, changed or made by
 * somebody else never does more than fail by name. */
#include "base/file.h"
#include "base/safetensors.h"
#include "check.h"
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
    f->last = file_path("%s/last.safetensors", f->run);
    o.momentum = 0.9;
    CHECK_OK(hierarchy_create(&f->classes, 2, coarse, 3, fine, (const int[]){0, 1, 0}, &err));
    CHECK_OK(network_create(f->dev, &options, &f->net, &err));
    CHECK_OK(network_initialize(f->net, 1, true, &err));
    CHECK_OK(solver_create(f->net, &o, &f->optimizer, &err));
    f->state = (training_state){.step = 12345678901,
                                .epoch = 7,
                                .batch = 3,
                                .best_loss = 0.1,
                                .best_epoch = 2,
                                .metrics_bytes = 99};
    f->state.sums = (metrics){.count = 64, .fine_loss = 1.0 / 3, .agree = 5};
    schedule_start(&f->state.rate, 0.3, (const int[]){7, 13}, 2);
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
    checkpoint_info info;
    CHECK_OK(checkpoint_read_info(f->last, &info, &err));
    CHECK_OK(hierarchy_compare(&info.classes, "file", &f->classes, "memory", &err));
    assert_string_equal(info.options.backbone, "tiny");
    assert_int_equal(info.options.stem, STEM_CIFAR);
    assert_int_equal(info.options.image_size, 8);
    assert_true(info.state.step == f->state.step);
    assert_int_equal(info.state.epoch, 7);
    assert_int_equal(info.state.batch, 3);
    assert_true(info.state.best_loss == 0.1);
    assert_true(info.state.sums.fine_loss == 1.0 / 3);
    assert_int_equal(info.state.sums.agree, 5);
    assert_true(info.state.rate.lr == 0.3);
    assert_true(isinf(info.state.rate.best));
    assert_int_equal(info.state.rate.milestones[1], 13);
    assert_string_equal(info.optimizer_file, "optimizer-12345678901.safetensors");
    checkpoint_free_info(&info);
    CHECK_OK(checkpoint_load(f->last, f->net, &err));
}

/* A later checkpoint takes the place of the last; the best stays what it was. */
static void test_best_stays(void **state)
{
    fixture *f = *state;
    error err;
    checkpoint_info info;
    char *best = file_path("%s/best.safetensors", f->run);
    char *old = file_path("%s/optimizer-12345678901.safetensors", f->run);
    char *left = file_path("%s/last.safetensors.tmp-1", f->run); /* by a kill */
    CHECK_OK(file_write(left, "half", 4, &err));
    assert_true(file_exists(old));
    f->state.step++;
    CHECK_OK(checkpoint_save(f->run, f->net, &f->classes, f->optimizer, &f->state, false, &err));
    CHECK_OK(checkpoint_read_info(best, &info, &err));
    assert_true(info.state.step == f->state.step - 1);
    checkpoint_free_info(&info);
    CHECK_OK(checkpoint_read_info(f->last, &info, &err));
    assert_true(info.state.step == f->state.step);
    checkpoint_free_info(&info);
    assert_false(file_exists(old));
    assert_false(file_exists(left));
    free(left);
    free(best);
    free(old);
}

/* Reads a file made of data[0..size) as a checkpoint; good or bad, it ends, and leaves nothing
 * behind. Returns whether it was refused, by name. */
static bool refused(const fixture *f, const unsigned char *data, size_t size)
{
    error err;
    checkpoint_info info;
    char *path = file_path("%s/changed.safetensors", f->run);
    CHECK_OK(file_write(path, data, size, &err));
    status result = checkpoint_read_info(path, &info, &err);
    if (result == STATUS_OK)
        checkpoint_free_info(&info);
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
    for (size_t i = 0; i < 1200; i += 3) {
        size_t at = i < 64 ? i : (size_t)(info - (char *)data) + i - 64;
        data[at] ^= 0x11;
        refused(f, data, size);
        data[at] ^= 0x11;
    }
    assert_false(refused(f, data, size));
    free(data);
}

/* A file with these pieces of metadata instead of ours. */
static void expect_refusal(const fixture *f, const char *classes, const char *net,
                           const char *training, const char *says)
{
    error err;
    safetensors_writer *writer;
    checkpoint_info info;
    char *path = file_path("%s/foreign.safetensors", f->run);
    CHECK_OK(safetensors_create(path, &writer, &err));
    CHECK_OK(safetensors_set_metadata(writer, "hcnn.format", "1", &err));
    if (classes)
        CHECK_OK(safetensors_set_metadata(writer, "hcnn.classes", classes, &err));
    CHECK_OK(safetensors_set_metadata(writer, "hcnn.network", net, &err));
    CHECK_OK(safetensors_set_metadata(writer, "hcnn.state", training, &err));
    CHECK_OK(safetensors_commit(writer, &err));
    CHECK_FAILS(STATUS_FAILED, says, checkpoint_read_info(path, &info, &err));
    assert_non_null(strstr(err.message, path));
    free(path);
}

static void test_foreign(void **state)
{
    const fixture *f = *state;
    static const char classes[] = "{\"coarse\":[\"a\"],\"fine\":[\"x\"],\"parents\":[0]}";
    static const char net[] = "{\"backbone\":\"tiny\",\"stem\":\"cifar\",\"only_fine\":false,"
                              "\"image_size\":8,\"freeze\":\"none\"}";
    expect_refusal(f, NULL, net, "{}", "hcnn.classes");
    expect_refusal(f, "[", net, "{}", "hcnn.classes");
    expect_refusal(f, "{}", net, "{}", "hcnn.classes");
    expect_refusal(f, "{\"coarse\":[\"a\"],\"fine\":[\"x\"],\"parents\":[1]}", net, "{}",
                   "coarse class 1");
    expect_refusal(f, "{\"coarse\":[\"a\"],\"fine\":[\"x\"],\"parents\":[]}", net, "{}",
                   "hcnn.classes");
    expect_refusal(f, classes, "{}", "{}", "hcnn.network");
    expect_refusal(f, classes, net, "{\"optimizer_file\":\"../../secret\"}",
                   "outside its directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_best_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("checkpoint", tests, NULL, NULL);
}
