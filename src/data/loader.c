/* SPDX-License-Identifier: Apache-2.0 */
/* Threads fill batches before they are used; see loader.h.
 *
 * The batches are in a ring of slots; batch number b uses slot b % SLOTS. A thread claims the next
 * batch whose slot is empty, fills it without the lock and marks it ready. The reader takes batches
 * in order. */
#include "data/loader.h"
#include "base/random.h"
#include "data/balance.h"
#include "data/image.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 6 };

enum slot_state { SLOT_EMPTY, SLOT_FILLING, SLOT_READY, SLOT_TAKEN };

typedef struct slot {
    batch b;
    size_t capacity; /* bytes of b.pixels */
    enum slot_state state;
    status result;
    error err;
    json_t *bad; /* the paths that could not be read, in order, each with the reason */
} slot;

struct loader {
    image_subset of;
    loader_options options;
    size_t part_size; /* maximum number of images in this rank's part of a batch */
    size_t pixel_capacity;
    uint32_t *order;
    balance *even; /* NULL unless options.balance */
    uint32_t epoch;
    size_t claimed, taken, batches; /* numbers of batches in this epoch */
    bool empty; /* the epoch began with its first batch, and none has been handed out so far */
    unsigned filling;
    bool stopping;
    slot slots[SLOTS];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t *threads;
    int thread_count;
};

static size_t image_bytes(int width, int height)
{
    return 3 * (size_t)width * (size_t)height;
}

static augment_place place_of(const loader *from, size_t position)
{
    return (augment_place){from->options.seed, from->epoch, (uint32_t)position,
                           from->options.image_size};
}

/* Makes room for an image's pixels in the batch. The source has the image's size and gets its
 * offset. */
static status add_room(slot *s, pixel_source *image, unsigned char **to, error *err)
{
    size_t bytes = image_bytes(image->width, image->height), begin = s->b.pixel_bytes;
    if (bytes > INT32_MAX - begin)
        return error_set(err, STATUS_FAILED,
                         "the images of one batch take more than 2 GiB; use a smaller "
                         "--batch-size or smaller images");
    if (begin + bytes > s->capacity) {
        unsigned char *grown = realloc(s->b.pixels, begin + bytes);
        TRY(got_memory(grown, err, "a batch of images"));
        s->b.pixels = grown;
        s->capacity = begin + bytes;
    }
    *to = s->b.pixels + begin;
    image->offset = (int32_t)begin;
    s->b.pixel_bytes += bytes;
    return STATUS_OK;
}

/* Clips a box to a width x height image; the result may be empty. */
static pixel_box clip(pixel_box box, int width, int height)
{
    return (pixel_box){box.left > 0 ? box.left : 0, box.top > 0 ? box.top : 0,
                       box.right < width ? box.right : width,
                       box.bottom < height ? box.bottom : height};
}

static status put_box(slot *s, const image *from, pixel_box box, pixel_source *source, error *err)
{
    unsigned char *to;
    source->width = box.right - box.left;
    source->height = box.bottom - box.top;
    source->layout = PIXELS_INTERLEAVED;
    TRY(add_room(s, source, &to, err));
    size_t row = 3 * (size_t)source->width;
    for (int y = box.top; y < box.bottom; y++, to += row)
        memcpy(to, from->pixels + 3 * ((size_t)y * (size_t)from->width + (size_t)box.left), row);
    return STATUS_OK;
}

/* Records a file that cannot be read, once per batch; err says why. */
static status add_bad(slot *s, const char *path, error *err)
{
    if (json_object_get(s->bad, path))
        return STATUS_OK;
    int code = json_object_set_new_nocheck(s->bad, path, json_string_nocheck(err->message));
    return got_memory(code == 0, err, "a batch of images");
}

