/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that look at every image file; see survey.h. */
#include "data/survey.h"
#include "base/array.h"
#include "data/image.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_THREADS = 64, CHUNK = 16, WAIT_NANOSECONDS = 100 * 1000 * 1000 };

/* What was found of one image. */
typedef struct finding {
    int width, height; /* 0: broken */
    char *message;
} finding;

typedef struct work {
    const survey_options *options;
    const image_set *set;
    finding *findings; /* [set->count] */
    size_t next, done;
    int running;
    bool memory_out;
    pthread_mutex_t lock;
    pthread_cond_t changed;
} work;

static bool look(const work *w, size_t index, finding *found)
{
    error err;
    const char *path = w->set->paths[index];
    status result;
    if (w->options->decode) {
        image decoded;
        result = image_read(path, &decoded, &err);
        if (result == STATUS_OK) {
            *found = (finding){decoded.width, decoded.height, NULL};
            image_free(&decoded);
        }
    } else {
        result = image_read_size(path, &found->width, &found->height, &err);
    }
    if (result == STATUS_OK)
        return true;
    *found = (finding){0, 0, strdup(err.message)};
    return found->message != NULL;
}

static void *look_at_chunks(void *argument)
{
    work *w = argument;
    pthread_mutex_lock(&w->lock);
    while (!w->memory_out && w->next < w->set->count) {
        size_t first = w->next, left = w->set->count - first;
        size_t count = left < CHUNK ? left : CHUNK;
        bool whole = true;
        w->next += count;
        pthread_mutex_unlock(&w->lock);
        for (size_t i = first; i < first + count; i++)
            whole &= look(w, i, &w->findings[i]);
        pthread_mutex_lock(&w->lock);
        w->done += count;
        w->memory_out |= !whole;
    }
    w->running--;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* Wakes now and then to show the progress. */
static void watch(work *w, size_t before, size_t total)
{
    const survey_options *o = w->options;
    pthread_mutex_lock(&w->lock);
    while (w->running > 0) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += WAIT_NANOSECONDS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&w->changed, &w->lock, &until);
        size_t done = before + w->done;
        pthread_mutex_unlock(&w->lock);
        if (o->progress)
            o->progress(o->context, done, total);
        pthread_mutex_lock(&w->lock);
    }
    pthread_mutex_unlock(&w->lock);
}

static status run_threads(work *w, size_t before, size_t total, error *err)
{
    pthread_t threads[MAX_THREADS];
    int wanted = w->options->threads < MAX_THREADS ? w->options->threads : MAX_THREADS;
    int started = 0, code = 0;
    pthread_mutex_lock(&w->lock);
    while (started < wanted &&
           (code = pthread_create(&threads[started], NULL, look_at_chunks, w)) == 0)
        started++;
    w->running = started;
    pthread_mutex_unlock(&w->lock);
    if (started == 0)
        return error_set(err, STATUS_FAILED, "a thread cannot be started: %s", strerror(code));
    watch(w, before, total);
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    if (w->options->progress)
        w->options->progress(w->options->context, before + w->done, total);
    return got_memory(!w->memory_out, err, "the list of images");
}

/* ---- Adding up ---- */

/* All sides found so far, of `readable` images. */
typedef struct sides {
    int *widths, *heights;
} sides;

static status add_findings(survey *made, enum dataset_part part, finding *findings, size_t count,
                           sides *all, error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (findings[i].message) {
            TRY(array_grow(&made->faults, made->fault_count, sizeof *made->faults,
                           "the list of broken images", err));
            made->faults[made->fault_count++] = (survey_fault){part, i, findings[i].message};
            findings[i].message = NULL;
            continue;
        }
        all->widths[made->readable] = findings[i].width;
        all->heights[made->readable++] = findings[i].height;
    }
    return STATUS_OK;
}

static status survey_part(dataset *data, enum dataset_part part, const survey_options *options,
                          survey *made, sides *all, size_t before, error *err)
{
    work w = {.options = options, .set = dataset_part(data, part)};
    size_t count = w.set->count;
    if (count == 0)
        return STATUS_OK;
    w.findings = calloc(count, sizeof *w.findings);
    TRY(got_memory(w.findings, err, "the list of images"));
    status result = STATUS_OK;
    if (w.set->pixels) {
        for (size_t i = 0; i < count; i++)
            w.findings[i] = (finding){w.set->width, w.set->height, NULL};
    } else {
        pthread_mutex_init(&w.lock, NULL);
        pthread_cond_init(&w.changed, NULL);
        result = run_threads(&w, before, made->images, err);
        pthread_cond_destroy(&w.changed);
        pthread_mutex_destroy(&w.lock);
    }
    if (result == STATUS_OK)
        result = add_findings(made, part, w.findings, count, all, err);
    for (size_t i = 0; i < count; i++)
        free(w.findings[i].message);
    free(w.findings);
    return result;
}

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

status survey_run(dataset *data, const survey_options *options, survey *made, error *err)
{
    *made = (survey){.images = data->train.count + data->valid.count + data->test.count};
    sides all = {malloc((made->images + 1) * sizeof(int)),
                 malloc((made->images + 1) * sizeof(int))};
    status result = got_memory(all.widths && all.heights, err, "the list of images");
    size_t before = 0;
    for (int part = 0; part < PART_COUNT && result == STATUS_OK; part++) {
        result = survey_part(data, (enum dataset_part)part, options, made, &all, before, err);
        before += dataset_part(data, (enum dataset_part)part)->count;
    }
    if (result == STATUS_OK) {
        made->width = summarize(all.widths, made->readable);
        made->height = summarize(all.heights, made->readable);
    } else {
        survey_free(made);
    }
    free(all.widths);
    free(all.heights);
    return result;
}

void survey_free(survey *made)
{
    for (size_t i = 0; i < made->fault_count; i++)
        free(made->faults[i].message);
    free(made->faults);
    *made = (survey){0};
}
