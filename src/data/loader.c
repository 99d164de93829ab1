/* Threads that fill batches ahead of their use; see loader.h.
 *
 * A ring of slots; batch number b lives in slot b % SLOTS. A thread claims the next batch whose
 * slot is empty, fills it without the lock and marks it ready; the reader takes batches in order.
 */
#include "data/loader.h"
#include "base/random.h"
#include "data/image.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 6 };

enum slot_state { SLOT_EMPTY, SLOT_FILLING, SLOT_READY, SLOT_TAKEN };

typedef struct slot {
    batch b;
    size_t capacity; /* of b.pixels */
    enum slot_state state;
    status result;
    error err;
} slot;

struct loader {
    const image_set *set;
    const unsigned *indices;
    size_t count;
    loader_options options;
    size_t pixel_capacity;
    uint32_t *order;
    uint32_t epoch;
    size_t claimed, taken, batches; /* numbers of batches in this epoch */
    unsigned filling;
    bool stopping;
    slot slots[SLOTS];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t *threads;
    int thread_count;
};

static size_t image_bytes(const image_set *set)
{
    return 3 * (size_t)set->width * (size_t)set->height;
}

static augment_place place_of(const loader *from, size_t position)
{
    return (augment_place){from->options.seed, from->epoch, (uint32_t)position,
                           from->options.image_size};
}

static status ensure_room(slot *s, size_t bytes, error *err)
{
    if (bytes <= s->capacity)
        return STATUS_OK;
    unsigned char *grown = realloc(s->b.pixels, bytes);
    if (!grown)
        return error_memory(err, "a batch of images");
    s->b.pixels = grown;
    s->capacity = bytes;
    return STATUS_OK;
}

static status put_pixels(slot *s, const unsigned char *pixels, size_t bytes, pixel_source *image,
                         error *err)
{
    TRY(ensure_room(s, s->b.pixel_bytes + bytes, err));
    memcpy(s->b.pixels + s->b.pixel_bytes, pixels, bytes);
    image->offset = (int32_t)s->b.pixel_bytes;
    s->b.pixel_bytes += bytes;
    return STATUS_OK;
}

static status load_image(const loader *from, size_t index, slot *s, pixel_source *source,
                         error *err)
{
    const image_set *set = from->set;
    source->width = set->width;
    source->height = set->height;
    source->layout = set->layout;
    if (set->pixels)
        return put_pixels(s, set->pixels + index * image_bytes(set), image_bytes(set), source, err);
    image decoded;
    TRY(image_read(set->paths[index], &decoded, err));
    source->width = decoded.width;
    source->height = decoded.height;
    source->layout = PIXELS_INTERLEAVED;
    status result = put_pixels(s, decoded.pixels,
                               3 * (size_t)decoded.width * (size_t)decoded.height, source, err);
    image_free(&decoded);
    return result;
}

