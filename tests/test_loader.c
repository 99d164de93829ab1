/* Batches: the same bits for any number of threads, in order, resumable in the middle of an epoch.
 */
#include "check.h"
#include "data/loader.h"

enum { IMAGES = 23, BATCH = 5, BATCHES = 5 };

static image_set make_set(void)
{
    image_set set = {.count = IMAGES, .width = 4, .height = 3, .layout = PIXELS_PLANAR};
    set.coarse = calloc(IMAGES, sizeof *set.coarse);
    set.fine = calloc(IMAGES, sizeof *set.fine);
    set.pixels = malloc(IMAGES * 36);
    for (int i = 0; i < IMAGES; i++) {
        set.fine[i] = i;
        set.coarse[i] = i / 4;
        memset(set.pixels + i * 36, i, 36);
    }
    return set;
}

static void free_set(image_set *set)
{
    free(set->coarse);
    free(set->fine);
    free(set->pixels);
}

/* What one epoch gave, in order. */
typedef struct record {
    int count, batches;
    int fine[IMAGES], coarse[IMAGES], pixel[IMAGES], flip[IMAGES];
    float sine[IMAGES];
} record;

static record run_epoch(loader *from, uint32_t epoch, size_t first)
{
    error err;
    record r = {0};
    const batch *b;
    CHECK_OK(loader_start(from, epoch, first, &err));
    for (;;) {
        CHECK_OK(loader_next(from, &b, &err));
        if (!b)
            return r;
        assert_int_equal(b->position, (first + (size_t)r.batches) * BATCH);
        for (int i = 0; i < b->count; i++, r.count++) {
            r.fine[r.count] = b->fine[i];
            r.coarse[r.count] = b->coarse[i];
            r.pixel[r.count] = b->pixels[b->images[i].offset];
            r.flip[r.count] = b->images[i].flip;
            r.sine[r.count] = b->images[i].sine;
        }
        r.batches++;
        loader_recycle(from, b);
    }
}

static loader *make_loader(const image_set *set, int threads, bool shuffle, bool augment)
{
    error err;
    loader *made;
    loader_options options = {
        .batch_size = BATCH, .threads = threads, .seed = 7, .shuffle = shuffle, .image_size = 4};
    CHECK_OK(augment_parse(augment ? "default" : "none", &options.augment, &err));
    CHECK_OK(loader_create(set, NULL, set->count, &options, &made, &err));
    assert_int_equal(loader_batches(made), BATCHES);
    return made;
}

static void test_threads_change_nothing(void **state)
{
    (void)state;
    image_set set = make_set();
    loader *one = make_loader(&set, 1, true, true), *many = make_loader(&set, 7, true, true);
    for (uint32_t epoch = 0; epoch < 20; epoch++) {
        record a = run_epoch(one, epoch, 0), b = run_epoch(many, epoch, 0);
        assert_int_equal(a.count, IMAGES);
        assert_memory_equal(&a, &b, sizeof a);
    }
    loader_free(one);
    loader_free(many);
    free_set(&set);
}

/* All that the device is told of an epoch: descriptions of images, and of batches. */
typedef struct orders {
    pixel_source images[IMAGES];
    batch_mix mixes[BATCHES];
} orders;

static orders record_orders(int threads, const char *augment, uint32_t epoch, size_t first)
{
    error err;
    const batch *b;
    loader *from;
    orders o = {0};
    image_set set = make_set();
    loader_options options = {.batch_size = BATCH, .threads = threads, .seed = 9, .shuffle = true};
    options.image_size = 4;
    CHECK_OK(augment_parse(augment, &options.augment, &err));
    CHECK_OK(loader_create(&set, NULL, set.count, &options, &from, &err));
    CHECK_OK(loader_start(from, epoch, first, &err));
    CHECK_OK(loader_next(from, &b, &err));
    while (b) {
        memcpy(&o.images[b->position], b->images, sizeof(pixel_source) * (size_t)b->count);
        o.mixes[b->position / BATCH] = b->mix;
        loader_recycle(from, b);
        CHECK_OK(loader_next(from, &b, &err));
    }
    loader_free(from);
    free_set(&set);
    return o;
}