/* Decodes a file and finds the part of it to use. */
static status read_image(const loader *from, size_t index, image *decoded, pixel_box *box,
                         error *err)
{
    const image_set *set = from->of.set;
    TRY(image_read(set->paths[index], decoded, err));
    *box = (pixel_box){0, 0, decoded->width, decoded->height};
    if (!from->options.crop || !set->boxes)
        return STATUS_OK;
    const pixel_box b = set->boxes[index];
    *box = clip(b, decoded->width, decoded->height);
    if (box->left < box->right && box->top < box->bottom)
        return STATUS_OK;
    status result = error_set(
        err, STATUS_FAILED,
        "%s: its box, columns %d to %d and rows %d to %d, contains none of its %dx%d pixels",
        set->paths[index], b.left, b.right, b.top, b.bottom, decoded->width, decoded->height);
    image_free(decoded);
    return result;
}

/* *loaded is false if the file cannot be read and the slot has recorded that. */
static status load_file(const loader *from, size_t index, slot *s, pixel_source *source,
                        bool *loaded, error *err)
{
    image decoded;
    pixel_box box;
    status result = read_image(from, index, &decoded, &box, err);
    *loaded = result == STATUS_OK;
    if (!*loaded)
        return from->options.bad && !err->shortage ? add_bad(s, from->of.set->paths[index], err)
                                                   : result;
    result = put_box(s, &decoded, box, source, err);
    image_free(&decoded);
    return result;
}

static status load_image(const loader *from, size_t index, slot *s, pixel_source *source,
                         bool *loaded, error *err)
{
    const image_set *set = from->of.set;
    unsigned char *to;
    if (!set->pixels)
        return load_file(from, index, s, source, loaded, err);
    *loaded = true;
    source->width = set->width;
    source->height = set->height;
    source->layout = set->layout;
    TRY(add_room(s, source, &to, err));
    size_t bytes = image_bytes(set->width, set->height);
    memcpy(to, set->pixels + index * bytes, bytes);
    return STATUS_OK;
}

static size_t index_at(const loader *from, size_t position)
{
    return image_subset_at(&from->of, from->order[position]);
}

/* Loads the image for a position of the epoch, or the one that replaces it. Stops looking once the
 * batch has more broken images than the run allows: recording them ends the run. */
static status load_position(const loader *from, size_t position, slot *s, pixel_source *source,
                            size_t *index, bool *loaded, error *err)
{
    size_t tries = from->options.replace ? from->of.count : 1;
    *loaded = false;
    for (size_t i = 0; i < tries && !*loaded; i++) {
        if (from->options.bad && json_object_size(s->bad) > bad_images_limit(from->options.bad))
            return STATUS_OK;
        *index = index_at(from, (position + i) % from->of.count);
        TRY(load_image(from, *index, s, source, loaded, err));
    }
    if (!*loaded && from->options.replace)
        return error_prefix(err, STATUS_FAILED, "none of the %zu images can be read; the last",
                            from->of.count);
    return STATUS_OK;
}

static status fill_slot(const loader *from, size_t number, slot *s)
{
    size_t size = (size_t)from->options.batch_size;
    size_t first = number * size;
    size_t left = from->of.count - first;
    int total = (int)(left < size ? left : size);
    const share part = share_take(&from->options.share, total);
    s->b.position = first;
    s->b.total = total;
    s->b.pixel_bytes = 0;
    s->b.mix = (batch_mix){0};
    s->b.count = 0;
    json_object_clear(s->bad);
    for (int i = 0; i < part.count; i++) {
        size_t index, position = first + (size_t)share_position(&part, i);
        bool loaded;
        pixel_source *image = &s->b.images[s->b.count];
        *image = (pixel_source){.cosine = 1};
        TRY(load_position(from, position, s, image, &index, &loaded, &s->err));
        if (!loaded)
            continue;
        const augment_place here = place_of(from, position);
        augment_image(&from->options.augment, &here, image);
        s->b.indices[s->b.count] = index;
        s->b.coarse[s->b.count] = from->of.set->coarse[index];
        s->b.fine[s->b.count++] = from->of.set->fine[index];
    }
    const augment_place start = place_of(from, first);
    augment_batch(&from->options.augment, &start, &s->b.mix);
    return STATUS_OK;
}

static bool has_work(const loader *from)
{
    return from->claimed < from->batches && from->slots[from->claimed % SLOTS].state == SLOT_EMPTY;
}

