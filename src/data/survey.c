/* SPDX-License-Identifier: Apache-2.0 */
/* Examines every image file, in threads; see survey.h. */
#include "data/survey.h"
#include "base/array.h"
#include "data/image.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_THREADS = 64, CHUNK = 16, WAIT_NANOSECONDS = 100 * 1000 * 1000 };

/* An image and what was found out about it. */
typedef struct finding {
    const image_set *set;
    enum dataset_part part;
    size_t index;
    int width, height;
    char *message; /* NULL unless it is broken */
} finding;

typedef struct work {
    const survey_options *options;
    finding *findings; /* [count], in the order of parts and files */
    size_t count, next, done;
    int running;
    bool failed;
    error err; /* of the first thread that failed */
    pthread_mutex_t lock;
    pthread_cond_t changed;
} work;

/* False: the process lacks memory or file descriptors. */
static bool look(finding *f, bool decode, error *err)
{
    image decoded = {0};
    const char *path = f->set->paths[f->index];
    status result;
    if (decode) {
        result = image_read(path, &decoded, err);
        f->width = decoded.width;
        f->height = decoded.height;
        image_free(&decoded);
    } else {
        result = image_read_size(path, &f->width, &f->height, err);
    }
    if (result == STATUS_OK)
        return true;
    f->message = err->shortage ? NULL : strdup(err->message);
    if (!f->message && !err->shortage)
        error_memory(err, path);
    return f->message != NULL;
}

static void *look_at_chunks(void *argument)
{
    work *w = argument;
    pthread_mutex_lock(&w->lock);
    while (!w->failed && w->next < w->count) {
        size_t first = w->next, left = w->count - first;
        size_t count = left < CHUNK ? left : CHUNK;
        bool fine = true;
        error err;
        w->next += count;
        pthread_mutex_unlock(&w->lock);
        for (size_t i = first; fine && i < first + count; i++)
            fine = look(&w->findings[i], w->options->decode, &err);
        pthread_mutex_lock(&w->lock);
        w->done += count;
        if (!fine && !w->failed)
            w->err = err;
        w->failed |= !fine;
    }
    w->running--;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* Wakes from time to time to show the progress. */
static void watch(work *w)
{
    const survey_options *o = w->options;
    pthread_mutex_lock(&w->lock);
    while (w->running > 0) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += WAIT_NANOSECONDS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&w->changed, &w->lock, &until);
        size_t done = w->done;
        pthread_mutex_unlock(&w->lock);
        if (o->progress)
            o->progress(o->context, done, w->count);
        pthread_mutex_lock(&w->lock);
    }
    pthread_mutex_unlock(&w->lock);
}

static status run_threads(work *w, error *err)
{
    pthread_t threads[MAX_THREADS];
    pthread_condattr_t monotonic;
    int wanted = w->options->threads < MAX_THREADS ? w->options->threads : MAX_THREADS;
    int started = 0, code = 0;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_lock(&w->lock);
    while (started < wanted &&
           (code = pthread_create(&threads[started], NULL, look_at_chunks, w)) == 0)
        started++;
    w->running = started;
    pthread_mutex_unlock(&w->lock);
    watch(w);
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    if (started == 0)
        return error_start(err, "a thread that reads images", code);
    if (w->options->progress)
        w->options->progress(w->options->context, w->done, w->count);
    if (w->failed)
        *err = w->err;
    return w->failed ? STATUS_FAILED : STATUS_OK;
}

/* ---- Adding up ---- */

static int by_size(const void *a, const void *b)
{
    int first = *(const int *)a, second = *(const int *)b;
    return (first > second) - (first < second);
}

static survey_side summarize(int *values, size_t count)
{
    if (count == 0)
        return (survey_side){0};
    qsort(values, count, sizeof *values, by_size);
    return (survey_side){values[0], values[(count - 1) / 2], values[count - 1]};
}

static status add_up(const work *w, survey *made, error *err)
{
    int *widths = malloc((w->count + 1) * sizeof *widths);
    int *heights = malloc((w->count + 1) * sizeof *heights);
    status result;
    TRY_OR_DONE(got_memory(widths && heights, err, "the list of images"));
    for (size_t i = 0; i < w->count; i++) {
        finding *f = &w->findings[i];
        if (f->message) {
            TRY_OR_DONE(array_grow(&made->faults, made->fault_count, sizeof *made->faults,
                                   "the list of broken images", err));
            made->faults[made->fault_count++] = (survey_fault){f->part, f->index, f->message};
            f->message = NULL;
        } else {
            widths[made->readable] = f->width;
            heights[made->readable++] = f->height;
        }
    }
    made->width = summarize(widths, made->readable);
    made->height = summarize(heights, made->readable);
done:
    free(widths);
    free(heights);
    return result;
}

/* Lists all images. The sizes of images in memory are known; files are examined later. */
static void list_images(work *w, dataset *data)
{
    finding *next = w->findings;
    for (enum dataset_part part = PART_TRAIN; part < PART_COUNT; part++) {
        const image_set *set = dataset_part(data, part);
        for (size_t i = 0; i < set->count; i++)
            *next++ = (finding){set, part, i, set->width, set->height, NULL};
    }
}

status survey_run(dataset *data, const survey_options *options, survey *made, error *err)
{
    size_t count = data->train.count + data->valid.count + data->test.count;
    work w = {.options = options, .count = count};
    status result;
    *made = (survey){.images = count};
    w.findings = calloc(count + 1, sizeof *w.findings);
    TRY_OR_DONE(got_memory(w.findings, err, "the list of images"));
    list_images(&w, data);
    if (count > 0 && !data->train.pixels)
        TRY_OR_DONE(run_threads(&w, err));
    TRY_OR_DONE(add_up(&w, made, err));
done:
    for (size_t i = 0; w.findings && i < count; i++)
        free(w.findings[i].message);
    free(w.findings);
    if (result != STATUS_OK)
        survey_free(made);
    return result;
}

void survey_free(survey *made)
{
    for (size_t i = 0; i < made->fault_count; i++)
        free(made->faults[i].message);
    free(made->faults);
    *made = (survey){0};
}
