/* SPDX-License-Identifier: Apache-2.0 */
/* Batches have the same bits for any number of threads, come in order, and can be resumed in the
 * middle of an epoch. */
#include "base/text.h"
#include "data/loader.h"
#include "image_files.h"

#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>

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

/* The images of one epoch, in order. */
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
            assert_int_equal(b->indices[i], b->fine[i]);
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
    CHECK_OK(loader_create((image_subset){set, NULL, set->count}, &options, &made, &err));
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

/* Everything that the device gets for an epoch: descriptions of its images and batches. */
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
    CHECK_OK(loader_create((image_subset){&set, NULL, set.count}, &options, &from, &err));
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

/* The same for any number of threads, and if started in the middle of an epoch. */
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

/* An epoch may be abandoned while batches are held or being filled. */
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

/* ---- Files ---- */

enum { FILES = 9 };

/* Pictures 0 to 8 are 4 + i by 3 pixels, each with a fine class of its own; the first value of
 * picture i is i. */
typedef struct files {
    char *directory;
    image_set set;
} files;

static int make_files(void **state)
{
    static files f;
    error err;
    char name[32];
    f = (files){.directory = check_directory()};
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "%d.png", i);
        image_files_put(f.directory, name, i, 4 + i, 3);
        const pixel_box box = {i % 2, 1 - 10 * (i % 3), 3 + 10 * (i % 2), 3};
        CHECK_OK(
            image_set_append(&f.set, text_format("%s/%s", f.directory, name), 0, i, &box, &err));
    }
    *state = &f;
    return 0;
}

static int remove_files(void **state)
{
    files *f = *state;
    error err;
    image_set_free(&f->set);
    status removed = file_remove_tree(f->directory, &err);
    free(f->directory);
    return removed != STATUS_OK;
}

static void break_files(const files *f, const char *names)
{
    char name[] = "0.png";
    for (const char *at = names; *at; at++) {
        name[0] = *at;
        image_files_text(f->directory, name, "");
    }
}

/* The labels of an epoch as text, with a space between batches: "012 345". */
static status read_labels(loader *from, uint32_t epoch, size_t first, char *text, error *err)
{
    const batch *b;
    TRY(loader_start(from, epoch, first, err));
    for (*text = '\0';;) {
        TRY(loader_next(from, &b, err));
        if (!b)
            return STATUS_OK;
        if (*text)
            strcat(text, " ");
        for (int i = 0; i < b->count; i++) {
            char digit[] = {(char)('0' + b->fine[i]), '\0'};
            strcat(text, digit);
            assert_int_equal(b->images[i].width, 4 + b->fine[i]);
            assert_int_equal(b->indices[i], b->fine[i]); /* also of a replacement */
            assert_int_equal(b->pixels[b->images[i].offset], b->fine[i]);
        }
        loader_recycle(from, b);
    }
}

static void take_note(void *context, const char *text)
{
    const char *dot = strstr(text, ".png");
    char name[] = {dot[-1], '\0'};
    strcat(context, name);
}

typedef struct broken_case {
    const char *broken; /* in addition to those of the cases before */
    int limit;
    bool replace;
    const char *labels, *notes;
} broken_case;

/* In file order and batches of four, with any number of threads. */
static void test_broken_files(void **state)
{
    static const broken_case cases[] = {
        {"", 0, true, "0123 4567 8", ""},
        {"2", 3, true, "0133 4567 8", "2"},
        {"3", 3, true, "0144 4567 8", "23"},
        {"8", 3, true, "0144 4567 0", "238"},
        {"", 3, false, "01 4567", "238"},
        {"01", 5, false, "4567", "01238"},
        {"567", 8, true, "4444 4444 4", "01235678"},
    };
    files *f = *state;
    error err;
    loader *from;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const broken_case *c = &cases[i];
        char labels[64], notes[64] = "";
        bad_images *bad;
        break_files(f, c->broken);
        CHECK_OK(bad_images_create(c->limit, take_note, notes, &bad, &err));
        const loader_options options = {
            .batch_size = 4, .threads = 1 + 2 * (int)i, .bad = bad, .replace = c->replace};
        CHECK_OK(loader_create((image_subset){&f->set, NULL, FILES}, &options, &from, &err));
        for (uint32_t epoch = 0; epoch < 3; epoch++) {
            CHECK_OK(read_labels(from, epoch, 0, labels, &err));
            assert_string_equal(labels, c->labels);
            assert_string_equal(notes, c->notes); /* each is noted once */
        }
        loader_free(from);
        bad_images_free(bad);
    }
}