static void *work(void *argument)
{
    loader *from = argument;
    pthread_mutex_lock(&from->lock);
    for (;;) {
        while (!from->stopping && !has_work(from))
            pthread_cond_wait(&from->changed, &from->lock);
        if (from->stopping)
            break;
        size_t number = from->claimed++;
        slot *s = &from->slots[number % SLOTS];
        s->state = SLOT_FILLING;
        from->filling++;
        pthread_mutex_unlock(&from->lock);
        status result = fill_slot(from, number, s);
        pthread_mutex_lock(&from->lock);
        s->result = result;
        s->state = SLOT_READY;
        from->filling--;
        pthread_cond_broadcast(&from->changed);
    }
    pthread_mutex_unlock(&from->lock);
    return NULL;
}

/* Estimates the bytes of a batch; for files, from the largest of a few, without their boxes. */
static void measure(loader *from)
{
    enum { ASKED = 64 };
    error ignored;
    size_t most = image_bytes(from->of.set->width, from->of.set->height),
           step = from->of.count / ASKED + 1;
    for (size_t i = 0; !from->of.set->pixels && i < from->of.count; i += step) {
        int width, height;
        if (image_read_size(from->of.set->paths[image_subset_at(&from->of, i)], &width, &height,
                            &ignored) != STATUS_OK)
            continue;
        size_t bytes = image_bytes(width, height);
        most = bytes > most ? bytes : most;
    }
    most = most ? most : 1;
    from->pixel_capacity = most > INT32_MAX / from->part_size ? INT32_MAX : most * from->part_size;
}

static status allocate(loader *from, error *err)
{
    size_t size = from->part_size;
    from->order = malloc((from->of.count ? from->of.count : 1) * sizeof *from->order);
    from->threads = calloc((size_t)from->options.threads, sizeof *from->threads);
    bool missing = !from->order || !from->threads;
    for (int i = 0; i < SLOTS; i++) {
        batch *b = &from->slots[i].b;
        b->images = calloc(size, sizeof *b->images);
        b->coarse = calloc(size, sizeof *b->coarse);
        b->fine = calloc(size, sizeof *b->fine);
        b->indices = calloc(size, sizeof *b->indices);
        from->slots[i].bad = json_object();
        missing |= !b->images || !b->coarse || !b->fine || !b->indices || !from->slots[i].bad;
    }
    TRY(got_memory(!missing, err, "the loader"));
    return from->options.balance ? balance_create(from->of, &from->even, err) : STATUS_OK;
}

static status start_threads(loader *from, error *err)
{
    for (int i = 0; i < from->options.threads; i++) {
        int code = pthread_create(&from->threads[i], NULL, work, from);
        if (code != 0)
            return error_start(err, "a thread that loads images", code);
        from->thread_count++;
    }
    return STATUS_OK;
}

status loader_create(image_subset of, const loader_options *options, loader **created, error *err)
{
    *created = NULL;
    loader *from = malloc(sizeof *from);
    TRY(got_memory(from, err, "the loader"));
    const int most = share_most(&options->share, options->batch_size);
    *from = (loader){.of = of, .options = *options, .part_size = most > 0 ? (size_t)most : 1};
    pthread_mutex_init(&from->lock, NULL);
    pthread_cond_init(&from->changed, NULL);
    measure(from);
    status result;
    TRY_OR_DONE(allocate(from, err));
    TRY_OR_DONE(start_threads(from, err));
    *created = from;
    return STATUS_OK;
done:
    loader_free(from);
    return result;
}

void loader_free(loader *from)
{
    if (!from)
        return;
    pthread_mutex_lock(&from->lock);
    from->stopping = true;
    pthread_cond_broadcast(&from->changed);
    pthread_mutex_unlock(&from->lock);
    for (int i = 0; i < from->thread_count; i++)
        pthread_join(from->threads[i], NULL);
    for (int i = 0; i < SLOTS; i++) {
        free(from->slots[i].b.pixels);
        free(from->slots[i].b.images);
        free(from->slots[i].b.coarse);
        free(from->slots[i].b.fine);
        free(from->slots[i].b.indices);
        json_decref(from->slots[i].bad);
    }
    balance_free(from->even);
    pthread_cond_destroy(&from->changed);
    pthread_mutex_destroy(&from->lock);
    free(from->threads);
    free(from->order);
    free(from);
}