static status fill_slot(const loader *from, size_t number, slot *s)
{
    size_t size = (size_t)from->options.batch_size;
    size_t first = number * size;
    size_t left = from->count - first;
    s->b.position = first;
    s->b.pixel_bytes = 0;
    s->b.mix = (batch_mix){0};
    s->b.count = (int)(left < size ? left : size);
    for (int i = 0; i < s->b.count; i++) {
        size_t position = first + (size_t)i;
        size_t index = from->order[position];
        if (from->indices)
            index = from->indices[index];
        pixel_source *image = &s->b.images[i];
        *image = (pixel_source){.cosine = 1};
        TRY(load_image(from, index, s, image, &s->err));
        const augment_place here = place_of(from, position);
        augment_image(&from->options.augment, &here, image);
        s->b.coarse[i] = from->set->coarse[index];
        s->b.fine[i] = from->set->fine[index];
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

/* The most bytes a batch can hold: for files, batch_size of the largest. */
static status measure(loader *from, error *err)
{
    size_t most = image_bytes(from->set);
    for (size_t i = 0; !from->set->pixels && i < from->count; i++) {
        int width, height;
        size_t index = from->indices ? from->indices[i] : i;
        TRY(image_read_size(from->set->paths[index], &width, &height, err));
        size_t bytes = 3 * (size_t)width * (size_t)height;
        most = bytes > most ? bytes : most;
    }
    from->pixel_capacity = most * (size_t)from->options.batch_size;
    if (from->pixel_capacity > INT32_MAX)
        return error_set(err, STATUS_FAILED,
                         "a batch of %d images takes %zu bytes, more than 2 GiB; use a smaller "
                         "--batch-size",
                         from->options.batch_size, from->pixel_capacity);
    return STATUS_OK;
}

static status allocate(loader *from, error *err)
{
    size_t size = (size_t)from->options.batch_size;
    from->order = malloc((from->count ? from->count : 1) * sizeof *from->order);
    from->threads = calloc((size_t)from->options.threads, sizeof *from->threads);
    bool missing = !from->order || !from->threads;
    for (int i = 0; i < SLOTS; i++) {
        batch *b = &from->slots[i].b;
        b->images = calloc(size, sizeof *b->images);
        b->coarse = calloc(size, sizeof *b->coarse);
        b->fine = calloc(size, sizeof *b->fine);
        missing |= !b->images || !b->coarse || !b->fine;
    }
    return missing ? error_memory(err, "the loader") : STATUS_OK;
}

static status start_threads(loader *from, error *err)
{
    for (int i = 0; i < from->options.threads; i++) {
        int code = pthread_create(&from->threads[i], NULL, work, from);
        if (code != 0)
            return error_set(err, STATUS_FAILED, "a loader thread cannot be started: %s",
                             strerror(code));
        from->thread_count++;
    }
    return STATUS_OK;
}

status loader_create(const image_set *set, const unsigned *indices, size_t count,
                     const loader_options *options, loader **created, error *err)
{
    *created = NULL;
    loader *from = calloc(1, sizeof *from);
    if (!from)
        return error_memory(err, "the loader");
    from->set = set;
    from->indices = indices;
    from->count = count;
    from->options = *options;
    pthread_mutex_init(&from->lock, NULL);
    pthread_cond_init(&from->changed, NULL);
    status result = measure(from, err);
    if (result == STATUS_OK)
        result = allocate(from, err);
    if (result == STATUS_OK)
        result = start_threads(from, err);
    if (result == STATUS_OK)
        *created = from;
    else
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
    }
    pthread_cond_destroy(&from->changed);
    pthread_mutex_destroy(&from->lock);
    free(from->threads);
    free(from->order);
    free(from);
}

status loader_start(loader *from, uint32_t epoch, size_t first_batch, error *err)
{
    pthread_mutex_lock(&from->lock);
    /* What an epoch that was left early still has in hand. */
    from->batches = from->claimed = 0;
    while (from->filling > 0)
        pthread_cond_wait(&from->changed, &from->lock);
    for (int i = 0; i < SLOTS; i++)
        from->slots[i].state = SLOT_EMPTY;
    size_t batches = loader_batches(from);
    if (first_batch > batches) {
        pthread_mutex_unlock(&from->lock);
        return error_set(err, STATUS_FAILED, "batch %zu of an epoch of %zu", first_batch, batches);
    }
    from->epoch = epoch;
    if (from->options.shuffle)
        random_permutation(from->options.seed, RANDOM_ORDER, epoch, from->order, from->count);
    else
        for (size_t i = 0; i < from->count; i++)
            from->order[i] = (uint32_t)i;
    from->claimed = from->taken = first_batch;
    from->batches = batches;
    pthread_cond_broadcast(&from->changed);
    pthread_mutex_unlock(&from->lock);
    return STATUS_OK;
}

size_t loader_images(const loader *from)
{
    return from->count;
}

size_t loader_batches(const loader *from)
{
    size_t size = (size_t)from->options.batch_size;
    return (from->count + size - 1) / size;
}

status loader_next(loader *from, const batch **next, error *err)
{
    *next = NULL;
    status result = STATUS_OK;
    pthread_mutex_lock(&from->lock);
    if (from->taken < from->batches) {
        slot *s = &from->slots[from->taken % SLOTS];
        while (s->state != SLOT_READY)
            pthread_cond_wait(&from->changed, &from->lock);
        s->state = SLOT_TAKEN;
        from->taken++;
        result = s->result;
        if (result == STATUS_OK)
            *next = &s->b;
        else
            *err = s->err;
    }
    pthread_mutex_unlock(&from->lock);
    return result;
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