/* A list may name a file several times. If the file is broken, it counts once, and the images after
 * it fill the batch. */
static void test_broken_file_twice(void **state)
{
    files *f = *state;
    error err;
    loader *from;
    bad_images *bad;
    char labels[64], notes[64] = "";
    static const unsigned indices[] = {2, 4, 5};
    break_files(f, "2");
    free(f->set.paths[4]);
    f->set.paths[4] = text_format("%s", f->set.paths[2]);
    CHECK_OK(bad_images_create(1, take_note, notes, &bad, &err));
    const loader_options options = {.batch_size = 3, .threads = 1, .bad = bad, .replace = true};
    CHECK_OK(loader_create((image_subset){&f->set, indices, 3}, &options, &from, &err));
    CHECK_OK(read_labels(from, 0, 0, labels, &err));
    assert_string_equal(labels, "555");
    assert_string_equal(notes, "2");
    loader_free(from);
    bad_images_free(bad);
}

/* The run ends at the batch with one broken image too many, whichever thread filled it. */
static void test_too_many_broken(void **state)
{
    files *f = *state;
    error err;
    loader *from;
    const batch *b;
    bad_images *bad;
    char notes[16] = "";
    break_files(f, "1678");
    for (int threads = 1; threads < 6; threads++) {
        notes[0] = '\0';
        CHECK_OK(bad_images_create(2, take_note, notes, &bad, &err));
        const loader_options options = {
            .batch_size = 3, .threads = threads, .bad = bad, .replace = threads % 2};
        CHECK_OK(loader_create((image_subset){&f->set, NULL, FILES}, &options, &from, &err));
        CHECK_OK(loader_start(from, 0, 0, &err));
        for (int i = 0; i < 2; i++) {
            CHECK_OK(loader_next(from, &b, &err));
            loader_recycle(from, b);
        }
        CHECK_FAILS(STATUS_FAILED, "3 images cannot be read, and --max-bad allows 2",
                    loader_next(from, &b, &err));
        assert_non_null(strstr(err.message, "/7.png"));
        assert_string_equal(notes, "16");
        loader_free(from);
        bad_images_free(bad);
    }
}

static void test_all_broken(void **state)
{
    files *f = *state;
    error err;
    loader *from;
    const batch *b;
    bad_images *bad;
    break_files(f, "012345678");
    CHECK_OK(bad_images_create(100, NULL, NULL, &bad, &err));
    loader_options options = {.batch_size = 4, .threads = 2, .bad = bad, .replace = true};
    CHECK_OK(loader_create((image_subset){&f->set, NULL, FILES}, &options, &from, &err));
    CHECK_OK(loader_start(from, 0, 0, &err));
    CHECK_FAILS(STATUS_FAILED, "none of the 9 images can be read", loader_next(from, &b, &err));
    loader_free(from);
    options.replace = false;
    CHECK_OK(loader_create((image_subset){&f->set, NULL, FILES}, &options, &from, &err));
    CHECK_OK(loader_start(from, 0, 0, &err));
    CHECK_FAILS(STATUS_FAILED, "none of the 9 images can be read", loader_next(from, &b, &err));
    loader_free(from);
    bad_images_free(bad);
}

/* A file that the process cannot open because it has no descriptor left is not a broken one. */
static void test_no_descriptor(void **state)
{
    files *f = *state;
    error err;
    loader *from;
    const batch *b;
    bad_images *bad;
    struct rlimit all, none;
    CHECK_OK(bad_images_create(100, NULL, NULL, &bad, &err));
    const loader_options options = {.batch_size = 4, .threads = 2, .bad = bad, .replace = true};
    CHECK_OK(loader_create((image_subset){&f->set, NULL, FILES}, &options, &from, &err));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
    none = (struct rlimit){3, all.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    status started = loader_start(from, 0, 0, &err);
    status result = started == STATUS_OK ? loader_next(from, &b, &err) : started;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
    CHECK_FAILS(STATUS_FAILED, "png: cannot be opened: Too many open files", result);
    assert_null(strstr(err.message, "images")); /* "none of the 9 images can be read" */
    loader_free(from);
    bad_images_free(bad);
}

static bool no_threads;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument)
{
    return no_threads ? EAGAIN : __real_pthread_create(thread, attributes, run, argument);
}