/* The same for any number of threads, and from the middle of an epoch on. */
static void test_augmentations(void **state)
{
    (void)state;
    static const char all[] = "crop=2,flip,rotate=20,resized-crop=0.1,cutout=2,mixup=0.2,cutmix=1";
    int mixed = 0, boxed = 0;
    for (uint32_t epoch = 0; epoch < 20; epoch++) {
        orders one = record_orders(1, all, epoch, 0), many = record_orders(7, all, epoch, 0);
        orders tail = record_orders(3, all, epoch, 2);
        assert_memory_equal(&one, &many, sizeof one);
        assert_memory_equal(tail.images + 2 * BATCH, one.images + 2 * BATCH,
                            sizeof(pixel_source) * (IMAGES - 2 * BATCH));
        assert_memory_equal(tail.mixes + 2, one.mixes + 2, sizeof(batch_mix) * (BATCHES - 2));
        for (int i = 0; i < IMAGES; i++)
            assert_true(one.images[i].part_width > 0 && one.images[i].cut_side == 2);
        for (int i = 0; i < BATCHES; i++) {
            mixed += one.mixes[i].partner_share > 0 && one.mixes[i].right == 0;
            boxed += one.mixes[i].right > 0;
        }
    }
    assert_true(mixed > 20 && boxed > 20);
    orders none = record_orders(2, "none", 0, 0);
    for (int i = 0; i < BATCHES; i++)
        assert_true(none.mixes[i].partner_share == 0);
}

static void test_every_image_once(void **state)
{
    (void)state;
    image_set set = make_set();
    loader *from = make_loader(&set, 2, true, true);
    record a = run_epoch(from, 0, 0), b = run_epoch(from, 1, 0);
    int seen[IMAGES] = {0}, turned = 0, flipped = 0;
    for (int i = 0; i < IMAGES; i++) {
        seen[a.fine[i]]++;
        assert_int_equal(a.pixel[i], a.fine[i]);
        assert_int_equal(a.coarse[i], a.fine[i] / 4);
        assert_true(a.sine[i] >= -0.3421f && a.sine[i] <= 0.3421f); /* sin 20 degrees */
        turned += a.sine[i] != 0;
        flipped += a.flip[i];
    }
    for (int i = 0; i < IMAGES; i++)
        assert_int_equal(seen[i], 1);
    assert_true(turned > IMAGES / 2 && flipped > 2 && flipped < IMAGES - 2);
    assert_memory_not_equal(a.fine, b.fine, sizeof a.fine); /* another epoch, another order */
    loader_free(from);
    free_set(&set);
}

static void test_plain_order(void **state)
{
    (void)state;
    image_set set = make_set();
    loader *from = make_loader(&set, 3, false, false);
    record a = run_epoch(from, 4, 0);
    for (int i = 0; i < IMAGES; i++) {
        assert_int_equal(a.fine[i], i);
        assert_int_equal(a.flip[i], 0);
        assert_true(a.sine[i] == 0);
    }
    loader_free(from);
    free_set(&set);
}

static void test_resume_in_the_middle(void **state)
{
    (void)state;
    image_set set = make_set();
    loader *from = make_loader(&set, 3, true, true);
    record whole = run_epoch(from, 2, 0), tail = run_epoch(from, 2, 3);
    assert_int_equal(tail.count, IMAGES - 3 * BATCH);
    assert_memory_equal(tail.fine, whole.fine + 3 * BATCH, sizeof(int) * (size_t)tail.count);
    assert_memory_equal(tail.sine, whole.sine + 3 * BATCH, sizeof(float) * (size_t)tail.count);
    loader_free(from);
    free_set(&set);
}

/* An epoch may be left with batches still held back and being filled. */
static void test_leave_early(void **state)
{
    (void)state;
    error err;
    const batch *b;
    image_set set = make_set();
    loader *from = make_loader(&set, 4, true, false);
    record want = run_epoch(from, 9, 0);
    CHECK_OK(loader_start(from, 1, 0, &err));
    CHECK_OK(loader_next(from, &b, &err));
    record got = run_epoch(from, 9, 0);
    assert_memory_equal(&got, &want, sizeof got);
    loader_free(from);
    free_set(&set);
}

static void test_missing_file(void **state)
{
    (void)state;
    error err;
    char *paths[] = {"no-such-image.png"};
    int label = 0;
    const image_set set = {.count = 1, .coarse = &label, .fine = &label, .paths = paths};
    const loader_options options = {.batch_size = 1, .threads = 1};
    loader *from;
    assert_int_equal(loader_create(&set, NULL, 1, &options, &from, &err), STATUS_FAILED);
    assert_non_null(strstr(err.message, "no-such-image.png"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_change_nothing), cmocka_unit_test(test_augmentations),
        cmocka_unit_test(test_every_image_once),       cmocka_unit_test(test_plain_order),
        cmocka_unit_test(test_resume_in_the_middle),   cmocka_unit_test(test_leave_early),
        cmocka_unit_test(test_missing_file),
    };
    return cmocka_run_group_tests_name("loader", tests, NULL, NULL);
}