status loader_start(loader *from, uint32_t epoch, size_t first_batch, error *err)
{
    size_t batches = loader_batches(from);
    if (first_batch > batches)
        return error_set(err, STATUS_FAILED, "batch %zu is beyond an epoch of %zu batches",
                         first_batch, batches);
    pthread_mutex_lock(&from->lock);
    /* Abandons the rest of an epoch that was not read to its end. */
    from->batches = from->claimed = 0;
    while (from->filling > 0)
        pthread_cond_wait(&from->changed, &from->lock);
    for (int i = 0; i < SLOTS; i++)
        from->slots[i].state = SLOT_EMPTY;
    from->epoch = epoch;
    if (from->even)
        balance_order(from->even, from->options.seed, epoch, from->order);
    else if (from->options.shuffle)
        random_permutation(from->options.seed, RANDOM_ORDER, epoch, from->order, from->of.count);
    else
        for (size_t i = 0; i < from->of.count; i++)
            from->order[i] = (uint32_t)i;
    from->claimed = from->taken = first_batch;
    from->empty = first_batch == 0 && batches > 0 && from->options.share.ranks <= 1;
    from->batches = batches;
    pthread_cond_broadcast(&from->changed);
    pthread_mutex_unlock(&from->lock);
    return STATUS_OK;
}

size_t loader_images(const loader *from)
{
    size_t size = (size_t)from->options.batch_size;
    int whole = share_take(&from->options.share, (int)size).count;
    int rest = share_take(&from->options.share, (int)(from->of.count % size)).count;
    return from->of.count / size * (size_t)whole + (size_t)rest;
}

size_t loader_batches(const loader *from)
{
    size_t size = (size_t)from->options.batch_size;
    return (from->of.count + size - 1) / size;
}

/* Waits for the next batch and returns its slot; NULL after the last batch. */
static slot *take_slot(loader *from)
{
    slot *taken = NULL;
    pthread_mutex_lock(&from->lock);
    if (from->taken < from->batches) {
        taken = &from->slots[from->taken % SLOTS];
        while (taken->state != SLOT_READY)
            pthread_cond_wait(&from->changed, &from->lock);
        taken->state = SLOT_TAKEN;
        from->taken++;
    }
    pthread_mutex_unlock(&from->lock);
    return taken;
}

/* Called when a batch is taken, not by the threads that fill batches, so that the order of the
 * broken images does not depend on them. */
static status note_bad(const loader *from, const slot *s, error *err)
{
    const char *path;
    json_t *why;
    json_object_foreach(s->bad, path, why)
    {
        TRY(bad_images_add(from->options.bad, path, json_string_value(why), err));
    }
    return STATUS_OK;
}

status loader_next(loader *from, const batch **next, error *err)
{
    slot *s;
    *next = NULL;
    while ((s = take_slot(from))) {
        TRY(note_bad(from, s, err));
        if (s->result != STATUS_OK) {
            *err = s->err;
            return s->result;
        }
        if (s->b.count > 0) {
            from->empty = false;
            *next = &s->b;
            return STATUS_OK;
        }
        loader_recycle(from, &s->b);
    }
    if (from->empty)
        return error_set(err, STATUS_FAILED, "none of the %zu images can be read; the last is %s",
                         from->of.count, from->of.set->paths[index_at(from, from->of.count - 1)]);
    return STATUS_OK;
}

void loader_recycle(loader *from, const batch *used)
{
    pthread_mutex_lock(&from->lock);
    for (int i = 0; i < SLOTS; i++)
        if (&from->slots[i].b == used)
            from->slots[i].state = SLOT_EMPTY;
    pthread_cond_broadcast(&from->changed);
    pthread_mutex_unlock(&from->lock);
}

size_t loader_pixel_capacity(const loader *from)
{
    return from->pixel_capacity;
}