/* As when there is no memory for a thread's stack. */
static void test_no_thread(void **state)
{
    files *f = *state;
    error err;
    loader *from;
    const loader_options options = {.batch_size = 4, .threads = 2};
    no_threads = true;
    status result = loader_create((image_subset){&f->set, NULL, FILES}, &options, &from, &err);
    no_threads = false;
    CHECK_FAILS(STATUS_FAILED, "cannot be started: Resource temporarily unavailable; free memory",
                result);
    assert_true(err.shortage);
    assert_null(from);
}

/* Without a list of broken images, the first one is an error. */
static void test_missing_file(void **state)
{
    files *f = *state;
    error err;
    loader *from;
    const batch *b;
    const loader_options options = {.batch_size = 4, .threads = 1};
    assert_int_equal(remove(f->set.paths[5]), 0);
    CHECK_OK(loader_create((image_subset){&f->set, NULL, FILES}, &options, &from, &err));
    CHECK_OK(loader_start(from, 0, 0, &err));
    CHECK_OK(loader_next(from, &b, &err));
    CHECK_FAILS(STATUS_FAILED, "/5.png: cannot be opened", loader_next(from, &b, &err));
    loader_free(from);
}

/* Picture i's box begins at column i % 2, and at row 1 or 0 (-9 or -19 are cut off). It ends at
 * column 3, or at the last column if it is cut off there. */
static void test_boxes(void **state)
{
    files *f = *state;
    error err;
    loader *from;
    const batch *b;
    const loader_options options = {.batch_size = FILES, .threads = 1, .crop = true};
    CHECK_OK(loader_create((image_subset){&f->set, NULL, FILES}, &options, &from, &err));
    CHECK_OK(loader_start(from, 0, 0, &err));
    CHECK_OK(loader_next(from, &b, &err));
    size_t bytes = 0;
    for (int i = 0; i < FILES; i++) {
        const pixel_source *got = &b->images[i];
        int left = i % 2, top = i % 3 == 0, right = i % 2 ? 4 + i : 3;
        assert_int_equal(got->width, right - left);
        assert_int_equal(got->height, 3 - top);
        assert_int_equal(got->offset, bytes);
        for (int y = 0; y < got->height; y++)
            for (int x = 0; x < got->width; x++, bytes += 3)
                assert_int_equal(b->pixels[bytes], i + left + x + 16 * (top + y));
    }
    assert_int_equal(b->pixel_bytes, bytes);
    loader_free(from);
}

static void test_box_outside(void **state)
{
    files *f = *state;
    error err;
    loader *from;
    const batch *b;
    const loader_options options = {.batch_size = 1, .threads = 1, .crop = true};
    f->set.boxes[0] = (pixel_box){4, 0, 20, 3}; /* the picture is four pixels wide */
    CHECK_OK(loader_create((image_subset){&f->set, NULL, FILES}, &options, &from, &err));
    CHECK_OK(loader_start(from, 0, 0, &err));
    CHECK_FAILS(STATUS_FAILED, "/0.png: its box, columns 4 to 20 and rows 0 to 3, contains none",
                loader_next(from, &b, &err));
    loader_free(from);
}

/* Also if resumed in the middle of an epoch, and with broken files. */
static void test_balanced(void **state)
{
    files *f = *state;
    error err;
    loader *from, *again;
    bad_images *bad;
    char whole[64], tail[64];
    const int fine[FILES] = {0, 0, 0, 0, 0, 0, 0, 1, 1};
    int got[2] = {0};
    break_files(f, "4");
    CHECK_OK(bad_images_create(1, NULL, NULL, &bad, &err));
    memcpy(f->set.coarse, fine, sizeof fine); /* read_labels needs a label for each picture */
    image_set set = f->set;
    set.fine = f->set.coarse;
    const loader_options options = {
        .batch_size = 2, .threads = 3, .seed = 3, .balance = true, .bad = bad, .replace = true};
    CHECK_OK(loader_create((image_subset){&set, NULL, FILES}, &options, &from, &err));
    for (uint32_t epoch = 0; epoch < 2; epoch++) { /* 18 images, nine of each class */
        const batch *b;
        CHECK_OK(loader_start(from, epoch, 0, &err));
        for (;;) {
            CHECK_OK(loader_next(from, &b, &err));
            if (!b)
                break;
            for (int i = 0; i < b->count; i++)
                got[b->images[i].width >= 4 + 7]++;
            loader_recycle(from, b);
        }
    }
    assert_in_range(got[0], 8, 10); /* a broken image is replaced by its neighbour in the order */
    assert_int_equal(got[0] + got[1], 2 * FILES);
    loader_free(from);
    /* Here all fine classes differ, so an epoch contains each picture once. */
    CHECK_OK(loader_create((image_subset){&f->set, NULL, FILES}, &options, &from, &err));
    CHECK_OK(loader_create((image_subset){&f->set, NULL, FILES}, &options, &again, &err));
    CHECK_OK(read_labels(from, 0, 0, tail, &err));
    CHECK_OK(read_labels(from, 1, 0, whole, &err));
    CHECK_OK(read_labels(again, 1, 2, tail, &err));
    assert_string_equal(tail, whole + 6);
    loader_free(from);
    loader_free(again);
    bad_images_free(bad);
}

#define files_test(test) cmocka_unit_test_setup_teardown(test, make_files, remove_files)

/* ---- Parts of batches ---- */

/* The images given to the ranks are, together, those of the whole epoch at their places. */
static void test_shares(void **state)
{
    (void)state;
    enum { RANKS = 2 };
    static const char *const augments[] = {"default", "flip,rotate=20,mixup=0.5,cutmix=1"};
    error err;
    image_set set = make_set();
    for (int mixed = 0; mixed < 2; mixed++) {
        loader_options options = {
            .batch_size = BATCH, .threads = 2, .seed = 9, .shuffle = true, .image_size = 4};
        CHECK_OK(augment_parse(augments[mixed], &options.augment, &err));
        assert_int_equal(augment_mixes(&options.augment), mixed);
        orders whole = record_orders(1, augments[mixed], 3, 0);
        int seen = 0;
        for (int rank = 0; rank < RANKS; rank++) {
            loader *from;
            const batch *b;
            size_t given = 0;
            options.share = (share_of){rank, RANKS, mixed};
            CHECK_OK(loader_create((image_subset){&set, NULL, set.count}, &options, &from, &err));
            CHECK_OK(loader_start(from, 3, 0, &err));
            CHECK_OK(loader_next(from, &b, &err));
            while (b) {
                int left = IMAGES - (int)b->position;
                const share part = share_take(&options.share, left < BATCH ? left : BATCH);
                assert_int_equal(b->total, left < BATCH ? left : BATCH);
                assert_int_equal(b->count, part.count);
                assert_memory_equal(&b->mix, &whole.mixes[b->position / BATCH], sizeof b->mix);
                for (int i = 0; i < b->count; i++, seen++, given++) {
                    pixel_source want = whole.images[(int)b->position + share_position(&part, i)];
                    want.offset = b->images[i].offset;
                    assert_memory_equal(&b->images[i], &want, sizeof want);
                }
                loader_recycle(from, b);
                CHECK_OK(loader_next(from, &b, &err));
            }
            assert_int_equal(given, loader_images(from));
            loader_free(from);
        }
        assert_int_equal(seen, IMAGES);
    }
    free_set(&set);
}

/* A rank without images has an epoch without batches, and no error. */
static void test_empty_share(void **state)
{
    (void)state;
    error err;
    loader *from;
    const batch *b;
    image_set set = make_set();
    const loader_options options = {.batch_size = 1, .threads = 1, .share = {0, 2, false}};
    CHECK_OK(loader_create((image_subset){&set, NULL, set.count}, &options, &from, &err));
    assert_int_equal(loader_images(from), 0);
    CHECK_OK(loader_start(from, 0, 0, &err));
    CHECK_OK(loader_next(from, &b, &err));
    assert_null(b);
    loader_free(from);
    free_set(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_change_nothing),
        cmocka_unit_test(test_augmentations),
        cmocka_unit_test(test_every_image_once),
        cmocka_unit_test(test_plain_order),
        cmocka_unit_test(test_resume_in_the_middle),
        cmocka_unit_test(test_leave_early),
        files_test(test_broken_files),
        files_test(test_broken_file_twice),
        files_test(test_too_many_broken),
        files_test(test_all_broken),
        files_test(test_missing_file),
        files_test(test_no_descriptor),
        files_test(test_no_thread),
        files_test(test_boxes),
        files_test(test_box_outside),
        files_test(test_balanced),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_empty_share),
    };
    return cmocka_run_group_tests_name("loader", tests, NULL, NULL);
}
